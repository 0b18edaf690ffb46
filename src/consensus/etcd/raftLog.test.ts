import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { RaftLog } from './raftLog.ts';

const entry = (index: number, term: number) => new Entry(index, term, EntryType.Normal, new Uint8Array([index, term]));
const terms = (...list: number[]) => list.map((term, i) => entry(i + 1, term));

function logOf(stored: Entry[], unstable: Entry[] = []): RaftLog {
  const storage = new MemoryLog();
  let mark = 0;
  if (stored.length > 0) storage.persist({ mark: ++mark, entries: stored, mustSync: true });
  const log = new RaftLog(storage, Number.POSITIVE_INFINITY);
  if (unstable.length > 0) log.append(unstable);
  return log;
}

describe('the log of a follower (Raft §5.3, figure 7)', () => {
  it('appends after the entry before, and refuses where that one is missing or of another term', () => {
    const log = logOf(terms(1, 1, 2));
    expect(log.appendAfter(3, 2, [entry(4, 3)], 2)).toBe(4);
    expect(log.committed).toBe(2);
    expect(log.appendAfter(5, 3, [entry(6, 3)], 2)).toBeUndefined();
    expect(log.appendAfter(2, 2, [entry(3, 3)], 2)).toBeUndefined();
    expect(log.lastIndex).toBe(4);
  });

  it('replaces what conflicts and keeps what is there already', () => {
    const log = logOf(terms(1, 1, 2, 2));
    expect(log.appendAfter(1, 1, [entry(2, 1), entry(3, 2)], 0)).toBe(3);
    expect([log.lastIndex, log.unstable.nextEntries()]).toEqual([4, []]);
    expect(log.appendAfter(3, 2, [entry(4, 2), entry(5, 2)], 0)).toBe(5);
    expect(log.unstable.nextEntries().map(({ index }) => index)).toEqual([5]);
    expect(log.appendAfter(2, 1, [entry(3, 3)], 0)).toBe(3);
    expect([log.lastIndex, log.lastTerm]).toEqual([3, 3]);
  });

  it('refuses to replace what is committed', () => {
    const log = logOf(terms(1, 1, 2));
    log.commitTo(3);
    expect(log.appendAfter(1, 1, [entry(2, 4)], 3)).toBeUndefined();
    expect(log.appendAfter(2, 1, [entry(3, 4)], 3)).toBeUndefined();
    expect([log.term(2), log.term(3)]).toEqual([1, 2]);
  });

  it('does not take a commit index for entries that it does not hold', () => {
    const log = logOf(terms(1, 1));
    log.commitTo(9);
    expect(log.committed).toBe(0);
    log.appendAfter(2, 1, [], 9);
    expect(log.committed).toBe(2);
  });

  it('finds the place where logs may agree as a walk from the end would', () => {
    const ascending = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 20 }).map((list) => list.sort());
    fc.assert(
      fc.property(ascending, fc.nat(25), fc.integer({ min: 0, max: 6 }), (list, index, term) => {
        const log = logOf(terms(...list));
        let at = index;
        while (at <= list.length && (log.term(at) ?? 0) > term) at--;
        const known = index > 0 && index <= list.length;
        expect(log.findConflictByTerm(index, term)).toEqual({ index: at, term: known ? (log.term(at) ?? 0) : 0 });
      }),
    );
  });
});

describe('the unstable end of the log', () => {
  it('reads as one log with what storage holds, whatever was handed over, replaced and confirmed', () => {
    const action = fc.oneof(
      fc.record({ append: fc.integer({ min: 1, max: 4 }), back: fc.nat(5) }),
      fc.constantFrom('hand over', 'confirm', 'confirm old'),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const storage = new MemoryLog();
        const log = new RaftLog(storage, Number.POSITIVE_INFINITY);
        let twin: Entry[] = [];
        let term = 1;
        let mark = 0;
        const confirmations: { index: number; term: number }[] = [];
        for (const each of actions) {
          if (typeof each === 'object') {
            term++;
            const from = Math.max(1, twin.length + 1 - each.back);
            const added = Array.from({ length: each.append }, (_, i) => entry(from + i, term));
            log.append(added);
            twin = [...twin.slice(0, from - 1), ...added];
          } else if (each === 'hand over') {
            const entries = [...log.unstable.nextEntries()];
            log.unstable.accept();
            if (entries.length === 0) continue;
            const first = entries[0]!.index;
            const truncateFrom = first <= storage.lastIndex ? first : undefined;
            storage.persist({ mark: ++mark, truncateFrom, entries, mustSync: true });
            confirmations.push({ index: log.lastIndex, term: log.lastTerm });
          } else {
            const confirmation = each === 'confirm' ? confirmations.pop() : confirmations.shift();
            // Only confirmations of the newest write may come while older ones are open; the engine sees to it by terms.
            if (confirmation === undefined || confirmations.some(({ term: later }) => later > confirmation.term))
              continue;
            log.unstable.stableTo(confirmation.index, confirmation.term);
          }
          expect(log.lastIndex).toBe(twin.length);
          expect(log.slice(1, twin.length + 1, Number.POSITIVE_INFINITY)).toEqual(twin);
          for (let index = 1; index <= twin.length; index++) expect(log.term(index)).toBe(twin[index - 1]!.term);
          expect(log.term(twin.length + 1)).toBeUndefined();
        }
      }),
    );
  });

  it('limits what it reads by bytes, with one entry at least, and by count', () => {
    const log = logOf(terms(1, 1, 1), [entry(4, 1), entry(5, 1)]);
    const size = recordSize(entry(1, 1));
    expect(log.slice(1, 6, 0).map(({ index }) => index)).toEqual([1]);
    expect(log.slice(2, 6, 3 * size).map(({ index }) => index)).toEqual([2, 3, 4]);
    expect(log.slice(2, 6, Number.POSITIVE_INFINITY, 2).map(({ index }) => index)).toEqual([2, 3]);
    expect(log.slice(4, 6, 0).map(({ index }) => index)).toEqual([4]);
    expect(log.slice(6, 6, 0)).toEqual([]);
  });

  it('leaves no gap where what storage gives ends early', () => {
    const large = new Entry(2, 1, EntryType.Normal, new Uint8Array(100));
    const log = logOf([entry(1, 1), large], [entry(3, 1)]);
    expect(log.slice(1, 4, 2 * recordSize(entry(1, 1))).map(({ index }) => index)).toEqual([1]);
  });

  it('hides what storage still holds and is replaced', () => {
    const log = logOf(terms(1, 1, 1, 1), [entry(2, 2)]);
    expect([1, 2, 3, 4, 5].map((index) => log.term(index))).toEqual([1, 2, undefined, undefined, undefined]);
    log.restore({
      index: 3,
      term: 2,
      configuration: simpleConfiguration([1]),
      content: new MemoryContent(new Uint8Array(0)),
    });
    expect([1, 2, 3, 4].map((index) => log.term(index))).toEqual([undefined, undefined, 2, undefined]);
  });

  it('gives a snapshot the place of everything', () => {
    const log = logOf(terms(1, 1), [entry(3, 2)]);
    const snapshot = {
      index: 9,
      term: 3,
      configuration: simpleConfiguration([1]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    log.restore(snapshot);
    expect([log.firstIndex, log.lastIndex, log.lastTerm, log.committed]).toEqual([10, 9, 3, 9]);
    expect(log.term(3)).toBeUndefined();
    expect(log.hasNextCommitted(true)).toBe(false);
    log.append([entry(10, 3)]);
    expect([log.lastIndex, log.term(10)]).toEqual([10, 3]);
    log.unstable.snapshotStable(5);
    expect(log.unstable.snapshot).toBe(snapshot);
    log.unstable.snapshotStable(9);
    expect(log.unstable.snapshot).toBeUndefined();
  });

  it('hands over again what takes the place of what was on its way', () => {
    const log = logOf(terms(1, 1), [entry(3, 1), entry(4, 1), entry(5, 1)]);
    log.unstable.accept();
    log.append([entry(4, 2), entry(5, 2)]);
    expect(log.unstable.nextEntries()).toEqual([entry(4, 2), entry(5, 2)]);
    log.append([entry(6, 2)]);
    expect(log.unstable.nextEntries().map(({ index }) => index)).toEqual([4, 5, 6]);
  });

  it('hands over a snapshot, also where another was on its way, and all that follows it', () => {
    const log = logOf(terms(1, 1), [entry(3, 2)]);
    const snapshotAt = (index: number) => {
      return { index, term: 3, configuration: simpleConfiguration([1]), content: new MemoryContent(new Uint8Array(0)) };
    };
    for (const index of [9, 12]) {
      log.restore(snapshotAt(index));
      expect(log.unstable.nextSnapshot()).toMatchObject({ index });
      log.unstable.accept();
      expect(log.unstable.nextSnapshot()).toBeUndefined();
    }
    log.restore(snapshotAt(30));
    const following = Array.from({ length: 40 }, (_, i) => entry(31 + i, 3));
    log.append(following);
    expect(log.unstable.nextEntries()).toEqual(following);
  });
});

describe('handing out what is committed', () => {
  it('stops at the limit of bytes until something is applied', () => {
    const storage = new MemoryLog();
    storage.persist({ mark: 1, entries: terms(1, 1, 1, 1), mustSync: true });
    const size = recordSize(entry(1, 1));
    const log = new RaftLog(storage, 2 * size);
    log.commitTo(4);
    expect(log.nextCommitted(false)).toHaveLength(2);
    log.acceptApplying(2, 2 * size, false);
    expect(log.nextCommitted(false)).toHaveLength(0);
    log.appliedTo(2, 2 * size);
    expect(log.nextCommitted(false).map(({ index }) => index)).toEqual([3, 4]);
  });

  it('takes nothing back that was applied, and goes on behind what was applied by a snapshot', () => {
    const storage = new MemoryLog();
    storage.persist({ mark: 1, entries: terms(1, 1, 1, 1), mustSync: true });
    const size = recordSize(entry(1, 1));
    const log = new RaftLog(storage, 2 * size);
    log.commitTo(4);
    log.appliedTo(2, 9 * size);
    log.appliedTo(1, 0);
    expect([log.applied, log.applying]).toEqual([2, 2]);
    expect(log.nextCommitted(false).map(({ index }) => index)).toEqual([3, 4]);
    log.acceptApplying(4, 2 * size, false);
    log.appliedTo(3, 0);
    expect([log.applied, log.applying]).toEqual([3, 4]);
  });

  it('waits where as much is handed out as may be, or more, also for what is committed later', () => {
    const storage = new MemoryLog();
    storage.persist({ mark: 1, entries: terms(1, 1, 1), mustSync: true });
    const size = recordSize(entry(1, 1));
    const log = new RaftLog(storage, 2 * size);
    log.commitTo(2);
    log.acceptApplying(2, 3 * size, false);
    log.commitTo(3);
    expect(log.hasNextCommitted(false)).toBe(false);
    log.appliedTo(1, size);
    expect(log.hasNextCommitted(false)).toBe(false);
    log.appliedTo(1, 1);
    expect(log.hasNextCommitted(false)).toBe(true);
    const exact = new RaftLog(storage, 2 * size);
    exact.commitTo(2);
    exact.acceptApplying(2, 2 * size, false);
    exact.commitTo(3);
    expect(exact.hasNextCommitted(false)).toBe(false);
  });

  it('waits where it could not hand out everything, though there is room', () => {
    const storage = new MemoryLog();
    storage.persist({ mark: 1, entries: terms(1, 1, 1), mustSync: true });
    const size = recordSize(entry(1, 1));
    const log = new RaftLog(storage, 2.5 * size);
    log.commitTo(3);
    expect(log.nextCommitted(false)).toHaveLength(2);
    log.acceptApplying(2, 2 * size, false);
    expect(log.hasNextCommitted(false)).toBe(false);
    log.appliedTo(1, size);
    expect(log.nextCommitted(false).map(({ index }) => index)).toEqual([3]);
  });

  it('knows of a change that is not applied, however much stands before it', () => {
    const half = new Uint8Array(1 << 19);
    const entries = [1, 2, 3, 4].map((index) => new Entry(index, 1, EntryType.Normal, half));
    const log = logOf([...entries, new Entry(5, 1, EntryType.Reconf, half), entry(6, 1)]);
    log.commitTo(4);
    expect([log.hasUnappliedChange(), log.hasUnappliedChange(5), log.hasUnappliedChange(6)]).toEqual([
      false,
      true,
      true,
    ]);
    log.commitTo(5);
    expect(log.hasUnappliedChange()).toBe(true);
    log.appliedTo(5, 0);
    expect([log.hasUnappliedChange(), log.hasUnappliedChange(6)]).toEqual([false, false]);
  });

  it('hands out nothing that is not durable here, unless it may', () => {
    const log = logOf(terms(1), [entry(2, 1)]);
    log.commitTo(2);
    expect(log.nextCommitted(false)).toHaveLength(1);
    expect(log.nextCommitted(true)).toHaveLength(2);
  });
});

describe('what may be handed out', () => {
  it('is nothing that is not committed, be it on disk', () => {
    const log = logOf(terms(1, 1, 1, 1));
    log.commitTo(2);
    expect([true, false].map((isEarly) => log.nextCommitted(isEarly).map(({ index }) => index))).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('is no more than the bound, though more was applied than was handed out', () => {
    const storage = new MemoryLog();
    storage.persist({ mark: 1, entries: terms(1, 1, 1, 1), mustSync: true });
    const log = new RaftLog(storage, 2 * recordSize(entry(1, 1)));
    log.commitTo(4);
    log.appliedTo(0, 1000);
    expect(log.nextCommitted(true).map(({ index }) => index)).toEqual([1, 2]);
  });

  it('is stored before it is handed to storage once more, be it that storage knew it already', () => {
    const log = logOf([], terms(1, 1));
    log.unstable.stableTo(2, 1);
    expect([log.unstable.inProgressEnd, log.unstable.nextEntries()]).toEqual([3, []]);
  });
});
