import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { BLOCK_NUMBERS, DENSE_NUMBERS_MIN, SparseNumbers } from './sparseNumbers.ts';

/** Close together, at the edges of blocks, and beyond 32 bits. */
const number = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 2 ** 31 / BLOCK_NUMBERS, 2 ** 40), fc.integer({ min: -9, max: 9 }))
  .map(([block, offset]) => Math.max(0, block * BLOCK_NUMBERS + offset));

/** Runs of them fill blocks until they are kept as bits. */
const run = fc
  .tuple(number, fc.integer({ min: 1, max: DENSE_NUMBERS_MIN }))
  .map(([first, length]) => Array.from({ length }, (_, i) => first + i));
const runs = fc.array(run, { maxLength: 12 }).map((all) => [...new Set(all.flat())]);

/** The rule in its own words: of each block its numbers, and DENSE_NUMBERS_MIN at most. */
function weightOf(slow: ReadonlySet<number>): number {
  const counts = new Map<number, number>();
  for (const each of slow) {
    const key = Math.floor(each / BLOCK_NUMBERS);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  let weight = 0;
  for (const count of counts.values()) weight += Math.min(count, DENSE_NUMBERS_MIN);
  return weight;
}

const written = (numbers: SparseNumbers) => {
  const out = new ByteWriter();
  numbers.write(out);
  return out.finish();
};

const of = (numbers: Iterable<number>) => {
  const made = new SparseNumbers();
  for (const each of numbers) made.add(each);
  return made;
};

function expectSame(numbers: SparseNumbers, slow: ReadonlySet<number>): void {
  expect([numbers.size, numbers.lowest, numbers.weight]).toEqual([slow.size, Math.min(...slow), weightOf(slow)]);
  for (const each of slow)
    for (const near of [each - 1, each, each + 1])
      if (numbers.has(near) !== slow.has(near)) expect.unreachable(`${near} of ${[...slow]}`);
}

describe('sparse numbers', () => {
  it('are what a Set of them is', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), run), { maxLength: 40 }), (steps) => {
        const numbers = new SparseNumbers();
        const slow = new Set<number>();
        for (const [kind, each] of steps.flatMap(([kind, all]) => all.map((each) => [kind, each] as const))) {
          if (numbers.has(each) !== slow.has(each)) expect.unreachable(`${each} of ${[...slow]}`);
          if (kind === 0) expect(numbers.delete(each)).toBe(slow.delete(each));
          else if (!slow.has(each)) {
            numbers.add(each);
            slow.add(each);
          }
          if (numbers.weight !== weightOf(slow)) expect.unreachable(`${numbers.weight} for ${[...slow]}`);
        }
        expectSame(numbers, slow);
      }),
    );
  });

  it('leave what is above when all up to a number is dropped', () => {
    fc.assert(
      fc.property(runs, number, (all, upTo) => {
        const numbers = of(all);
        numbers.dropUpTo(upTo);
        expectSame(numbers, new Set(all.filter((each) => each > upTo)));
        expect(numbers.highest).toBe(Math.max(0, ...all));
      }),
    );
  });

  it('are read as they were written, and written alike whatever came and went before', () => {
    fc.assert(
      fc.property(runs, runs, (kept, gone) => {
        const direct = of(kept);
        const numbers = of(gone.filter((each) => !kept.includes(each)));
        for (const each of kept.toReversed()) numbers.add(each);
        for (const each of gone) if (!kept.includes(each)) numbers.delete(each);
        const bytes = written(numbers);
        expect(bytes).toEqual(written(direct));
        const reader = new ByteReader(bytes);
        const read = SparseNumbers.read(reader);
        expect(reader.pos).toBe(bytes.length);
        expectSame(read, new Set(kept));
        expect(read.highest).toBe(Math.max(0, ...kept));
        expect(written(read)).toEqual(bytes);
      }),
    );
  });

  it('took 512 bytes for each number that lay 4,096 from the next: of such they are a list', () => {
    const far = Array.from({ length: 128 }, (_, i) => i * BLOCK_NUMBERS);
    expect(of(far).weight).toBe(128);
    const close = Array.from({ length: BLOCK_NUMBERS }, (_, i) => i);
    expect(of(close).weight).toBe(DENSE_NUMBERS_MIN);
  });

  it.each([
    ['a block without a number', [1, 7, 0]],
    ['a block that ends in nothing', [1, 7, 2, 1, 0]],
    ['a block twice', [2, 7, 1, 1, 7, 1, 1]],
    ['blocks in the wrong order', [2, 7, 1, 1, 6, 1, 1]],
    ['a block that is too long', [1, 0, 0x81, 0x04, ...new Array<number>(513).fill(1)]],
    ['fewer blocks than there should be', [2, 7, 1, 1]],
  ])('are refused where there is %s', (_, bytes) => {
    expect(() => SparseNumbers.read(new ByteReader(Uint8Array.from(bytes)))).toThrow(MalformedBytesError);
  });

  it('are refused in a block whose numbers cannot be told apart any more', () => {
    const last = Math.floor(Number.MAX_SAFE_INTEGER / BLOCK_NUMBERS);
    const read = (key: number) => {
      const out = new ByteWriter();
      for (const each of [1, key]) out.varint(each);
      out.field(Uint8Array.of(1));
      return SparseNumbers.read(new ByteReader(out.finish()));
    };
    expect(read(last).lowest).toBe(last * BLOCK_NUMBERS);
    expect(() => read(last + 1)).toThrow(MalformedBytesError);
  });
});
