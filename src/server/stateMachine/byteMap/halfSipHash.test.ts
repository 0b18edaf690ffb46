import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HashKey, halfSipHash } from './halfSipHash.ts';

const rotated = (word: number, by: number) => (word << by) | (word >>> (32 - by));

/** As it stands in the reference implementation, word for word, with its numbers of rounds open. */
function slowHash(key: HashKey, bytes: Uint8Array, rounds: number, lastRounds: number): number {
  const v = [key.low, key.high, 0x6c796765 ^ key.low, 0x74656462 ^ key.high] as [number, number, number, number];
  const mix = (count: number) => {
    for (let i = 0; i < count; i++) {
      v[0] += v[1];
      v[1] = rotated(v[1], 5) ^ v[0];
      v[0] = rotated(v[0], 16);
      v[2] += v[3];
      v[3] = rotated(v[3], 8) ^ v[2];
      v[0] += v[3];
      v[3] = rotated(v[3], 7) ^ v[0];
      v[2] += v[1];
      v[1] = rotated(v[1], 13) ^ v[2];
      v[2] = rotated(v[2], 16);
    }
  };
  const padded = new Uint8Array((bytes.length & ~3) + 4);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  const words = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 4) {
    v[3] ^= words.getUint32(at, true);
    mix(rounds);
    v[0] ^= words.getUint32(at, true);
  }
  v[2] ^= 0xff;
  mix(lastRounds);
  return (v[1] ^ v[3]) >>> 0;
}

describe('the hash of keys', () => {
  it('is the reference implementation’s: its first vectors for 2 and 4 rounds', () => {
    const key = { low: 0x03020100, high: 0x07060504 };
    const hashes = [0, 1, 2, 3].map((length) =>
      slowHash(
        key,
        Uint8Array.from({ length }, (_, i) => i),
        2,
        4,
      ),
    );
    expect(hashes).toEqual([0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a]);
  });

  it('is the same with 1 and 3 rounds, wherever the bytes stand', () => {
    const key = fc.record({ low: fc.integer(), high: fc.integer() });
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 300 }), fc.nat(9), (of, bytes, before) => {
        const held = new Uint8Array(before + bytes.length + 5).fill(0xa5);
        held.set(bytes, before);
        expect(halfSipHash(of, held, before, before + bytes.length)).toBe(slowHash(of, bytes, 1, 3));
      }),
    );
  });
});
