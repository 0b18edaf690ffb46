import { startOf, VARINT_BYTES_MAX, writeVarint } from '../bytes/varint.ts';

const VALUE_TAG = 0x0a;
const scratch = new Uint8Array(1 + VARINT_BYTES_MAX);

/** The `LookupResponse` of proto/rkv.proto with a value that is UTF-8 already; copied. */
export function encodeLookupResponse(value: Uint8Array): Buffer {
  if (value.length === 0) return Buffer.alloc(0);
  scratch[0] = VALUE_TAG;
  const headLength = writeVarint(scratch, 1, value.length);
  const bytes = startOf(scratch, headLength, value.length);
  bytes.set(value, headLength);
  return Buffer.from(bytes.buffer);
}
