import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from './byteWriter.ts';

/** Seven bits a byte, lowest first, as an array that grows by itself. */
function slowVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 128n; rest /= 128n) bytes.push(Number(rest % 128n) + 128);
  return [...bytes, Number(rest)];
}

function slowText(value: string): number[] {
  const bytes = [...Buffer.from(value, 'utf8')];
  return [...slowVarint(bytes.length), ...bytes];
}

/** Written with the text before it again and again, a text of this kind meets the end of every buffer. */
const texts = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  // What is short and what is plain end at these.
  fc
    .tuple(fc.constantFrom(0, 1, 63, 64, 65, 127, 128, 129, 1000), fc.constantFrom('a', '\u007f', '\u0080', 'é', '語'))
    .map(([length, unit]) => unit.repeat(length)),
  fc.integer({ min: 1, max: 5000 }).map((length) => 'x'.repeat(length)),
);
const numbers = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);

describe('bytes that grow as they are written', () => {
  it('are what a plain list of them is', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(texts, numbers), { maxLength: 100, size: 'max' }), (values) => {
        const writer = new ByteWriter();
        const expected: number[] = [];
        for (const value of values) {
          if (typeof value === 'string') {
            writer.text(value);
            expected.push(...slowText(value));
          } else {
            writer.varint(value);
            expected.push(...slowVarint(value));
          }
        }
        expect(Buffer.from(writer.finish()).equals(Buffer.from(expected))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('grow by numbers alone, whatever the last buffer had left', () => {
    for (let first = 0; first < 10; first++) {
      const writer = new ByteWriter();
      const values = Array.from({ length: 400 }, (_, i) => (i < first ? i : Number.MAX_SAFE_INTEGER));
      for (const value of values) writer.varint(value);
      expect(Buffer.from(writer.finish()).equals(Buffer.from(values.flatMap(slowVarint)))).toBe(true);
    }
  });

  it('go on where they ended: what was taken stays as it was', () => {
    const writer = new ByteWriter();
    writer.text('one');
    const taken = writer.finish();
    writer.text('two');
    expect([...taken]).toEqual(slowText('one'));
    expect([...writer.finish()]).toEqual([...slowText('one'), ...slowText('two')]);
  });

  it('have room for a number after a text that took all that was kept for it', () => {
    const writer = new ByteWriter();
    const text = '語'.repeat(338);
    writer.varint(1);
    writer.text(text);
    writer.varint(Number.MAX_SAFE_INTEGER);
    const expected = [1, ...slowText(text), ...slowVarint(Number.MAX_SAFE_INTEGER)];
    expect([...writer.finish()]).toEqual(expected);
  });

  it('have room for the length of a field after a number that left next to nothing', () => {
    const writer = new ByteWriter();
    const numbers = [...Array<number>(1015).fill(1), Number.MAX_SAFE_INTEGER];
    for (const number of numbers) writer.varint(number);
    writer.field(new Uint8Array(200).fill(3));
    const expected = [...numbers.flatMap(slowVarint), ...slowVarint(200), ...Array<number>(200).fill(3)];
    expect([...writer.finish()]).toEqual(expected);
  });
});
