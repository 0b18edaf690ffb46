import { describe, expect, it } from 'vitest';
import type { DiskOperation } from './contract.ts';
import { Journal } from './journal.ts';
import { decodeEntry, encodeBinding } from './journalEntry.ts';
import { readJournal } from './journalReading.ts';
import { MEMORY_AREA, MemoryPromisedArea } from './memoryDisk.ts';
import { entriesIn, randomFrom } from './testing.ts';

type Done = (error: Error | null) => void;

const STORE_ID = new Uint8Array(16).fill(7);
const SEAL = { storeId: STORE_ID, binding: encodeBinding(undefined) };
const { halfBytes, blockBytes } = MEMORY_AREA;
const ENTRIES_OF_HALF = halfBytes / blockBytes;
/** With its header, one block. */
const SMALL: readonly DiskOperation[] = [{ key: 'k', value: new Uint8Array(100) }];

/** A journal whose area was just made; what is asked for is done when the test says so. */
function setUp() {
  const area = new MemoryPromisedArea('by-step');
  const covering: Done[] = [];
  const journal = new Journal(area, { number: 0, half: 1 }, (done) => covering.push(done));
  let sequence = 0;
  const told: (Error | null)[] = [];
  journal.create({ sequence: 0, checksum: 0 }, SEAL, (error) => told.push(error));
  area.step();
  told.length = 0;
  return {
    area,
    journal,
    covering,
    told,
    append: (operations = SMALL) => {
      sequence++;
      journal.append({ sequence, checksum: sequence }, SEAL, operations, (error) => told.push(error));
    },
    found: () => readJournal(area, area.content!, STORE_ID),
  };
}

/** Appends `count` small entries, each to its end. */
function fill({ append, area }: ReturnType<typeof setUp>, count: number): void {
  for (let i = 0; i < count; i++) {
    append();
    area.step();
  }
}

describe('a journal', () => {
  it('has something covered when a half is full, and goes on in the other one meanwhile', () => {
    const all = setUp();
    fill(all, ENTRIES_OF_HALF - 1);
    expect([all.covering.length, all.found().half]).toEqual([0, 0]);
    fill(all, 1);
    expect([all.covering.length, all.found().half]).toEqual([1, 1]);
    expect(all.found().last.covered).toBe(0);
    all.covering[0]!(null);
    fill(all, 1);
    expect(all.found().last).toMatchObject({ number: ENTRIES_OF_HALF + 2, covered: ENTRIES_OF_HALF });
    expect(all.told).toEqual(new Array(ENTRIES_OF_HALF + 1).fill(null));
  });

  it('waits before it writes over what is not covered yet', () => {
    const all = setUp();
    fill(all, 2 * ENTRIES_OF_HALF - 1);
    const before = all.area.content;
    all.append();
    expect(all.area.step()).toBe(false);
    expect(all.covering).toHaveLength(1);
    all.covering[0]!(null);
    expect(all.covering).toHaveLength(2);
    expect(all.area.content).toEqual(before);
    all.area.step();
    expect(all.told).toHaveLength(2 * ENTRIES_OF_HALF);
    expect(all.found()).toMatchObject({ half: 0, last: { number: 2 * ENTRIES_OF_HALF + 1, covered: ENTRIES_OF_HALF } });
    // The half before is not covered, and there.
    expect(all.found().operations).toHaveLength(ENTRIES_OF_HALF + 1);
  });

  it('needs to wait for nothing where everything is covered otherwise', () => {
    const all = setUp();
    fill(all, 2 * ENTRIES_OF_HALF - 1);
    all.journal.coverAll();
    fill(all, 1);
    expect(all.told).toHaveLength(2 * ENTRIES_OF_HALF);
    expect(all.found().last.covered).toBe(2 * ENTRIES_OF_HALF);
    // What is said to be covered later is no step back.
    all.covering[0]!(null);
    fill(all, 1);
    expect(all.found().last.covered).toBe(2 * ENTRIES_OF_HALF);
  });

  it('fails where what it would write over cannot be covered, whether somebody waits for it or comes later', () => {
    for (const isWaiting of [true, false]) {
      const all = setUp();
      fill(all, 2 * ENTRIES_OF_HALF - 1);
      const before = all.area.content;
      const failure = new Error('full');
      all.told.length = 0;
      if (isWaiting) all.append();
      all.covering[0]!(failure);
      if (!isWaiting) all.append();
      expect([all.told, all.area.step(), all.area.content]).toEqual([[failure], false, before]);
    }
  });

  it('begins in the half that does not hold the end, and counts on', () => {
    const all = setUp();
    fill(all, 3);
    const found = all.found();
    const area = new MemoryPromisedArea('by-step', all.area.content);
    const again = new Journal(area, { number: found.last.number, half: found.half }, () => {});
    again.append({ sequence: 3, checksum: 3 }, SEAL, [], () => {});
    area.step();
    expect(area.content!.subarray(0, halfBytes)).toEqual(all.area.content!.subarray(0, halfBytes));
    expect(readJournal(area, area.content!, STORE_ID)).toMatchObject({ half: 1, last: { number: 5, covered: 4 } });
  });

  it('takes no more blocks than an entry fills', () => {
    const filled: number[] = [];
    for (let valueBytes = blockBytes - 60; valueBytes < blockBytes; valueBytes++) {
      const { append, area } = setUp();
      append([{ key: 'k', value: new Uint8Array(valueBytes) }]);
      area.step();
      const { bytes } = entriesIn(area.content!).at(-1)!;
      filled.push(bytes);
      append();
      area.step();
      const next = blockBytes * (1 + Math.ceil(bytes / blockBytes));
      expect(decodeEntry(area.content!.subarray(next))?.number).toBe(3);
    }
    expect(filled).toContain(blockBytes);
  });

  it('writes again, over it, what it could not write', () => {
    const all = setUp();
    const { write } = all.area;
    all.area.write = (_at, _pieces, done) => done(new Error('torn'));
    all.append();
    all.area.write = write;
    all.append();
    all.area.step();
    expect(all.told).toEqual([new Error('torn'), null]);
    expect(entriesIn(all.area.content!).map(({ number, sequence }) => [number, sequence])).toEqual([
      [1, 0],
      [2, 2],
    ]);
  });

  it('holds everything that is not covered, whatever was written and whenever it was covered, after a crash at any time', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const all = setUp();
      /** Of each entry, the key that it puts; what is covered is on the disk. */
      const begun: string[] = [];
      let asked = 0;
      let covered = 0;
      const limits: number[] = [];
      for (let step = below(150); step >= 0; step--) {
        if (below(4) > 0 && all.told.length === begun.length) {
          const key = `k${begun.length}`;
          begun.push(key);
          all.append([{ key, value: new Uint8Array(below(halfBytes / 4)) }]);
        } else if (below(3) > 0) all.area.step();
        else if (asked < all.covering.length) {
          all.covering[asked]!(null);
          covered = limits[asked++]!;
        }
        // What it may take for granted of an answer that comes later.
        while (limits.length < all.covering.length) limits.push(all.told.length);
      }
      const { last, operations } = readJournal(all.area, all.area.crash(random).content!, STORE_ID);
      const held = new Set(operations.map(({ key }) => key));
      const done = begun.slice(0, all.told.length);
      expect(last.sequence, `seed ${seed}`).toBeGreaterThanOrEqual(done.length);
      for (const [i, key] of done.entries()) expect(i < covered || held.has(key), `seed ${seed}, ${key}`).toBe(true);
      const order = operations.map(({ key }) => Number(key.slice(1)));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
  });
});
