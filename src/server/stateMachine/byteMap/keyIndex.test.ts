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

interface SlowSegment {
  readonly depth: number;
  /** The first bits that all its hashes have. */
  readonly prefix: number;
  readonly hashes: number[];
  slots: number;
}

/** How much memory the rules of the index take for these hashes, by lists of hashes. */
class SlowSizes {
  private depth = 1;
  private segments: SlowSegment[] = [{ depth: 0, prefix: 0, hashes: [], slots: 1024 }];

  get byteLength(): number {
    return 8 * this.segments.reduce((sum, { slots }) => sum + slots, 0) + 8 * 2 ** this.depth;
  }

  add(hash: number): void {
    for (;;) {
      const segment = this.segments.find(({ depth, prefix }) => firstBits(hash, depth) === prefix)!;
      if (segment.hashes.length < 0.75 * segment.slots) {
        segment.hashes.push(hash);
        return;
      }
      if (segment.depth < this.depth) this.split(segment);
      else if (2 ** this.depth < 16 * this.segments.length) this.depth++;
      else segment.slots *= 2;
    }
  }

  private split(segment: SlowSegment): void {
    const depth = segment.depth + 1;
    const halves = [2 * segment.prefix, 2 * segment.prefix + 1].map((prefix) => {
      const hashes = segment.hashes.filter((hash) => firstBits(hash, depth) === prefix);
      let slots = 1024;
      // What fills a segment as it comes widens that before it is added.
      for (let count = 0; count < hashes.length; count++) if (count >= 0.75 * slots) slots *= 2;
      return { depth, prefix, hashes, slots };
    });
    this.segments = [...this.segments.filter((each) => each !== segment), ...halves];
  }
}

const firstBits = (hash: number, count: number) => (count === 0 ? 0 : hash >>> (32 - count));

describe('the memory of the index', () => {
  const alike = (from: number, count: number) => Array.from({ length: count }, (_, i) => (from + (i & 7)) >>> 0);
  const spread = (count: number) => Array.from({ length: count }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
  it.each([
    ['spread', spread(12_000)],
    ['alike', alike(0xabcd0000, 3000)],
    ['alike in the first bits', Array.from({ length: 6000 }, (_, i) => i)],
    // A wide segment is taken apart once there are so many others that the directory may grow.
    ['alike, then spread, then alike again', [...alike(0x12340000, 2500), ...spread(9000), ...alike(0x12340000, 700)]],
  ])('is what its rules say, at every step, with hashes that are %s', (_, hashes) => {
    const [index, sizes] = [indexOf(0, () => 0), new SlowSizes()];
    for (const [entry, hash] of hashes.entries()) {
      index.add(hash, entry);
      sizes.add(hash);
      if (index.byteLength !== sizes.byteLength) expect([entry, index.byteLength]).toEqual([entry, sizes.byteLength]);
    }
    for (let entry = 0; entry < hashes.length; entry += 13) {
      if (find(index, entry, hashes[entry]!) !== entry) expect.fail(`entry ${entry}`);
    }
    expect(find(index, hashes.length, hashes[0]!)).toBe(-1);
  });
});
