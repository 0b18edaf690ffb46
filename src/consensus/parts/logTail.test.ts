import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogCompactedError, type Snapshot, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { LogTail } from './logTail.ts';

function command(index: number, term: number): Entry {
  return new Entry(index, term, EntryType.Normal, new TextEncoder().encode(`c${index}`));
}

function snapshotAt(index: number, term: number): Snapshot {
  return { index, term, configuration: simpleConfiguration([1]), data: new Uint8Array(0) };
}

type Step =
  | { append: number }
  | { truncate: number }
  | { restore: number }
  | { handOver: number }
  | { prune: number }
  | { compact: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 600 }) }) },
  { weight: 2, arbitrary: fc.record({ truncate: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ restore: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 4, arbitrary: fc.record({ handOver: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ prune: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ compact: fc.nat() }) },
);

/** The slow obvious twin: one array, and what was cut off its beginning. */
class Twin {
  base = { index: 0, term: 0 };
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

/** A log, the store beneath it, and the twin, all moved by the same steps. */
class Bench {
  readonly store = new MemoryLog();
  readonly log = new LogTail(this.store);
  readonly twin = new Twin();
  private mark = 0;

  perform(each: Step): void {
    const { log, store, twin } = this;
    if ('append' in each) {
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
      twin.entries = [];
    } else if ('handOver' in each) this.handOver();
    else if ('prune' in each) log.prune(each.prune % (twin.lastIndex + 1));
    else {
      this.handOver();
      const index = twin.base.index + (each.compact % (twin.entries.length + 1));
      const term = twin.termAt(index)!;
      store.storeSnapshot(snapshotAt(index, term), 0);
      twin.entries = twin.entries.slice(index - twin.base.index);
      twin.base = { index, term };
    }
  }

  private handOver(): void {
    const changes = this.log.take();
    if (changes !== undefined) this.store.persist({ ...changes, mark: ++this.mark, mustSync: true });
    expect(this.log.take()).toBeUndefined();
  }
}

describe('LogTail', () => {
  it('reads like one array, wherever its parts are', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.nat(),
        fc.integer({ min: 1, max: 400 }),
        (steps, at, maxBytes) => {
          const bench = new Bench();
          const { log, twin } = bench;
          for (const each of steps) {
            bench.perform(each);
            expect([log.lastIndex, log.firstIndex]).toEqual([twin.lastIndex, twin.base.index + 1]);
            expect(log.lastTerm).toBe(twin.termAt(twin.lastIndex));
            const index = twin.base.index + (at % (twin.entries.length + 3));
            expect(log.term(index)).toBe(twin.termAt(index));
            expect(log.isUpToDate(index, twin.term)).toBe(twin.isUpToDate(index, twin.term));
            expect(log.snapshot()?.index ?? 0).toBe(twin.base.index);
          }
          if (twin.entries.length === 0) return;
          const from = twin.base.index + 1 + (at % twin.entries.length);
          const to = from + (at % 50);
          expect(log.entries(from, to, maxBytes)).toEqual(twin.read(from, to, maxBytes));
          expect(log.entries(from, to, Number.POSITIVE_INFINITY)).toEqual(
            twin.read(from, to, Number.POSITIVE_INFINITY),
          );
        },
      ),
    );
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

  it('refuses entries that do not follow its last', () => {
    const log = new LogTail(new MemoryLog());
    expect(() => log.append([command(2, 1)])).toThrow('append at 2 to a log that ends at 0');
  });
});
