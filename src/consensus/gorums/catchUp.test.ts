import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { LogTail } from '../parts/logTail.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { CatchUp } from './catchUp.ts';
import { CATCH_UP_INTERVAL_MS } from './limits.ts';
import type { AppendEntries } from './messages.ts';

function logOf(...terms: number[]): LogTail {
  const log = new LogTail(new MemoryLog());
  log.append(terms.map((term, i) => new Entry(i + 1, term, EntryType.Normal, new Uint8Array(0))));
  return log;
}

function refused(prevLogIndex: number, term = 9): AppendEntries {
  const numbers = { call: 1, leader: 2, term, prevLogTerm: 9, commitIndex: 0 };
  return { type: 'AppendEntries', ...numbers, prevLogIndex, entries: [] };
}

const ask = (log: LogTail, prevLogIndex: number, commitIndex = 0) =>
  new CatchUp().ask(log, refused(prevLogIndex), commitIndex, 0);

describe('what a follower asks for', () => {
  it('is what comes after its log where that is too short', () => {
    expect(ask(logOf(), 5)).toBe(1);
    expect(ask(logOf(1, 1, 2), 5)).toBe(4);
  });

  it('begins with the term that conflicts (Raft §5.3)', () => {
    expect(ask(logOf(1, 2, 2, 2, 3), 4)).toBe(2);
    expect(ask(logOf(1, 1, 1), 3)).toBe(1);
  });

  it('is never committed already, nor compacted', () => {
    expect(ask(logOf(1, 2, 2, 2), 4, 3)).toBe(4);
    const log = logOf();
    log.restore({
      index: 6,
      term: 2,
      configuration: simpleConfiguration([1]),
      content: new MemoryContent(new Uint8Array(0)),
    });
    log.append([new Entry(7, 2, EntryType.Normal, new Uint8Array(0))]);
    expect(ask(log, 7, 6)).toBe(7);
  });
});

describe('a conflict', () => {
  /** Entries 2 to 4 are wrong; of these the leader of term 9 has shown that 2 is right. */
  const conflicting = () => {
    const catchUp = new CatchUp();
    const log = logOf(1, 2, 2, 2);
    expect(catchUp.ask(log, refused(4), 0, 1000)).toBe(2);
    catchUp.agreed(9, 2);
    return { catchUp, log };
  };

  it('is remembered for its leader alone', () => {
    const { catchUp, log } = conflicting();
    catchUp.agreed(8, 4);
    expect(catchUp.ask(log, refused(8), 0, 1001)).toBe(3);
    expect(catchUp.ask(log, refused(8, 10), 0, 1002)).toBe(5);
  });

  it('is over where its entry is cut off, or another one', () => {
    const cut = conflicting();
    cut.log.truncateFrom(4);
    expect(cut.catchUp.ask(cut.log, refused(8), 0, 1001)).toBe(4);
    const replaced = conflicting();
    replaced.log.truncateFrom(4);
    replaced.log.append([4, 5].map((index) => new Entry(index, 3, EntryType.Normal, new Uint8Array(0))));
    expect(replaced.catchUp.ask(replaced.log, refused(8), 0, 1001)).toBe(6);
  });

  it('is never before what is committed by now', () => {
    const { catchUp, log } = conflicting();
    expect(catchUp.ask(log, refused(8), 3, 1001)).toBe(4);
    catchUp.agreed(9, 1);
    expect(catchUp.ask(log, refused(8), 0, 2000)).toBe(4);
  });
});

describe('how often a follower asks', () => {
  it('is every 100 ms for the same, and at once for something else', () => {
    const catchUp = new CatchUp();
    const log = logOf(1);
    expect(catchUp.ask(log, refused(5), 0, 1000)).toBe(2);
    expect(catchUp.ask(log, refused(6), 0, 1000 + CATCH_UP_INTERVAL_MS - 1)).toBeUndefined();
    expect(catchUp.ask(log, refused(7), 0, 1000 + CATCH_UP_INTERVAL_MS)).toBe(2);
    log.append([new Entry(2, 1, EntryType.Normal, new Uint8Array(0))]);
    expect(catchUp.ask(log, refused(8), 0, 1000 + CATCH_UP_INTERVAL_MS + 1)).toBe(3);
  });
});

describe('a wrong suffix longer than one answer', () => {
  it('is asked for piece by piece, not from its end again (simulator: seed 24 of a mutant, livelock)', () => {
    const catchUp = new CatchUp();
    const log = logOf(1, 2, 2, 2);
    expect(catchUp.ask(log, refused(4), 0, 1000)).toBe(2);
    // The answer brought entry 2, which was right; 3 and 4 still are not.
    catchUp.agreed(9, 2);
    expect(catchUp.ask(log, refused(8), 0, 1001)).toBe(3);
    // The next one replaced entry 3 and so cut off the rest.
    log.truncateFrom(3);
    log.append([new Entry(3, 3, EntryType.Normal, new Uint8Array(0))]);
    catchUp.agreed(9, 3);
    expect(catchUp.ask(log, refused(8), 0, 1002)).toBe(4);
  });
});
