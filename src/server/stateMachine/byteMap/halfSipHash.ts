/** 64 bits that nobody outside the process knows, so that nobody can choose keys that meet in one place. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

/**
 * HalfSipHash-1-3 (Aumasson and Bernstein, SipHash, 2012; its half-width form as Linux keeps its hash tables with) of the bytes
 * from `start` to `end`: 32 bits, unsigned. In 32-bit arithmetic alone it is what JavaScript computes fastest of what withstands keys that are chosen.
 */
export function halfSipHash(key: HashKey, bytes: Uint8Array, start: number, end: number): number {
  let v0 = key.low;
  let v1 = key.high;
  let v2 = 0x6c796765 ^ key.low;
  let v3 = 0x74656462 ^ key.high;
  const length = end - start;
  const wordsEnd = end - (length & 3);
  let last = length << 24;
  for (let at = wordsEnd, shift = 0; at < end; at++, shift += 8) last |= bytes[at]! << shift;
  for (let at = start; ; at += 4) {
    const isLast = at >= wordsEnd;
    const word = isLast ? last : bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (isLast) break;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return (v1 ^ v3) >>> 0;
}
