import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintsSize, writeVarints } from '../../bytes/varint.ts';
import { MalformedMessageError } from '../contract.ts';
import { memberNumbers, readMembers } from './configurationCodec.ts';

const members = fc
  .uniqueArray(
    fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.maxSafeNat().map((id) => id + 1),
    ),
    { maxLength: 9 },
  )
  .map((ids) => ids.filter(Number.isSafeInteger).sort((a, b) => a - b));

function bytesOf(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(varintsSize(numbers));
  expect(writeVarints(bytes, 0, numbers)).toBe(bytes.length);
  return bytes;
}

describe('lists of members', () => {
  it('come back as they were, one after the other, and nothing after them is touched', () => {
    fc.assert(
      fc.property(fc.array(members, { maxLength: 4 }), (lists) => {
        const reader = new ByteReader(bytesOf([...memberNumbers(...lists), 77]));
        expect(lists.map(() => readMembers(reader))).toEqual(lists);
        expect(reader.varint()).toBe(77);
      }),
    );
  });

  it.each([
    ['that are too long', [1025], '1025 members, expected at most 1024'],
    ['that hold an id twice', [2, 3, 3], 'member 3 after 3'],
    ['that descend', [2, 3, 2], 'member 2 after 3'],
    ['that hold nobody', [1, 0], 'member 0 after 0'],
  ])('are refused %s', (_what, numbers, message) => {
    const read = () => readMembers(new ByteReader(bytesOf(numbers)));
    expect(read).toThrow(MalformedMessageError);
    expect(read).toThrow(message);
  });

  it('are refused where they are cut short', () => {
    expect(() => readMembers(new ByteReader(bytesOf([2, 3])))).toThrow(MalformedBytesError);
    expect(() => readMembers(new ByteReader(new Uint8Array(0)))).toThrow(MalformedBytesError);
  });

  it('of the largest size pass', () => {
    const ids = Array.from({ length: 1024 }, (_, i) => i + 1);
    expect(readMembers(new ByteReader(bytesOf(memberNumbers(ids))))).toEqual(ids);
  });
});
