import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { recordsSize } from '../../consensus/entryCodec.ts';
import { nextPart, WRITE_PART_BYTES } from './writePart.ts';

const FIRST = 11;
const PLENTY = 1e9;

/** Ten records of the same size. */
const waiting = Array.from({ length: 10 }, (_, i) => new Entry(FIRST + i, 1, EntryType.Normal, new Uint8Array(100)));
const recordBytes = recordsSize(waiting.slice(0, 1));
const marksAt = (...lastIndexes: number[]) =>
  lastIndexes.map((lastIndex, i) => ({ mark: i + 1, lastIndex, hardState: { term: i + 1, vote: 0, commit: 0 } }));
const boundsOf = (partRecords: number, writeRecords: number, countMin = 1) => ({
  countMin,
  writeBytesMax: writeRecords * recordBytes,
  partBytes: partRecords * recordBytes,
});
const taken = (marks: ReturnType<typeof marksAt>, partRecords: number, writeRecords = PLENTY, countMin = 1) => {
  const { count, bytes } = nextPart(waiting, FIRST, marks, boundsOf(partRecords, writeRecords, countMin));
  expect(bytes).toBe(recordsSize(waiting.slice(0, count)));
  return count;
};

describe('what a write takes of the entries that wait', () => {
  it('is the batches that fit in a part, whole ones', () => {
    expect(taken(marksAt(13, 16, 20), 6)).toBe(6);
    expect(taken(marksAt(13, 16, 20), 5.9)).toBe(3);
    expect(taken(marksAt(13, 16, 20), 10)).toBe(10);
  });

  it('is one batch at least, whatever it takes', () => {
    expect(taken(marksAt(15, 20), 3)).toBe(5);
    expect(taken(marksAt(20), 3)).toBe(10);
  });

  it('does not end at batches that brought no entries, or whose entries are written', () => {
    expect(taken(marksAt(9, 10, 10, 14, 14, 20), 5)).toBe(4);
  });

  it('is all of it where writes cannot keep up', () => {
    expect(taken(marksAt(11, 14, 20), 2.5)).toBe(1);
    expect(taken(marksAt(11, 14, 20), 2.4)).toBe(10);
  });

  it('ends with the hard state of its last batch, be that one without entries; all of it with none of its own', () => {
    const termOf = (marks: ReturnType<typeof marksAt>, partRecords: number) =>
      nextPart(waiting, FIRST, marks, boundsOf(partRecords, PLENTY)).hardState?.term;
    expect(termOf(marksAt(13, 16, 20), 5)).toBe(1);
    expect(termOf(marksAt(13, 13, 13, 20), 5)).toBe(3);
    expect(termOf(marksAt(13, 16, 20), 10)).toBe(undefined);
    expect(termOf(marksAt(13, 16, 20), 0)).toBe(undefined);
  });

  it('never passes what one write may carry, and is one entry at least', () => {
    expect(taken(marksAt(13, 20), 4, 7)).toBe(7);
    expect(taken(marksAt(20), 4, 0.5)).toBe(1);
  });

  it('has so many entries at least, be that more than a part or than one write may carry', () => {
    expect(taken(marksAt(13, 16, 20), 6, PLENTY, 6)).toBe(6);
    expect(taken(marksAt(13, 16, 20), 6, PLENTY, 7)).toBe(10);
    expect(taken(marksAt(20), 0, 3, 8)).toBe(8);
    expect(taken(marksAt(20), 0, 3)).toBe(3);
  });

  it('is all that there is where no batch is known to end in it', () => {
    expect(taken([], 3)).toBe(10);
    expect(nextPart([], FIRST, marksAt(10), { ...boundsOf(0, PLENTY), partBytes: WRITE_PART_BYTES })).toEqual({
      count: 0,
      bytes: 0,
    });
  });
});
