import { describe, expect, it } from 'vitest';
import { KeyIndex } from './keyIndex.ts';

/** Keys of four bytes, the entry's number in them. */
function indexOf(count: number, hashOf: (entry: number) => number): KeyIndex {
  const index = new KeyIndex({ isKey: (entry, source) => new DataView(source.buffer).getUint32(0) === entry });
  for (let entry = 0; entry < count; entry++) index.add(hashOf(entry), entry);
  return index;
}

function find(index: KeyIndex, entry: number, hash: number): number {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, entry);
  return index.find(hash, key, 0, 4);
}

describe('the index of keys', () => {
  it.each([
    ['all alike', 2000, () => 0xdeadbeef],
    ['alike but for the last bits', 5000, (entry: number) => (0xabcd0000 | (entry & 7)) >>> 0],
    ['alike in the last bits', 20_000, (entry: number) => (entry << 16) >>> 0],
    ['alike in the first bits', 20_000, (entry: number) => entry],
    ['in order', 100_000, (entry: number) => (entry * 42_949) >>> 0],
  ])('finds its entries with hashes that are %s, in memory that follows their number', (_, count, hashOf) => {
    const index = indexOf(count, hashOf);
    for (let entry = 0; entry < count; entry += 97) expect(find(index, entry, hashOf(entry))).toBe(entry);
    expect(find(index, count, hashOf(count))).toBe(-1);
    expect(index.byteLength).toBeLessThan(64 * count + 64 * 1024);
  });
});
