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

const FORMS = {
  blocks: { write: 'write', read: 'read' },
  compact: { write: 'writeCompact', read: 'readCompact' },
} as const;
type Form = keyof typeof FORMS;

const written = (numbers: SparseNumbers, form: Form) => {
  const out = new ByteWriter();
  numbers[FORMS[form].write](out);
  return out.finish();
};

const read = (reader: ByteReader, form: Form) => SparseNumbers[FORMS[form].read](reader);

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

const varint = (value: number) => {
  const out = new ByteWriter();
  out.varint(value);
  return [...out.finish()];
};

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

  it.each(Object.keys(FORMS) as Form[])(
    'are read as they were written, and written alike whatever came and went before: as %s',
    (form) => {
      fc.assert(
        fc.property(runs, runs, (kept, gone) => {
          const direct = of(kept);
          const numbers = of(gone.filter((each) => !kept.includes(each)));
          for (const each of kept.toReversed()) numbers.add(each);
          for (const each of gone) if (!kept.includes(each)) numbers.delete(each);
          const bytes = written(numbers, form);
          expect(bytes).toEqual(written(direct, form));
          const reader = new ByteReader(bytes);
          const found = read(reader, form);
          expect(reader.pos).toBe(bytes.length);
          expectSame(found, new Set(kept));
          expect(found.highest).toBe(Math.max(0, ...kept));
          expect(written(found, form)).toEqual(bytes);
        }),
      );
    },
  );

  it('as blocks are bits up to the last that is one, of few as of many, as ever', () => {
    fc.assert(
      fc.property(runs, (all) => {
        const blocks = new Map<number, number[]>();
        for (const each of all.toSorted((a, b) => a - b)) {
          const key = Math.floor(each / BLOCK_NUMBERS);
          blocks.set(key, [...(blocks.get(key) ?? []), each % BLOCK_NUMBERS]);
        }
        const out = new ByteWriter();
        out.varint(blocks.size);
        for (const [key, numbers] of blocks) {
          const bits = new Uint8Array(1 + Math.floor(numbers.at(-1)! / 8));
          for (const each of numbers) bits[each >> 3]! |= 1 << (each & 7);
          out.varint(key);
          out.field(bits);
        }
        expect(written(of(all), 'blocks')).toEqual(out.finish());
      }),
    );
  });

  it('took 512 bytes in a snapshot for each number that lay 4,096 from the next: compact, they take what they differ by', () => {
    const far = of(Array.from({ length: 105 }, (_, i) => i * BLOCK_NUMBERS + 4095));
    expect([written(far, 'blocks').length > 105 * 512, written(far, 'compact').length]).toEqual([
      true,
      1 + 105 * 2 + 1,
    ]);
    // Of many in a row the bits are less.
    const close = of(Array.from({ length: BLOCK_NUMBERS }, (_, i) => i));
    expect(written(close, 'compact')).toHaveLength(1 + 1 + 1 + 2 + 512);
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

  const dense = [...new Array<number>(8).fill(255)];
  it.each([
    ['a number twice', [2, 7, 0, 0]],
    ['a number beyond 2^53 - 1', [2, ...varint(Number.MAX_SAFE_INTEGER), 1, 0]],
    ['fewer numbers than there should be', [3, 7, 1]],
    [
      'as many numbers of one block as its bits are for',
      [DENSE_NUMBERS_MIN, ...new Array<number>(DENSE_NUMBERS_MIN).fill(1), 0],
    ],
    ['a block of few', [0, 1, 0, 7, ...dense.slice(1)]],
    ['a block of which one stands by itself', [1, 100, 1, 0, 8, ...dense]],
    ['a block twice', [0, 2, 0, 8, ...dense, 0, 8, ...dense]],
    ['a block that ends in nothing', [0, 1, 0, 9, ...dense, 0]],
  ])('are refused, compact, where there is %s', (_, bytes) => {
    expect(() => SparseNumbers.readCompact(new ByteReader(Uint8Array.from(bytes)))).toThrow(MalformedBytesError);
  });

  it('are taken, compact, that differ from what is refused by one', () => {
    const compact = (bytes: readonly number[]) => SparseNumbers.readCompact(new ByteReader(Uint8Array.from(bytes)));
    expect(compact([2, 7, 1, 0]).size).toBe(2);
    expect(compact([2, ...varint(Number.MAX_SAFE_INTEGER - 1), 1, 0]).highest).toBe(Number.MAX_SAFE_INTEGER);
    expect(compact([63, ...new Array<number>(63).fill(1), 0]).size).toBe(63);
    const both = compact([2, ...varint(BLOCK_NUMBERS), ...varint(BLOCK_NUMBERS), 1, 0, 8, ...dense]);
    expect([both.size, both.weight, both.highest]).toEqual([66, 66, 2 * BLOCK_NUMBERS]);
    expect(() => compact([1, ...varint(BLOCK_NUMBERS - 1), 1, 0, 8, ...dense])).toThrow(MalformedBytesError);
    // 64 of two blocks.
    const edge = compact([64, ...varint(BLOCK_NUMBERS - 1), ...new Array<number>(63).fill(1), 0]);
    expect([edge.size, edge.weight]).toEqual([64, 64]);
  });

  it('are refused in a block whose numbers cannot be told apart any more', () => {
    const last = Math.floor(Number.MAX_SAFE_INTEGER / BLOCK_NUMBERS);
    const block = (key: number) => {
      const out = new ByteWriter();
      for (const each of [1, key]) out.varint(each);
      out.field(Uint8Array.of(1));
      return SparseNumbers.read(new ByteReader(out.finish()));
    };
    expect(block(last).lowest).toBe(last * BLOCK_NUMBERS);
    expect(() => block(last + 1)).toThrow(MalformedBytesError);
  });
});
