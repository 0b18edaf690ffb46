import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { BURST_MESSAGES_MAX, PIPELINE_BYTES_MAX, PIPELINE_MESSAGES_MAX } from './limits.ts';
import { pipelined, places, Sender, snapshotOf } from './testing/sender.ts';

/** Entries of one message. */
const ENTRY = 4;
const MIB = 1 << 20;

describe('request and response', () => {
  it('begins after the end of the log, with one append at a time', () => {
    const sender = new Sender();
    const { replicator } = sender;
    expect(replicator).toMatchObject({
      peer: 2,
      matchIndex: 0,
      nextIndex: 4,
      heardMs: -1,
      lastHeardMs: -1,
      state: 'probe',
    });
    const [request, ...more] = sender.appends();
    expect(request).toMatchObject({
      type: 'append',
      term: 1,
      seq: 1,
      prevIndex: 3,
      prevTerm: 1,
      commit: 0,
      entries: [],
    });
    expect([...more, ...sender.appends()]).toEqual([]);
    expect(replicator.nextIndex).toBe(4);
    sender.append(2);
    expect(sender.appends()).toEqual([]);
    expect(replicator.nextIndex).toBe(4);
  });

  it('walks back to the hint of who refuses, but not below what it holds, and turns into a pipeline', () => {
    const sender = new Sender(9);
    const { replicator } = sender;
    const [first] = sender.appends();
    expect(sender.refuse(first!, 2)).toBe(false);
    expect(replicator).toMatchObject({ matchIndex: 0, nextIndex: 3, state: 'probe' });
    const [second] = sender.appends();
    expect(places([second!])).toEqual([[2, 4]]);
    expect(replicator.nextIndex).toBe(3);
    expect(sender.refuse(first!, 0)).toBe(false);
    expect(replicator.nextIndex).toBe(3);
    expect(sender.accept(second!)).toBe(true);
    expect(replicator).toMatchObject({ matchIndex: 6, nextIndex: 7, state: 'pipeline' });
    expect(sender.accept(second!)).toBe(false);
  });

  it('goes back one entry at least, whatever the hint says, and to the beginning at most', () => {
    const sender = new Sender(3);
    for (const nextIndex of [3, 2, 1, 1]) {
      expect(sender.refuse(sender.appends()[0]!, 9)).toBe(false);
      expect(sender.replicator).toMatchObject({ nextIndex, matchIndex: 0 });
    }
  });

  it('takes a refusal right after what the follower said it holds for a lost log, and no other', () => {
    const sender = pipelined(5);
    sender.append(2);
    // In a pipeline, an earlier append may only have been lost.
    expect(sender.refuse(sender.appends()[0]!, 1)).toBe(false);
    expect(sender.replicator).toMatchObject({ matchIndex: 5, nextIndex: 6, state: 'probe' });
    expect(sender.refuse(sender.appends()[0]!, 1)).toBe(true);
    expect(sender.replicator).toMatchObject({ matchIndex: 1, nextIndex: 2 });
  });

  it('goes on after what is held where the refused append was further on', () => {
    const sender = pipelined(3);
    sender.append(9);
    const [, second] = sender.appends();
    expect(sender.refuse(second!, 6)).toBe(false);
    expect(sender.replicator).toMatchObject({ matchIndex: 3, nextIndex: 7, state: 'probe' });
    expect(sender.refuse(sender.appends()[0]!, 1)).toBe(false);
    expect(sender.replicator).toMatchObject({ matchIndex: 3, nextIndex: 4, state: 'probe' });
  });

  it('takes no success for more than the log has', () => {
    const sender = new Sender(3);
    const [request] = sender.appends();
    expect(sender.accept(request!, 4)).toBe(false);
    expect(sender.replicator).toMatchObject({ matchIndex: 0, state: 'probe' });
    expect(sender.accept(request!, 3)).toBe(true);
  });
});

describe('a pipeline', () => {
  it('sends no more at once than its burst, and goes on with the clock, or an answer', () => {
    const sender = pipelined();
    sender.append(400);
    const first = sender.appends();
    expect(first).toHaveLength(BURST_MESSAGES_MAX);
    expect(places(first.slice(0, 2))).toEqual([
      [3, ENTRY],
      [7, ENTRY],
    ]);
    expect(sender.appends()).toEqual([]);
    sender.replicator.tick();
    // 64 messages' entries are the window.
    expect(sender.appends()).toHaveLength(BURST_MESSAGES_MAX);
    sender.replicator.tick();
    expect(sender.appends()).toEqual([]);
    expect(sender.accept(first[0]!)).toBe(true);
    expect(sender.appends()).toHaveLength(1);
    const answered = pipelined();
    answered.append(400);
    expect(answered.appends()).toHaveLength(BURST_MESSAGES_MAX);
    answered.heartbeat(0, 3);
    expect(answered.appends()).toHaveLength(BURST_MESSAGES_MAX);
  });

  it('is as wide as a catch-up while the follower is behind, and as wide as ever when it is not any more', () => {
    const sender = new Sender(12);
    const [probe] = sender.appends();
    sender.refuse(probe!, 0);
    expect(sender.taken().events).toEqual(['catchup']);
    const [first] = sender.appends();
    sender.accept(first!);
    sender.append(40);
    // Twice a message's entries, by catchUpMultiplier.
    const two = sender.appends();
    expect(places(two)).toEqual([
      [4, ENTRY],
      [8, ENTRY],
    ]);
    expect(sender.accept(two[0]!)).toBe(true);
    expect(places(sender.appends())).toEqual([[12, ENTRY]]);
    expect(sender.taken().events).toEqual([]);
    // It holds what the log had when it was found to be behind.
    expect(sender.accept(two[1]!)).toBe(true);
    expect(sender.appends()).toHaveLength(9);
    expect(sender.taken().events).toEqual([]);
  });

  it('says once that the follower is behind, until it is not, and not where nothing is missing', () => {
    const sender = pipelined(3);
    const events = () => sender.taken().events;
    sender.append(1);
    const [request] = sender.appends();
    const again = (round: number) => sender.heartbeat(round, 3);
    again(sender.beginRound());
    expect(events()).toEqual(['catchup']);
    const [lost] = sender.appends();
    again(sender.beginRound());
    expect(events()).toEqual([]);
    const [taken] = sender.appends();
    expect(request!.prevIndex).toBe(lost!.prevIndex);
    sender.accept(taken!);
    sender.append(1);
    sender.appends();
    sender.heartbeat(sender.beginRound(), 4);
    expect(events()).toEqual(['catchup']);
    const idle = pipelined(3);
    idle.state.commitTo(3);
    expect(idle.appends(true)).toHaveLength(1);
    idle.at(100).replicator.tick();
    expect(idle.replicator.nextIndex).toBe(4);
    expect(idle.taken().events).toEqual([]);
  });

  it('has as many bytes under way as it may, and counts those that are answered no more', () => {
    const sender = pipelined(3, { maxMessageBytes: MIB });
    const overhead = recordSize(new Entry(4, 1, EntryType.Normal, new Uint8Array(MIB))) - MIB;
    sender.append(40, MIB - overhead);
    const first = sender.appends();
    expect(first).toHaveLength(PIPELINE_BYTES_MAX / MIB);
    sender.accept(first[3]!);
    const next = sender.appends();
    expect(next).toHaveLength(4);
    expect(sender.appends()).toEqual([]);
    // What is lost is under way no more: as many as a catch-up may have, whose messages have four entries at the most.
    sender.refuse(next[0]!, 7);
    sender.accept(sender.appends()[0]!);
    expect(sender.appends()).toHaveLength(2 * ENTRY - (ENTRY - 1));
  });

  it('has as many messages unanswered as it may, also without entries', () => {
    const sender = pipelined(3);
    sender.append(PIPELINE_MESSAGES_MAX + 10);
    for (let more = sender.appends(); more.length > 0; more = sender.appends()) sender.accept(more.at(-1)!);
    let told = 0;
    for (let commit = 1; commit <= PIPELINE_MESSAGES_MAX + 3; commit++) {
      sender.state.commitTo(commit);
      told += sender.appends(true).length;
    }
    expect(told).toBe(PIPELINE_MESSAGES_MAX);
    sender.append(1);
    expect(sender.appends()).toEqual([]);
    const later = pipelined(3);
    later.append(PIPELINE_MESSAGES_MAX);
    for (let more = later.appends(); more.length > 0; more = later.appends()) later.accept(more.at(-1)!);
    for (let commit = 1; commit < PIPELINE_MESSAGES_MAX; commit++) {
      later.state.commitTo(commit);
      later.pump(true);
    }
    later.append(ENTRY + 1);
    expect(places(later.appends())).toEqual([[PIPELINE_MESSAGES_MAX + 3, ENTRY]]);
  });

  it('tells the commit index within a commit timeout, or at once, where it is news and no entries follow', () => {
    const sender = pipelined(3);
    const commits = (tellCommit = false) =>
      sender.appends(tellCommit).map(({ commit, entries }) => [commit, entries.length]);
    expect(commits(true)).toEqual([]);
    sender.at(5).state.commitTo(1);
    expect(commits(true)).toEqual([[1, 0]]);
    sender.state.commitTo(2);
    expect(sender.at(14) && commits()).toEqual([]);
    expect(sender.at(15) && commits()).toEqual([[2, 0]]);
    expect(sender.at(40) && commits()).toEqual([]);
    expect(commits(true)).toEqual([]);
    // What it is told beside entries is no news afterwards.
    sender.append(1);
    sender.state.commitTo(3);
    expect(commits()).toEqual([[3, 1]]);
    expect(sender.at(60) && commits()).toEqual([]);
  });

  it('does not go beyond its window for the sake of a commit index', () => {
    for (const rest of [1, 2]) {
      const sender = new Sender(3 + 2 * ENTRY + rest);
      sender.refuse(sender.appends()[0]!, 3);
      const [probe] = sender.appends();
      sender.accept(probe!, 3);
      expect(places(sender.appends())).toEqual([
        [3, ENTRY],
        [7, ENTRY],
      ]);
      sender.state.commitTo(2);
      expect(sender.at(50).appends(true)).toEqual([]);
    }
  });

  it('ends where the leader has compacted what comes next', () => {
    const sender = pipelined(3);
    sender.append(20);
    sender.compact(20);
    expect(sender.chunks()).toMatchObject([{ index: 20, offset: 0 }]);
    expect(sender.replicator.state).toBe('snapshot');
    sender.state.commitTo(20);
    expect(sender.at(50).chunks()).toEqual([]);
  });
});

describe('what the follower knows', () => {
  it('is what it holds, and the commit index of the last append that it answered', () => {
    const sender = pipelined(3);
    const { replicator } = sender;
    expect(replicator.knows(1)).toBe(false);
    sender.state.commitTo(2);
    sender.accept(sender.appends(true)[0]!);
    expect([1, 2, 3].map((index) => replicator.knows(index))).toEqual([true, true, false]);
    sender.append(8);
    sender.state.commitTo(3);
    const [one] = sender.appends();
    sender.state.commitTo(9);
    sender.append(1);
    const rest = sender.appends();
    expect(sender.accept(one!)).toBe(true);
    expect([3, 4].map((index) => replicator.knows(index))).toEqual([true, false]);
    // A late answer to an earlier one takes nothing back.
    sender.accept(rest[0]!, 8);
    sender.accept(one!);
    expect([8, 9].map((index) => replicator.knows(index))).toEqual([true, false]);
    // Nor does it answer what left after it.
    sender.append(1);
    sender.state.commitTo(10);
    expect(sender.appends()).toMatchObject([{ commit: 10 }]);
    sender.accept(one!);
    sender.replicator.appendReplied({ type: 'append-reply', term: 1, seq: one!.seq, ok: true, index: 12 });
    expect(replicator.knows(10)).toBe(false);
  });
});

describe('an append that is not answered', () => {
  it('has failed after an election timeout, since it left or another one was answered', () => {
    const sender = pipelined(3);
    sender.append(8);
    const [first] = sender.appends();
    sender.at(60);
    sender.accept(first!);
    sender.at(159).replicator.tick();
    expect(sender.replicator).toMatchObject({ state: 'pipeline', nextIndex: 12 });
    sender.at(160).replicator.tick();
    expect(sender.replicator).toMatchObject({ state: 'unreachable', matchIndex: 7, nextIndex: 8 });
    const never = pipelined(3).at(200);
    never.append(1);
    never.appends();
    never.at(299).replicator.tick();
    expect(never.replicator.nextIndex).toBe(5);
    never.at(300).replicator.tick();
    expect(never.replicator.nextIndex).toBe(4);
  });

  it('has more time where much is under way', () => {
    const sender = pipelined(3, { maxMessageBytes: 8 * MIB });
    sender.append(1, 4 * MIB);
    sender.appends();
    for (const ms of [100, 408]) {
      sender.at(ms).replicator.tick();
      expect(sender.replicator).toMatchObject({ state: 'pipeline', nextIndex: 5 });
    }
    sender.at(409).replicator.tick();
    expect(sender.replicator).toMatchObject({ state: 'unreachable', nextIndex: 4 });
    const answered = pipelined(3, { maxMessageBytes: 8 * MIB });
    answered.append(2, 2 * MIB);
    const [first] = answered.appends();
    answered.at(90);
    answered.accept(first!);
    // 204 ms for what is left, since the answer.
    answered.at(293).replicator.tick();
    expect(answered.replicator.nextIndex).toBe(6);
    answered.at(294).replicator.tick();
    expect(answered.replicator.nextIndex).toBe(5);
  });

  it('is tried again after a wait that doubles up to an election timeout, and begins anew with an answer', () => {
    const sender = new Sender(3);
    /** The next one fails: how long until it goes out again. */
    const failMs = () => {
      const failedMs = sender.state.nowMs + 100;
      sender.at(failedMs).replicator.tick();
      for (let ms = failedMs; ; ms++) if (sender.at(ms).pump().length > 0) return ms - failedMs;
    };
    sender.appends();
    expect([failMs(), failMs(), failMs(), failMs(), failMs(), failMs()]).toEqual([10, 20, 40, 80, 100, 100]);
    sender.replicator.appendReplied({ type: 'append-reply', term: 1, seq: 7, ok: true, index: 3 });
    expect(sender.replicator.state).toBe('pipeline');
    sender.append(1);
    sender.appends();
    expect(failMs()).toBe(10);
  });

  it('is tried again at once when a follower that was silent answers, and not when it always did', () => {
    const sender = new Sender(3);
    sender.appends();
    sender.at(100).replicator.tick();
    expect(sender.replicator).toMatchObject({ state: 'unreachable', nextIndex: 4 });
    sender.heartbeat(0, 3);
    expect(sender.replicator).toMatchObject({ state: 'stuck', heardMs: 100, lastHeardMs: 0 });
    expect(sender.appends()).toHaveLength(1);
    sender.at(150).heartbeat(0, 3);
    sender.at(200).replicator.tick();
    sender.heartbeat(0, 3);
    expect(sender.at(219).appends()).toEqual([]);
    expect(sender.at(220).appends()).toHaveLength(1);
  });
});

describe('a follower that nothing is known of, or much', () => {
  /** Its next entry is compacted, and the snapshot is older still: there is nothing to send. */
  function nothingToSend(): Sender {
    const sender = new Sender(3);
    sender.append(5);
    sender.compact(8);
    sender.log.storeSnapshot(snapshotOf(2), 0);
    return sender;
  }

  it('is unreachable until it says anything, and an election timeout after that', () => {
    const sender = nothingToSend();
    expect(sender.pump()).toEqual([]);
    expect(sender.replicator).toMatchObject({ state: 'unreachable', lastHeardMs: -1 });
    sender.heartbeat(0, 0);
    sender.replicator.pump();
    expect(sender.replicator).toMatchObject({ state: 'stuck', lastHeardMs: 0 });
    expect(sender.at(99).replicator).toMatchObject({ state: 'stuck', lastHeardMs: 99 });
    expect(sender.at(100).replicator).toMatchObject({ state: 'unreachable', lastHeardMs: 100 });
  });

  it('waits where the snapshot does not reach what it lacks, and gets it where it does', () => {
    const sender = nothingToSend();
    expect(sender.replicator.nextIndex).toBe(4);
    expect(sender.pump()).toEqual([]);
    expect(sender.at(9).pump()).toEqual([]);
    sender.log.storeSnapshot(snapshotOf(3), 0);
    expect(sender.at(10).chunks()).toMatchObject([{ index: 3 }]);
  });
});

describe('an answer to a heartbeat', () => {
  it('that holds less than was acknowledged before it left is of a lost log', () => {
    const sender = new Sender(3);
    const during = sender.beginRound();
    sender.accept(sender.appends()[0]!);
    // What it held when it answered, before it took the append.
    expect(sender.heartbeat(during, 1)).toBe(false);
    expect(sender.replicator).toMatchObject({ matchIndex: 3, state: 'pipeline' });
    const after = sender.beginRound();
    expect(sender.heartbeat(after, 3)).toBe(false);
    expect(sender.replicator).toMatchObject({ matchIndex: 3, nextIndex: 4, state: 'pipeline' });
    expect(sender.heartbeat(after, 1)).toBe(true);
    expect(sender.replicator).toMatchObject({ matchIndex: 1, nextIndex: 2, state: 'probe' });
    expect(sender.taken().events).toEqual(['catchup']);
  });

  it('shows that an append is lost that left before it, and no other', () => {
    const sender = pipelined(3);
    const before = sender.beginRound();
    sender.append(8);
    expect(sender.appends()).toHaveLength(2);
    expect(sender.heartbeat(before, 3)).toBe(false);
    expect(sender.replicator).toMatchObject({ state: 'pipeline', nextIndex: 12 });
    const after = sender.beginRound();
    // The acknowledgement is under way.
    expect(sender.heartbeat(after, 7)).toBe(false);
    expect(sender.replicator).toMatchObject({ state: 'pipeline', nextIndex: 12 });
    expect(sender.heartbeat(after, 5)).toBe(false);
    expect(sender.replicator).toMatchObject({ state: 'probe', matchIndex: 3, nextIndex: 6 });
  });

  it('shows nothing of the kind while so much is under way that it overtook', () => {
    const sender = pipelined(3, { maxMessageBytes: 8 * MIB });
    sender.append(1, MIB);
    sender.appends();
    const after = sender.beginRound();
    sender.at(101).heartbeat(after, 3);
    expect(sender.replicator).toMatchObject({ state: 'pipeline', nextIndex: 5 });
    sender.at(102).heartbeat(after, 3);
    expect(sender.replicator).toMatchObject({ state: 'probe', nextIndex: 4 });
  });

  it('shows what commit index was forgotten, where nothing is under way', () => {
    const sender = pipelined(3);
    sender.state.commitTo(3);
    const [told] = sender.appends(true);
    sender.heartbeat(0, 3, 1);
    expect(sender.at(50).appends(true)).toEqual([]);
    sender.accept(told!);
    sender.heartbeat(0, 3, 9);
    expect(sender.appends(true)).toEqual([]);
    sender.heartbeat(0, 3, 2);
    expect(sender.appends(true)).toMatchObject([{ commit: 3, entries: [] }]);
  });
});
