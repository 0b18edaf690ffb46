import { RangeRequest } from '../../../wire/generated/etcd.ts';

/** A tag of one byte and a length of at most 32 bits. */
const FIELD_HEAD_BYTES_MAX = 6;
/** Of a field that is bytes. */
const LENGTH_DELIMITED = 2;

/** A linearizable read of one key. */
export function rangeRequest(key: string): Buffer {
  const keyBytes = Buffer.from(key);
  return Buffer.from(
    RangeRequest.encode({ key: keyBytes, range_end: Buffer.alloc(0), serializable: false, count_only: false }).finish(),
  );
}

/** As PutRequest.encode would, for a tenth of its time: a copy, for the value may be another one afterwards. */
export function putRequest(key: Uint8Array, value: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(key.length + value.length + 2 * FIELD_HEAD_BYTES_MAX);
  const end = field(message, field(message, 0, 1, key), 2, value);
  return message.subarray(0, end);
}

function field(message: Buffer, start: number, number: number, bytes: Uint8Array): number {
  let at = start;
  message[at++] = (number << 3) | LENGTH_DELIMITED;
  let length = bytes.length;
  for (; length > 127; length = Math.floor(length / 128)) message[at++] = (length % 128) + 128;
  message[at++] = length;
  message.set(bytes, at);
  return at + bytes.length;
}
