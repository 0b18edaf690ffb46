import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { contentBytes } from '../snapshotContent.ts';
import { TEST_SETTINGS, UNREADABLE } from '../testing/engineCluster.ts';
import { SteppedEngine, type SteppedStart } from '../testing/steppedEngine.ts';
import { gorumsKind } from './index.ts';
import type { AppendEntries, RequestVote } from './messages.ts';

const ELECTION_MS = TEST_SETTINGS.electionTimeoutMs;

/** Entries from index `from` on with these terms. */
const entriesOf = (from: number, ...terms: number[]) =>
  terms.map((term, i) => new Entry(from + i, term, EntryType.Normal, Uint8Array.of(i)));

function append(of: Partial<AppendEntries>): AppendEntries {
  const numbers = { call: 50, leader: 2, term: 3, prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0 };
  return { type: 'AppendEntries', ...numbers, entries: [], ...of };
}

function voteRequest(of: Partial<RequestVote>): RequestVote {
  const numbers = { call: 60, candidate: 2, term: 4, lastLogIndex: 3, lastLogTerm: 3 };
  return { type: 'RequestVote', ...numbers, preVote: false, ...of };
}

/** Server 1 of three in term 3, with a log of terms 1, 1, 3. */
function follower(start: Partial<SteppedStart> = {}) {
  const hardState = { term: 3, vote: 0, commit: 0 };
  return new SteppedEngine(gorumsKind, {
    id: 1,
    bootstrap: [1, 2, 3],
    hardState,
    entries: entriesOf(1, 1, 1, 3),
    ...start,
  });
}

const terms = ({ log }: ReturnType<typeof follower>) =>
  Array.from({ length: log.lastIndex }, (_, i) => log.term(i + 1));

describe('a follower asked to append', () => {
  it('refuses an older term with its own, and its log length (Raft §5.1)', () => {
    const { messages, persist } = follower().step(2, append({ term: 2, prevLogIndex: 3, prevLogTerm: 2 }));
    expect(messages).toEqual([
      { to: 2, message: { type: 'AppendEntriesResponse', call: 50, term: 3, matchIndex: 3, success: false } },
    ]);
    expect(persist).toBeUndefined();
  });

  it('answers with the length of its log as the request arrived, once the entries are durable (Raft §5.3)', () => {
    const server = follower();
    const { messages, messagesAfterPersist, persist } = server.step(
      2,
      append({ prevLogIndex: 3, prevLogTerm: 3, entries: entriesOf(4, 3, 3) }),
    );
    expect(messages).toEqual([]);
    expect(messagesAfterPersist).toEqual([
      { to: 2, message: { type: 'AppendEntriesResponse', call: 50, term: 3, matchIndex: 3, success: true } },
    ]);
    expect(persist?.truncateFrom).toBeUndefined();
    expect(terms(server)).toEqual([1, 1, 3, 3, 3]);
  });

  it('replaces only from the first entry that conflicts (Raft §5.3, figure 2)', () => {
    const server = follower();
    const { persist } = server.step(
      2,
      append({ term: 4, prevLogIndex: 1, prevLogTerm: 1, entries: entriesOf(2, 1, 4, 4) }),
    );
    expect(persist?.truncateFrom).toBe(3);
    expect(persist?.entries.map((entry) => entry.index)).toEqual([3, 4]);
    expect(terms(server)).toEqual([1, 1, 4, 4]);
  });

  it('keeps a suffix that an older, shorter request does not mention (Raft §5.3)', () => {
    const server = follower();
    server.step(2, append({ prevLogIndex: 0, entries: entriesOf(1, 1) }));
    expect(terms(server)).toEqual([1, 1, 3]);
  });

  it('commits no further than the entries that the request proves equal (Raft figure 2)', () => {
    const server = follower();
    expect(server.step(2, append({ prevLogIndex: 1, prevLogTerm: 1, commitIndex: 3 })).committed).toHaveLength(1);
    const { committed } = server.step(2, append({ prevLogIndex: 3, prevLogTerm: 3, commitIndex: 9 }));
    expect(committed.map((entry) => entry.index)).toEqual([2, 3]);
  });

  it('never gives up what is committed', () => {
    const server = follower();
    server.step(2, append({ prevLogIndex: 3, prevLogTerm: 3, commitIndex: 3 }));
    const { messages } = server.step(
      3,
      append({ leader: 3, term: 5, prevLogIndex: 1, prevLogTerm: 1, entries: entriesOf(2, 5) }),
    );
    expect(messages[0]?.message).toMatchObject({ type: 'AppendEntriesResponse', success: false });
    expect(terms(server)).toEqual([1, 1, 3]);
  });
});

describe('a follower that is behind', () => {
  const catchUps = (output: ReturnType<SteppedEngine<unknown>['settle']>) =>
    output.messages.filter(({ message }) => (message as { type: string }).type === 'CatchMeUp');

  it('asks the leader for what comes after its log, at most every 100 ms', () => {
    const server = follower();
    const refused = append({ prevLogIndex: 9, prevLogTerm: 3 });
    const first = server.step(2, refused);
    expect(first.messages.map(({ to, message }) => [to, message.type])).toEqual([
      [2, 'AppendEntriesResponse'],
      [2, 'CatchMeUp'],
    ]);
    expect(first.messages[1]?.message).toMatchObject({ follower: 1, nextIndex: 4 });
    server.pass(99);
    expect(catchUps(server.step(2, refused))).toEqual([]);
    server.pass(1);
    expect(catchUps(server.step(2, refused))).toHaveLength(1);
  });

  it('asks from the start of the term that conflicts, above what is committed (Raft §5.3)', () => {
    const server = follower({ entries: entriesOf(1, 1, 2, 2, 2) });
    const nextIndexOf = (output: ReturnType<typeof server.settle>) => {
      const [envelope] = catchUps(output);
      return (envelope?.message as { nextIndex?: number } | undefined)?.nextIndex;
    };
    expect(nextIndexOf(server.step(2, append({ prevLogIndex: 4, prevLogTerm: 3 })))).toBe(2);
    server.step(2, append({ prevLogIndex: 2, prevLogTerm: 2, commitIndex: 2 }));
    expect(nextIndexOf(server.step(2, append({ prevLogIndex: 4, prevLogTerm: 3 })))).toBe(3);
  });

  it('asks next for what comes after all that has shown to agree', () => {
    const server = follower({ entries: entriesOf(1, 1, 2, 2, 2) });
    expect(catchUps(server.step(2, append({ prevLogIndex: 4, prevLogTerm: 3 })))).toMatchObject([
      { message: { nextIndex: 2 } },
    ]);
    server.step(2, append({ prevLogIndex: 1, prevLogTerm: 1, entries: entriesOf(2, 2) }));
    expect(catchUps(server.step(2, append({ prevLogIndex: 9, prevLogTerm: 3 })))).toMatchObject([
      { message: { nextIndex: 3 } },
    ]);
  });

  it('takes what begins before its snapshot, and refuses what contradicts that snapshot’s last entry', () => {
    const server = follower();
    const configuration = simpleConfiguration([1, 2, 3]);
    const snapshot = { lastIncludedIndex: 9, lastIncludedTerm: 3, configuration, data: Uint8Array.of(7) };
    server.step(2, { type: 'InstallSnapshot', call: 70, leader: 2, term: 3, ...snapshot });
    const successOf = (of: Partial<AppendEntries>) => {
      const { messages, messagesAfterPersist } = server.step(2, append(of));
      return [...messages, ...messagesAfterPersist].flatMap(({ message }) =>
        message.type === 'AppendEntriesResponse' ? [message.success] : [],
      );
    };
    expect(successOf({ prevLogIndex: 9, prevLogTerm: 2 })).toEqual([false]);
    expect(successOf({ prevLogIndex: 9, prevLogTerm: 3 })).toEqual([true]);
    expect(successOf({ prevLogIndex: 7, prevLogTerm: 3, entries: entriesOf(8, 3, 3, 3) })).toEqual([true]);
    expect([server.log.firstIndex, server.log.lastIndex]).toEqual([10, 10]);
  });

  it('does not read the snapshot of a leader that is none any more', () => {
    const server = follower();
    const configuration = simpleConfiguration([1, 2, 3]);
    const snapshot = { lastIncludedIndex: 9, lastIncludedTerm: 2, configuration, data: UNREADABLE };
    const install = { type: 'InstallSnapshot', call: 70, leader: 2, ...snapshot } as const;
    expect(server.engine.receive(2, { ...install, term: 2 })).toBeUndefined();
    expect(server.engine.receive(2, { ...install, term: 3 })).toMatchObject({ malformed: true });
    expect(server.settle().restore).toBeUndefined();
  });

  it('does not go back to a snapshot of what it has committed and compacted', () => {
    const server = follower();
    const configuration = simpleConfiguration([1, 2, 3]);
    const install = (lastIncludedIndex: number) =>
      server.step(2, {
        type: 'InstallSnapshot',
        call: 70,
        leader: 2,
        term: 3,
        lastIncludedIndex,
        lastIncludedTerm: 3,
        configuration,
        data: Uint8Array.of(7),
      });
    install(9);
    expect(install(8).restore).toBeUndefined();
    expect(server.engine.status()).toMatchObject({ commitIndex: 9, lastIndex: 9 });
  });

  it('takes a snapshot in place of a log that does not hold its last entry (Raft §7)', () => {
    const server = follower();
    const configuration = simpleConfiguration([1, 2, 3, 4]);
    const data = Uint8Array.of(7);
    const snapshot = { lastIncludedIndex: 9, lastIncludedTerm: 3, configuration, data };
    const install = { type: 'InstallSnapshot', call: 70, leader: 2, term: 3, ...snapshot } as const;
    const output = server.step(2, install);
    expect(output.restore).toMatchObject({ index: 9, term: 3, configuration });
    expect(contentBytes(output.restore!.content)).toEqual(data);
    expect(output.messagesAfterPersist).toEqual([
      { to: 2, message: { type: 'InstallSnapshotResponse', call: 70, term: 3 } },
    ]);
    expect([server.log.firstIndex, server.log.lastIndex]).toEqual([10, 9]);
    expect(server.engine.status()).toMatchObject({ commitIndex: 9, configuration });
    expect(server.step(2, install).restore).toBeUndefined();
  });

  it('keeps its log where that holds the last entry of the snapshot (Raft §7)', () => {
    const server = follower();
    const snapshot = { lastIncludedIndex: 2, lastIncludedTerm: 1, configuration: simpleConfiguration([1, 2, 3]) };
    const message = {
      type: 'InstallSnapshot',
      call: 70,
      leader: 2,
      term: 3,
      ...snapshot,
      data: new Uint8Array(0),
    } as const;
    const { restore, committed } = server.step(2, message);
    expect(restore).toBeUndefined();
    expect(committed.map((entry) => entry.index)).toEqual([1, 2]);
    expect(server.log.lastIndex).toBe(3);
  });
});

describe('a server asked for its vote', () => {
  it('gives one vote a term, writes it down first, and gives it again to the same candidate (Raft §5.2)', () => {
    const server = follower();
    const { persist, messages, messagesAfterPersist } = server.step(2, voteRequest({}));
    expect(persist?.hardState).toMatchObject({ term: 4, vote: 2 });
    expect(messages).toEqual([]);
    expect(messagesAfterPersist[0]?.message).toMatchObject({ term: 4, granted: true });
    expect(server.step(3, voteRequest({ candidate: 3 })).messagesAfterPersist[0]?.message).toMatchObject({
      granted: false,
    });
    expect(server.step(2, voteRequest({})).messagesAfterPersist[0]?.message).toMatchObject({ granted: true });
  });

  it.each([
    ['a lower last term', { lastLogTerm: 2, lastLogIndex: 9 }, false],
    ['a shorter log of the same last term', { lastLogTerm: 3, lastLogIndex: 2 }, false],
    ['an equal log', { lastLogTerm: 3, lastLogIndex: 3 }, true],
    ['a higher last term, however short', { lastLogTerm: 4, lastLogIndex: 1 }, true],
  ])('judges %s as Raft §5.4.1 does', (_, last, granted) => {
    const server = follower();
    const { persist, messagesAfterPersist } = server.step(2, voteRequest(last));
    expect(messagesAfterPersist[0]?.message).toMatchObject({ term: 4, granted });
    expect(persist?.hardState).toMatchObject({ term: 4, vote: granted ? 2 : 0 });
  });

  it('gives no pre-vote for the term that it is in', () => {
    const server = follower();
    const verdict = (term: number) =>
      server.step(2, voteRequest({ term, preVote: true })).messages.map(({ message }) => message);
    expect(verdict(3)).toMatchObject([{ granted: false }]);
    expect(verdict(4)).toMatchObject([{ granted: true }]);
  });

  it('answers a pre-vote without a new term of its own, and refuses while a leader is heard (thesis §9.6, §4.2.3)', () => {
    const server = follower();
    const ask = () => server.step(3, voteRequest({ candidate: 3, preVote: true }));
    expect(ask().messages[0]?.message).toMatchObject({ term: 4, granted: true });
    expect(server.engine.status().term).toBe(3);
    server.step(2, append({ prevLogIndex: 3, prevLogTerm: 3 }));
    server.pass(ELECTION_MS - 1);
    expect(ask().messages[0]?.message).toMatchObject({ term: 3, granted: false });
    server.pass(1);
    expect(ask().messages[0]?.message).toMatchObject({ term: 4, granted: true });
  });
});
