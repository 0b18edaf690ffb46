import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { RaftLog } from './log.ts';
import { command } from './testing/oneServer.ts';

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

  termAt(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.entries[index - this.base.index - 1]?.term;
  }
}

/** A log, the store beneath it, and the twin, all moved by the same steps. */
class Bench {
  readonly store = new MemoryLog();
  readonly log = new RaftLog(this.store);
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
      log.restore({ index, term, configuration: simpleConfiguration([1]), data: new Uint8Array(0) });
      twin.base = { index, term };
      twin.entries = [];
    } else if ('handOver' in each) this.handOver();
    else if ('prune' in each) log.prune(each.prune % (twin.lastIndex + 1));
    else {
      this.handOver();
      const index = twin.base.index + (each.compact % (twin.entries.length + 1));
      const term = twin.termAt(index)!;
      store.storeSnapshot({ index, term, configuration: simpleConfiguration([1]), data: new Uint8Array(0) }, 0);
      twin.entries = twin.entries.slice(index - twin.base.index);
      twin.base = { index, term };
    }
  }

  private handOver(): void {
    const write = this.log.takeWrite();
    if (write !== undefined) this.store.persist({ ...write, mark: ++this.mark, mustSync: true });
    expect(this.log.takeWrite()).toBeUndefined();
  }
}

describe('RaftLog', () => {
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
          }
          if (twin.entries.length === 0) return;
          const from = twin.base.index + 1 + (at % twin.entries.length);
          const read = log.entries(from, twin.lastIndex, maxBytes);
          expect(read.length).toBeGreaterThan(0);
          for (const [i, entry] of read.entries()) expect(entry).toBe(twin.entries[from - twin.base.index - 1 + i]);
          const bytes = read.reduce((sum, entry) => sum + recordSize(entry), 0);
          expect(read.length === 1 || bytes <= maxBytes).toBe(true);
        },
      ),
    );
  });

  it('refuses entries that do not follow its last', () => {
    const log = new RaftLog(new MemoryLog());
    expect(() => log.append([command(2, 1)])).toThrow('append at 2 to a log that ends at 0');
  });
});
