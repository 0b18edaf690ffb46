import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogCompactedError, type Snapshot, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { PendingLog } from './pendingLog.ts';

/** The obvious twin: the whole log in an array, changed at once. */
class ArrayLog {
  base = { index: 0, term: 0 };
  all: Entry[] = [];

  get lastIndex(): number {
    return this.base.index + this.all.length;
  }

  term(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.all.find((entry) => entry.index === index)?.term;
  }

  entries(from: number, to: number, countMax: number, maxBytes: number): Entry[] {
    const wanted = this.all.filter(({ index }) => index >= from && index <= to).slice(0, countMax);
    let bytes = 0;
    return wanted.filter((entry, position) => {
      bytes += recordSize(entry);
      return position === 0 || bytes <= maxBytes;
    });
  }
}

type Operation =
  | { readonly kind: 'append'; readonly count: number; readonly size: number }
  | { readonly kind: 'truncate'; readonly position: number }
  | { readonly kind: 'restore'; readonly ahead: number }
  | { readonly kind: 'take' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), count: fc.nat(4), size: fc.nat(20) }),
  fc.record({ kind: fc.constant('truncate' as const), position: fc.nat(100) }),
  fc.record({ kind: fc.constant('restore' as const), ahead: fc.nat(5) }),
  fc.record({ kind: fc.constant('take' as const) }),
);

class Pair {
  readonly store = new MemoryLog();
  readonly log = new PendingLog(this.store);
  readonly twin = new ArrayLog();
  private term = 0;
  private mark = 0;

  perform(step: Operation): void {
    const { log, twin } = this;
    this.term++;
    switch (step.kind) {
      case 'append': {
        const entries = Array.from({ length: step.count }, (_, i) => {
          return new Entry(twin.lastIndex + 1 + i, this.term, EntryType.Normal, new Uint8Array(step.size));
        });
        log.append(entries);
        twin.all.push(...entries);
        break;
      }
      case 'truncate': {
        if (twin.all.length === 0) break;
        const from = twin.base.index + 1 + (step.position % twin.all.length);
        log.truncate(from);
        twin.all = twin.all.filter((entry) => entry.index < from);
        break;
      }
      case 'restore': {
        const snapshot = snapshotAt(twin.lastIndex + step.ahead, this.term);
        log.restore(snapshot);
        twin.base = snapshot;
        twin.all = [];
        break;
      }
      case 'take':
        this.take();
    }
  }

  take(): void {
    this.store.persist({ mark: ++this.mark, mustSync: true, ...this.log.take() });
    expect(this.log.changed).toBe(false);
  }

  /** Whether the store shows another log than the twin; every step has a term of its own. */
  get isAhead(): boolean {
    const { store, twin } = this;
    if (store.firstIndex !== twin.base.index + 1 || store.lastIndex !== twin.lastIndex) return true;
    const indexes = Array.from({ length: twin.all.length + 1 }, (_, i) => twin.base.index + i);
    return indexes.some((index) => store.term(index) !== twin.term(index));
  }

  compare(readTo: number, countMax: number, maxBytes: number): void {
    const { log, twin } = this;
    const { base, lastIndex } = twin;
    const indexes = Array.from({ length: twin.all.length + 2 }, (_, i) => base.index + i);
    const shown = [log.firstIndex, log.lastIndex, log.lastTerm, log.changed, log.storedSnapshot()?.index ?? 0];
    expect([...shown, ...indexes.map((index) => log.term(index))]).toEqual([
      ...[base.index + 1, lastIndex, twin.term(lastIndex), this.isAhead, base.index],
      ...indexes.map((index) => twin.term(index)),
    ]);
    for (let from = log.firstIndex; from <= log.lastIndex + 1; from++) {
      expect(log.entries(from, readTo, countMax, maxBytes)).toEqual(twin.entries(from, readTo, countMax, maxBytes));
    }
  }
}

function snapshotAt(index: number, term: number): Snapshot {
  return { index, term, configuration: simpleConfiguration([1]), data: new Uint8Array(0) };
}

describe('PendingLog', () => {
  it('shows at every step what an array would, and hands over changes that make the store equal to it', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 25 }),
        fc.nat(30),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(60),
        (steps, to, count, bytes) => {
          const pair = new Pair();
          for (const step of steps) {
            pair.perform(step);
            pair.compare(to, count, bytes);
          }
          pair.take();
          pair.compare(to, count, bytes);
          expect([pair.store.firstIndex, pair.store.lastIndex]).toEqual([pair.log.firstIndex, pair.log.lastIndex]);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('refuses entries that do not follow the last one, and reads below the first', () => {
    const log = new PendingLog(new MemoryLog());
    expect(() => log.append([new Entry(2, 1, EntryType.Normal, new Uint8Array(0))])).toThrow(
      'appending entry 2 after 0',
    );
    log.restore(snapshotAt(7, 2));
    expect(() => log.entries(7, 9, 1, 1)).toThrow(LogCompactedError);
    expect(log.storedSnapshot()?.index).toBe(7);
  });
});
