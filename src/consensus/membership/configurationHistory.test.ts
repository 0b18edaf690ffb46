import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { ConfigurationHistory } from './configurationHistory.ts';

/** An entry's data is the id that joins. */
const join = (before: Configuration, { data }: Entry) => simpleConfiguration([...before.voters, ...data]);
const entryAt = (index: number, id: number) => new Entry(index, 1, EntryType.Reconf, Uint8Array.of(id));

type Operation = { readonly kind: 'append' | 'truncate' | 'compact' | 'restore'; readonly distance: number };

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom('append', 'append', 'append', 'truncate', 'compact', 'restore'),
  distance: fc.integer({ min: 1, max: 6 }),
});

/** The obvious twin: the base and the entries, folded anew for every question. */
class SlowHistory {
  base = { index: 0, configuration: simpleConfiguration([1]) };
  entries: Entry[] = [];

  at(index: number): Configuration {
    return this.entries.filter((entry) => entry.index <= index).reduce(join, this.base.configuration);
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.base.index;
  }

  compact(index: number): void {
    this.base = { index, configuration: this.at(index) };
    this.entries = this.entries.filter((entry) => entry.index > index);
  }
}

function perform({ kind, distance }: Operation, step: number, fast: ConfigurationHistory, slow: SlowHistory): void {
  switch (kind) {
    case 'append': {
      const entry = entryAt(slow.lastIndex + distance, step + 2);
      fast.append(entry);
      slow.entries.push(entry);
      break;
    }
    case 'truncate': {
      const from = Math.max(slow.base.index + 1, slow.lastIndex - distance);
      fast.truncate(from);
      slow.entries = slow.entries.filter((entry) => entry.index < from);
      break;
    }
    case 'compact':
      fast.compact(slow.base.index + distance);
      slow.compact(slow.base.index + distance);
      break;
    case 'restore':
      slow.base = { index: slow.lastIndex + distance, configuration: simpleConfiguration([distance]) };
      slow.entries = [];
      fast.restore(slow.base.index, slow.base.configuration);
  }
}

describe('ConfigurationHistory', () => {
  it('answers at every step as its slow twin does', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const slow = new SlowHistory();
        const fast = new ConfigurationHistory(0, slow.base.configuration, [], join);
        for (const [step, next] of operations.entries()) {
          perform(next, step, fast, slow);
          expect(fast.latest).toEqual(slow.at(Number.POSITIVE_INFINITY));
          expect(fast.latestIndex).toBe(slow.lastIndex);
          const last = slow.entries.at(-1);
          expect(fast.previous).toEqual(last === undefined ? undefined : slow.at(last.index - 1));
          for (let index = slow.base.index; index <= slow.lastIndex + 1; index++)
            expect(fast.at(index)).toEqual(slow.at(index));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('starts with what storage holds, and by the bootstrap only where that says nothing', () => {
    const started = (log: MemoryLog) => ConfigurationHistory.stored({ log, bootstrap: [2, 1] }, join);
    const log = new MemoryLog();
    expect([started(log).latest, started(log).latestIndex]).toEqual([simpleConfiguration([1, 2]), 0]);
    log.persist({ mark: 1, entries: [entryAt(1, 8), entryAt(2, 9)], mustSync: true });
    const changed = started(log);
    expect([changed.latestIndex, changed.at(0).voters, changed.latest.voters]).toEqual([2, [1, 2], [1, 2, 8, 9]]);
    const snapshot = {
      index: 1,
      term: 1,
      configuration: simpleConfiguration([5]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    log.storeSnapshot(snapshot, 1);
    const compacted = started(log);
    expect([compacted.latestIndex, compacted.at(1).voters, compacted.latest.voters]).toEqual([2, [5], [5, 9]]);
  });

  it('starts from a snapshot, and leaves out entries that it covers', () => {
    const entries = [entryAt(3, 8), entryAt(5, 9), entryAt(8, 4)];
    const history = new ConfigurationHistory(5, simpleConfiguration([1, 2, 3]), entries, join);
    expect(history.latest.voters).toEqual([1, 2, 3, 4]);
    expect(history.at(7).voters).toEqual([1, 2, 3]);
    history.truncate(9);
    expect(history.latest.voters).toEqual([1, 2, 3, 4]);
    history.truncate(8);
    expect(history.latest.voters).toEqual([1, 2, 3]);
    // Somebody is always in force.
    history.truncate(5);
    expect(history.latest.voters).toEqual([1, 2, 3]);
  });
});
