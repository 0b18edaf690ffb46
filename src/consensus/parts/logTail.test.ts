import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogCompactedError, type Snapshot, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { LogTail } from './logTail.ts';

/** Of different sizes: what follows on one that does not fit may be smaller. */
function command(index: number, term: number): Entry {
  return new Entry(index, term, EntryType.Normal, new TextEncoder().encode(`c${index}`.padEnd((5 * index) % 7)));
}

function snapshotAt(index: number, term: number): Snapshot {
  return { index, term, configuration: simpleConfiguration([1]), content: new MemoryContent(new Uint8Array(0)) };
}

const EVERYTHING = Number.MAX_SAFE_INTEGER;

type Step =
  | { append: number; rise: boolean }
  | { truncate: number }
  | { restore: number }
  | { handOver: number }
  | { prune: number }
  | { compact: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 4 }), rise: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ truncate: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ restore: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ handOver: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ prune: fc.oneof(fc.nat(), fc.constant(EVERYTHING)) }) },
  { weight: 1, arbitrary: fc.record({ compact: fc.nat() }) },
);

/** The slow obvious twin: one array, and what was cut off its beginning. */
class Twin {
  base = { index: 0, term: 0 };
  restoredIndex = -1;
  entries: Entry[] = [];
  term = 1;

  get lastIndex(): number {
    return this.base.index + this.entries.length;
  }

  read(from: number, to: number, maxBytes: number): Entry[] {
    let bytes = 0;
    const wanted = this.entries.filter(({ index }) => index >= from && index <= to);
    return wanted.filter((entry, place) => {
      bytes += recordSize(entry);
      return place === 0 || bytes <= maxBytes;
    });
  }

  /** By the last terms first, then by the lengths. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ownTerm = this.termAt(this.lastIndex)!;
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);
  }

  termAt(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.entries[index - this.base.index - 1]?.term;
  }
}

/** Storage that is asked only for what is there. */
class StrictLog extends MemoryLog {
  override entries(from: number, to: number, maxBytes: number): Entry[] {
    if (to < from) throw new RangeError(`entries ${from} to ${to}`);
    return super.entries(from, to, maxBytes);
  }
}

/** A log, the store beneath it, and the twin, all moved by the same steps. */
class Bench {
  readonly store = new StrictLog();
  readonly log = new LogTail(this.store);
  readonly twin = new Twin();
  private mark = 0;

  perform(each: Step): void {
    const { log, store, twin } = this;
    if ('append' in each) {
      if (each.rise) twin.term++;
      const entries = Array.from({ length: each.append }, (_, i) => command(twin.lastIndex + 1 + i, twin.term));
      log.append(entries);
      twin.entries.push(...entries);
    } else if ('truncate' in each) {
      if (twin.entries.length === 0) return;
      const keep = each.truncate % twin.entries.length;
      log.truncateFrom(twin.base.index + keep + 1);
      twin.entries.length = keep;
      twin.term++;
    } else if ('restore' in each) {
      const index = twin.lastIndex + each.restore;
      twin.term++;
      const { term } = twin;
      log.restore(snapshotAt(index, term));
      twin.base = { index, term };
      twin.restoredIndex = index;
      twin.entries = [];
    } else if ('handOver' in each) this.handOver();
    else if ('prune' in each) log.prune(each.prune === EVERYTHING ? EVERYTHING : each.prune % (twin.lastIndex + 1));
    else {
      this.handOver();
      const index = twin.base.index + (each.compact % (twin.entries.length + 1));
      const term = twin.termAt(index)!;
      store.storeSnapshot(snapshotAt(index, term), 0);
      twin.entries = twin.entries.slice(index - twin.base.index);
      twin.base = { index, term };
    }
  }

  /** Storage gets what is missing there, and then holds what the twin does. */
  private handOver(): void {
    const { log, store, twin } = this;
    const changes = log.take();
    if (changes !== undefined) store.persist({ ...changes, mark: ++this.mark, mustSync: true });
    expect(log.take()).toBeUndefined();
    expect([store.firstIndex - 1, store.term(store.firstIndex - 1)]).toEqual([twin.base.index, twin.base.term]);
    expect(store.lastIndex).toBe(twin.lastIndex);
    if (twin.entries.length === 0) return;
    expect(store.entries(store.firstIndex, store.lastIndex, Number.POSITIVE_INFINITY)).toEqual(twin.entries);
  }
}

describe('LogTail', () => {
  it('reads like one array, wherever its parts are', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const bench = new Bench();
        const { log, twin } = bench;
        for (const each of steps) {
          bench.perform(each);
          const { lastIndex, base, entries } = twin;
          expect([log.lastIndex, log.firstIndex, log.lastTerm]).toEqual([
            lastIndex,
            base.index + 1,
            twin.termAt(lastIndex),
          ]);
          expect(log.snapshot()?.index ?? 0).toBe(base.index);
          for (let index = Math.max(0, base.index - 3); index <= lastIndex + 2; index++) {
            // What is compacted may still be in memory, as the point that a snapshot set is.
            const isKept = log.inMemory(index) || index === twin.restoredIndex;
            if (index >= base.index || !isKept) expect(log.term(index)).toBe(twin.termAt(index));
          }
          for (const term of [twin.term - 1, twin.term, twin.term + 1]) {
            for (const index of [lastIndex - 1, lastIndex, lastIndex + 1]) {
              expect(log.isUpToDate(index, term)).toBe(twin.isUpToDate(index, term));
            }
          }
          const first = base.index + 1;
          expect(log.entries(first, lastIndex + 3, Number.POSITIVE_INFINITY)).toEqual(entries);
          for (let from = first; from <= lastIndex; from++) {
            // Exactly what some of them take, and a byte less.
            const some = entries.slice(from - first, from - first + 1 + (from % 5));
            const bytes = some.reduce((sum, entry) => sum + recordSize(entry), 0);
            for (const maxBytes of [bytes - 1, bytes]) {
              for (const to of [from - 1, from + 2, lastIndex]) {
                expect(log.entries(from, to, maxBytes)).toEqual(twin.read(from, to, maxBytes));
              }
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('lets go of what is not wanted soon in lots, or where nothing else is left, and never of what storage was not handed', () => {
    const log = new LogTail(new MemoryLog());
    log.append(Array.from({ length: 600 }, (_, i) => command(i + 1, 1)));
    log.prune(600);
    expect(log.inMemory(1)).toBe(true);
    log.take();
    log.append([command(601, 1)]);
    log.prune(511);
    expect(log.inMemory(1)).toBe(true);
    log.prune(512);
    expect([log.inMemory(512), log.inMemory(513)]).toEqual([false, true]);
    log.prune(601);
    expect([log.inMemory(600), log.inMemory(601)]).toEqual([true, true]);
    log.take();
    log.prune(601);
    expect(log.inMemory(601)).toBe(false);
  });

  it('asks only the store for what it let go, and hands over what the store is to hold', () => {
    const store = new MemoryLog();
    const log = new LogTail(store);
    log.append([command(1, 1), command(2, 1)]);
    expect(log.take()).toMatchObject({
      snapshot: undefined,
      truncateFrom: undefined,
      entries: [{ index: 1 }, { index: 2 }],
    });
    expect([log.inMemory(1), log.inMemory(2), log.inMemory(3)]).toEqual([true, true, false]);
    log.prune(2);
    expect([log.inMemory(2), log.term(2)]).toEqual([false, 1]);
    expect(() => log.entries(1, 2, 1)).toThrow(RangeError);
    log.truncateFrom(2);
    log.append([command(2, 3)]);
    expect(log.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2, term: 3 }] });
  });

  it('refuses to read below the snapshot that took the place of the log', () => {
    const log = new LogTail(new MemoryLog());
    log.restore(snapshotAt(7, 2));
    expect(() => log.entries(7, 9, 1)).toThrow(LogCompactedError);
    expect(log.entries(8, 9, 1)).toEqual([]);
    expect([log.snapshot()?.index, log.term(7), log.term(6)]).toEqual([7, 2, undefined]);
  });

  it('asks the store for the terms of what it let go after a snapshot', () => {
    const store = new MemoryLog();
    const log = new LogTail(store);
    log.restore(snapshotAt(3, 1));
    log.append([command(4, 2), command(5, 3)]);
    store.persist({ ...log.take()!, mark: 1, mustSync: true });
    log.prune(5);
    expect([3, 4, 5].map((index) => log.term(index))).toEqual([1, 2, 3]);
  });

  it('refuses entries that do not follow its last', () => {
    const log = new LogTail(new MemoryLog());
    expect(() => log.append([command(2, 1)])).toThrow('append at 2 to a log that ends at 0');
  });
});
