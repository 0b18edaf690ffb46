import { expect, it } from 'vitest';
import { EntryTable } from './entryTable.ts';

const SEGMENT_ENTRIES = 4096;

it('a table of entries holds what was set, 0 elsewhere, and memory for the segments that were', () => {
  const table = new EntryTable();
  expect([table.byteLength, table.get(0), table.get(10 * SEGMENT_ENTRIES)]).toEqual([0, 0, 0]);
  const set = [2 * SEGMENT_ENTRIES + 5, 3 * SEGMENT_ENTRIES - 1, 3 * SEGMENT_ENTRIES, 7 * SEGMENT_ENTRIES];
  for (const [i, entry] of set.entries()) table.set(entry, 2 ** 32 - 1 - i);
  expect(set.map((entry) => table.get(entry))).toEqual([4294967295, 4294967294, 4294967293, 4294967292]);
  for (const entry of [0, 5, 2 * SEGMENT_ENTRIES, 2 * SEGMENT_ENTRIES + 4, 4 * SEGMENT_ENTRIES]) {
    expect(table.get(entry), `entry ${entry}`).toBe(0);
  }
  expect(table.byteLength).toBe(3 * SEGMENT_ENTRIES * 4);
});
