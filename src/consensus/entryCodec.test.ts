import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../bytes/byteReader.ts';
import { Entry, EntryType } from './entry.ts';
import {
  decodeEntries,
  encodeEntries,
  LARGE_PART_BYTES,
  largeRecords,
  recordSize,
  recordsSize,
  writeEntries,
} from './entryCodec.ts';

const safeInteger = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.integer({ min: 0, max: 53 }).map((bits) => Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)),
  fc.constant(Number.MAX_SAFE_INTEGER),
);
const type = fc.constantFrom(...Object.values(EntryType));
const entry = fc
  .tuple(safeInteger, safeInteger, type, fc.uint8Array({ maxLength: 300 }))
  .map(([index, term, kind, data]) => new Entry(index, term, kind, data));

function plain(entries: readonly Entry[]): unknown[] {
  return entries.map((each) => [each.index, each.term, each.type, Array.from(each.data)]);
}

function sample(from: number, to: number, dataBytes = 5): Entry[] {
  const entries: Entry[] = [];
  for (let i = from; i <= to; i++) entries.push(new Entry(i, 3, EntryType.Normal, new Uint8Array(dataBytes).fill(i)));
  return entries;
}

describe('entries', () => {
  it('round-trip, and take the size announced', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const size = recordsSize(entries);
        const bytes = encodeEntries(entries);
        expect(bytes.length).toBe(size);
        expect(recordsSize(entries)).toBe(size);
        expect(plain(decodeEntries(bytes))).toEqual(plain(entries));
      }),
    );
  });

  it('are the bytes that the gorums wire prescribes', () => {
    const bytes = encodeEntries([
      new Entry(300, 1, EntryType.Normal, new Uint8Array([7, 8])),
      new Entry(0, 0, EntryType.Internal, new Uint8Array(0)),
    ]);
    const first = [0x32, 11, 0x08, 1, 0x10, 0xac, 0x02, 0x18, 1, 0x22, 2, 7, 8];
    expect(Array.from(bytes)).toEqual([...first, 0x32, 0]);
  });

  it('that stand side by side are returned without a copy', () => {
    const entries = sample(1, 20);
    const bytes = encodeEntries(entries);
    const again = encodeEntries(entries);
    expect(again.buffer).toBe(bytes.buffer);
    const part = encodeEntries(entries.slice(4, 9));
    expect(part.buffer).toBe(bytes.buffer);
    expect(plain(decodeEntries(part))).toEqual(plain(entries.slice(4, 9)));
    const decoded = decodeEntries(bytes);
    expect(encodeEntries(decoded.slice(2)).buffer).toBe(bytes.buffer);
  });

  it('from several buffers, with and without records, in any mixture encode the same', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(5)), { maxLength: 12 }), (groups) => {
        const entries: Entry[] = [];
        for (const [kind, count] of groups) {
          const made = sample(entries.length + 1, entries.length + count);
          if (kind > 0) encodeEntries(made);
          entries.push(...(kind === 2 ? decodeEntries(encodeEntries(made)) : made));
        }
        const fresh = sample(1, entries.length);
        expect(Array.from(encodeEntries(entries))).toEqual(Array.from(encodeEntries(fresh)));
        expect(plain(decodeEntries(encodeEntries(entries)))).toEqual(plain(fresh));
      }),
    );
  });

  it('chosen from buffers at random encode the same, though some end where others begin', () => {
    const data = (buffer: number, place: number) => new Uint8Array(4).fill(10 * buffer + place);
    const buffers = [1, 2].map((buffer) => {
      const made = [1, 2, 3, 4].map((place) => new Entry(place, 3, EntryType.Normal, data(buffer, place)));
      encodeEntries(made);
      return made;
    });
    const chosen = fc.array(fc.tuple(fc.nat(1), fc.nat(3)), { maxLength: 6 });
    fc.assert(
      fc.property(chosen, (choices) => {
        const entries = choices.map(([buffer, place]) => buffers[buffer]![place]!);
        const into = new Uint8Array(recordsSize(entries));
        writeEntries(entries, into, 0);
        expect(plain(decodeEntries(into))).toEqual(plain(entries));
        expect(plain(decodeEntries(encodeEntries(entries)))).toEqual(plain(entries));
      }),
      { numRuns: 300 },
    );
  });

  it('with unknown fields take the bytes that they came with, among others', () => {
    const [found] = decodeEntries(new Uint8Array([0x32, 6, 0x10, 5, 0x42, 2, 9, 9]));
    expect(recordSize(found!)).toBe(8);
    const bytes = encodeEntries([...sample(1, 1), found!, ...sample(6, 6)]);
    expect(plain(decodeEntries(bytes))).toEqual(plain([...sample(1, 1), found!, ...sample(6, 6)]));
  });

  it('go in pieces where one is large: those that are small together, and each that is large alone', () => {
    const overhead = recordSize(new Entry(9, 1, EntryType.Normal, new Uint8Array(LARGE_PART_BYTES))) - LARGE_PART_BYTES;
    const sized = (bytes: number) => new Entry(9, 1, EntryType.Normal, new Uint8Array(bytes - overhead));
    expect(largeRecords([...sample(1, 3), sized(LARGE_PART_BYTES - 1)])).toBeUndefined();
    const entries = [...sample(1, 3), sized(LARGE_PART_BYTES), sized(LARGE_PART_BYTES), ...sample(4, 6)];
    const pieces = largeRecords(entries)!;
    expect(pieces.map(({ length }) => length)).toEqual([
      recordsSize(sample(1, 3)),
      LARGE_PART_BYTES,
      LARGE_PART_BYTES,
      recordsSize(sample(4, 6)),
    ]);
    expect(Buffer.concat(pieces).equals(encodeEntries(entries))).toBe(true);
  });

  it('written into a larger buffer refer to it', () => {
    const entries = sample(1, 3);
    const into = new Uint8Array(recordsSize(entries) + 10);
    expect(writeEntries(entries, into, 7)).toBe(into.length - 3);
    expect(entries.every((each) => each.record === into)).toBe(true);
    expect(entries[1]!.recordEnd - entries[1]!.recordStart).toBe(recordSize(entries[1]!));
    expect(plain(decodeEntries(into, 7, into.length - 3))).toEqual(plain(sample(1, 3)));
  });

  it('with unknown fields are read, and keep them when they are passed on', () => {
    const bytes = new Uint8Array([0x32, 15, 0x10, 5, 0x38, 0x96, 0x01, 0x42, 1, 9, 0x4d, 1, 2, 3, 4, 0x18, 1]);
    const [found] = decodeEntries(bytes);
    expect(plain([found!])).toEqual([[5, 0, 1, []]]);
    expect(Array.from(encodeEntries([found!]))).toEqual(Array.from(bytes));
  });

  it('that are malformed are refused by name, whatever the bytes', () => {
    const refused = [
      [0x33, 0],
      [0x32],
      [0x32, 5, 0x08],
      [0x32, 2, 0x22, 5, 1, 1, 1, 1, 1],
      [0x32, 2, 0x18, 5],
      [0x32, 1, 0x08, 1],
      [0x32, 1, 0x0b],
      [0x32, 3, 0x4d, 1, 2, 3, 4],
    ];
    for (const bytes of refused) expect(() => decodeEntries(new Uint8Array(bytes))).toThrow(MalformedBytesError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeEntries(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('cut short anywhere but between records are refused', () => {
    const bytes = encodeEntries(sample(1, 3));
    const size = bytes.length / 3;
    for (let end = 0; end <= bytes.length; end++) {
      if (end % size === 0) expect(decodeEntries(bytes, 0, end)).toHaveLength(end / size);
      else expect(() => decodeEntries(bytes, 0, end)).toThrow(MalformedBytesError);
    }
  });
});
