import { expect, it } from 'vitest';
import { PutRequest, RangeRequest } from '../../../wire/generated/etcd.ts';
import { putRequest, rangeRequest } from './etcdRequests.ts';

it.each([0, 1, 127, 128, 16_384, 3_000_000])(
  'a put with a value of %i bytes is what the generated code reads',
  (bytes) => {
    const key = Buffer.from('key');
    const value = Buffer.alloc(bytes, 'v');
    const message = putRequest(key, value);
    // What was handed over may change at once.
    const sent = Buffer.from(value);
    value.fill(0);
    const read = PutRequest.decode(message);
    expect(Buffer.from(read.key).equals(key)).toBe(true);
    expect(Buffer.from(read.value).equals(sent)).toBe(true);
  },
);

it('a range is of one key, and linearizable', () => {
  const { key, range_end: end, serializable } = RangeRequest.decode(rangeRequest('key'));
  expect([Buffer.from(key).toString(), end.length, serializable]).toEqual(['key', 0, false]);
});
