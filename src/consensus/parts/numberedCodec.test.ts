import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedMessageError } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { LARGE_PART_BYTES } from '../entryCodec.ts';
import { ENTRIES, type Layouts, messageIn, numberedCodec } from './numberedCodec.ts';

type TestMessage =
  | { readonly type: 'numbers'; readonly first: number; readonly second: number }
  | { readonly type: 'flags'; readonly before: number; readonly one: boolean; readonly two: boolean }
  | { readonly type: 'entries'; readonly last: number; readonly entries: readonly Entry[] };

const LAYOUTS: Layouts<TestMessage> = {
  numbers: { fields: ['first', 'second'] },
  flags: { fields: ['before', ['one', 'two']] },
  entries: { fields: ['last'], rest: ENTRIES },
};

const codec = numberedCodec<TestMessage>({ engine: 'test', version: 3, firstKind: 4 }, LAYOUTS, () => false);

/** A number as protobuf writes it, a byte at a time. */
function slowVarint(value: number): number[] {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...slowVarint(Math.floor(value / 128))];
}

const integer = fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER), fc.nat());

describe('messages as numbers', () => {
  it('stand in the order of their fields, after version and kind', () => {
    fc.assert(
      fc.property(integer, integer, (first, second) => {
        const bytes = codec.encode({ type: 'numbers', first, second });
        expect([...bytes]).toEqual([3, 4, ...slowVarint(first), ...slowVarint(second)]);
        expect(codec.decode(bytes)).toEqual({ type: 'numbers', first, second });
      }),
    );
  });

  it('have flags that share a number, the first the lowest bit', () => {
    for (const [one, two, bits] of [
      [false, false, 0],
      [true, false, 1],
      [false, true, 2],
      [true, true, 3],
    ] as const) {
      const bytes = codec.encode({ type: 'flags', before: 9, one, two });
      expect([...bytes]).toEqual([3, 5, 9, bits]);
      expect(codec.decode(bytes)).toEqual({ type: 'flags', before: 9, one, two });
    }
  });

  it('are large in pieces, in which nothing large is copied', () => {
    const entryOf = (index: number, bytes: number) =>
      new Entry(index, 1, EntryType.Normal, new Uint8Array(bytes).fill(index));
    const small = [entryOf(1, 5), entryOf(2, LARGE_PART_BYTES - 100)];
    expect(codec.encodeLarge({ type: 'entries', last: 1, entries: small })).toBeUndefined();
    expect(codec.encodeLarge({ type: 'numbers', first: 1, second: 2 })).toBeUndefined();
    const entries = [...small, entryOf(3, LARGE_PART_BYTES), entryOf(4, 2 * LARGE_PART_BYTES), entryOf(5, 1)];
    const pieces = codec.encodeLarge({ type: 'entries', last: 1, entries })!;
    expect(pieces.map(({ length }) => length > 1000)).toEqual([false, true, true, true, false]);
    expect([2, 3].map((at) => pieces[at]!.buffer === entries[at]!.record!.buffer)).toEqual([true, true]);
    expect(Buffer.compare(Buffer.concat(pieces), codec.encode({ type: 'entries', last: 1, entries }))).toBe(0);
    // To the next peer the same memory.
    expect(codec.encodeLarge({ type: 'entries', last: 9, entries })![2]!.buffer).toBe(pieces[2]!.buffer);
  });

  it('end with what is long, which is read as a view', () => {
    const entries = [new Entry(1, 2, EntryType.Normal, Uint8Array.of(7))];
    const bytes = codec.encode({ type: 'entries', last: 1, entries });
    expect([...bytes]).toEqual([3, 6, 1, 0x32, 9, 0x08, 2, 0x10, 1, 0x18, 1, 0x22, 1, 7]);
    const decoded = codec.decode(bytes);
    if (decoded.type !== 'entries') throw new Error(decoded.type);
    expect(decoded.entries.map(({ record }) => record)).toEqual([bytes]);
  });

  it.each([
    ['nothing', [], 'test message of 0 bytes: malformed at byte 0: an integer is cut short'],
    ['another version', [2, 4, 1, 1], 'test message of version 2, expected 3'],
    ['a kind before the first', [3, 3], 'test message of kind 3, expected 4 to 6'],
    ['a kind after the last', [3, 7], 'test message of kind 7, expected 4 to 6'],
    ['a number too few', [3, 4, 1], 'test message of 3 bytes: malformed at byte 3: an integer is cut short'],
    ['a number too many', [3, 4, 1, 1, 1], '1 bytes after a numbers'],
    ['flags that are not known', [3, 5, 9, 4], 'flags 4, expected less than 4'],
  ])('are refused with MalformedMessageError: %s', (_, bytes, reason) => {
    const decode = () => codec.decode(Uint8Array.from(bytes));
    expect(decode).toThrow(MalformedMessageError);
    expect(decode).toThrow(reason);
  });

  it('have room for the most numbers that one of them has, however large', () => {
    const fields = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const layouts = { few: { fields: ['a'] }, many: { fields } };
    type Message = { readonly type: string };
    const most = Number.MAX_SAFE_INTEGER;
    const many = { type: 'many', ...Object.fromEntries(fields.map((field) => [field, most])) };
    const wide = numberedCodec<Message>(
      { engine: 'test', version: 1, firstKind: 1 },
      layouts as unknown as Layouts<Message>,
      () => false,
    );
    expect([...wide.encode(many)]).toEqual([1, 2, ...fields.flatMap(() => slowVarint(most))]);
    expect(wide.decode(wide.encode(many))).toEqual(many);
  });

  it('turn no mistake of their reader into one of the bytes', () => {
    const broken = () => {
      throw new TypeError('a mistake');
    };
    expect(() => messageIn(Uint8Array.of(1), () => 'a message', broken)).toThrow(TypeError);
  });
});
