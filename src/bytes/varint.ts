/** The longest varint here is that of Number.MAX_SAFE_INTEGER, which has 53 bits. */
export const VARINT_BYTES_MAX = 8;

/**
 * The first `length` bytes of `scratch`, with room for just `restBytes` after them. What stands before the rest of a message is put together in a
 * scratch buffer, so that nothing is too large; so little is copied quicker here than by a call.
 */
export function startOf(scratch: Uint8Array, length: number, restBytes: number): Uint8Array {
  const bytes = new Uint8Array(length + restBytes);
  for (let i = 0; i < length; i++) bytes[i] = scratch[i]!;
  return bytes;
}

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Bytes that a list of numbers takes, each as a varint. */
export function varintsSize(values: readonly number[]): number {
  let size = 0;
  for (const value of values) size += varintSize(value);
  return size;
}

/** Returns the position after them, as does `writeVarint`. */
export function writeVarints(into: Uint8Array, at: number, values: readonly number[]): number {
  let pos = at;
  for (const value of values) pos = writeVarint(into, pos, value);
  return pos;
}

export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let pos = at;
  while (rest > 0x7fffffff) {
    into[pos++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    into[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[pos++] = rest;
  return pos;
}
