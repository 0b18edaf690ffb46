import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MessageType } from './messages.ts';
import { ProgressState } from './progress.ts';
import { OneNode } from './testing/oneNode.ts';

const { Append, AppendResp, Heartbeat, HeartbeatResp, Snapshot } = MessageType;
const sentTo = (messages: readonly { type: MessageType; to: number }[], type: MessageType) =>
  messages.filter((message) => message.type === type).map(({ to }) => to);

describe('replication (Raft §5.3)', () => {
  it('probes until an answer, then streams', () => {
    const server = new OneNode();
    server.lead();
    server.propose('a');
    expect(sentTo(server.run(), Append)).toEqual([]);
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    const messages = server.run();
    expect(sentTo(messages, Append)).toContain(2);
    server.propose('b');
    server.propose('c');
    expect(sentTo(server.run(), Append)).toEqual([2, 2]);
  });

  it('walks back over a whole term at a time when the logs conflict', () => {
    const server = new OneNode({ terms: [1, 1, 2, 2, 2], hardState: { term: 2 } });
    server.lead();
    // The follower's log has terms 1 1 1 1: everything after index 2 differs.
    server.receive(AppendResp, 2, { term: 3, index: 5, reject: true, rejectHint: 4, logTerm: 1 });
    const [probe] = server.run().filter(({ type }) => type === Append);
    expect([probe!.index, probe!.logTerm, probe!.entries.length]).toEqual([2, 1, 4]);
  });

  it('ignores acknowledgements of entries that it never had', () => {
    const server = new OneNode();
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 99 });
    server.receive(AppendResp, 3, { term: 1, index: 99 });
    expect(server.state.log.committed).toBe(0);
  });

  it('probes where the follower says, where that cannot say of which term it holds entries', () => {
    const server = new OneNode({ terms: [1, 1, 1, 1, 1], hardState: { term: 1 } });
    server.lead();
    server.receive(AppendResp, 2, { term: 2, index: 5, reject: true, rejectHint: 3 });
    expect(server.run().filter(({ type }) => type === Append)).toMatchObject([{ to: 2, index: 3 }]);
  });

  it('streams again once a probe is answered, and not for what is acknowledged late', () => {
    const server = new OneNode({ terms: [1, 1], hardState: { term: 1 } });
    server.lead();
    server.receive(AppendResp, 2, { term: 2, index: 3 });
    server.node.reportUnreachable(2);
    const progress = server.state.members.progress.get(2)!;
    server.receive(AppendResp, 2, { term: 2, index: 2 });
    expect(progress.state).toBe(ProgressState.Probe);
    server.receive(AppendResp, 2, { term: 2, index: 3 });
    expect(progress.state).toBe(ProgressState.Replicate);
  });

  it('ends a probe of a follower that holds everything when that answers a heartbeat', () => {
    const server = new OneNode();
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.node.reportUnreachable(2);
    server.receive(HeartbeatResp, 2, { term: 1 });
    expect(server.run()).toMatchObject([{ type: Append, to: 2, index: 1, entries: [] }]);
  });

  it('tells followers of a commit at once, and each once', () => {
    const server = new OneNode();
    server.lead();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.propose('a');
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    const told = server.run().filter(({ type }) => type === Append);
    expect(told.map(({ to, commit, entries }) => [to, commit, entries.length])).toEqual([
      [2, 2, 0],
      [3, 2, 0],
    ]);
    server.receive(AppendResp, 3, { term: 1, index: 2 });
    expect(server.run()).toEqual([]);
  });

  it('tells a follower of a commit when it can use it', () => {
    const server = new OneNode();
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.receive(AppendResp, 3, { term: 1, index: 1 });
    expect(server.run()).toMatchObject([{ type: Append, to: 3, commit: 1, entries: [] }]);
  });

  it('knows the newest commit index that a follower told, by whatever answer', () => {
    const server = new OneNode();
    server.lead();
    const known = () => server.state.members.progress.get(2)!.knownCommit;
    server.receive(HeartbeatResp, 2, { term: 1, commit: 1 });
    expect(known()).toBe(1);
    server.receive(AppendResp, 2, { term: 1, index: 1, commit: 0 });
    expect(known()).toBe(1);
    server.receive(AppendResp, 2, { term: 1, index: 1, commit: 3 });
    server.receive(HeartbeatResp, 2, { term: 1, commit: 2 });
    expect(known()).toBe(3);
  });

  it('of entries that come with a place of their own gives them the places that are free', () => {
    const server = new OneNode();
    server.lead();
    const at = (index: number, term: number) => new Entry(index, term, EntryType.Normal, new Uint8Array(0));
    server.node.propose([at(2, 1), at(9, 1), at(4, 0), at(0, 0)]);
    server.run();
    expect(server.log.entries(2, 5, 1000).map(({ index, term }) => [index, term])).toEqual([
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 1],
    ]);
  });

  it('limits a message by count and by bytes', () => {
    const server = new OneNode({
      terms: [1, 1, 1, 1, 1],
      hardState: { term: 1 },
      options: { entriesPerMessageMax: 2 },
    });
    server.lead();
    server.receive(AppendResp, 2, { term: 2, index: 5, reject: true, rejectHint: 0 });
    const messages = server.run().filter(({ to, type }) => to === 2 && type === Append);
    expect(messages.map(({ entries }) => entries.length)).toEqual([2]);
    server.receive(AppendResp, 2, { term: 2, index: 2 });
    const streamed = server.run().filter(({ to, type }) => to === 2 && type === Append);
    expect(streamed.map(({ index, entries }) => [index, entries.length])).toEqual([
      [2, 2],
      [4, 2],
    ]);
  });

  it('sends a snapshot where the entries are gone, to who is there to take it (Raft §7)', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 1, commit: 3 } });
    server.run();
    const { configuration } = server.state;
    server.log.persist({
      mark: 99,
      snapshot: { index: 3, term: 1, configuration, content: new MemoryContent(new Uint8Array([7])) },
      entries: [],
      mustSync: true,
    });
    server.lead();
    server.receive(AppendResp, 2, { term: 2, index: 3, reject: true, rejectHint: 0 });
    expect(sentTo(server.run(), Snapshot)).toEqual([2]);
    server.propose('held back');
    expect(server.run().filter(({ to }) => to === 2)).toEqual([]);
    server.receive(AppendResp, 2, { term: 2, index: 3 });
    const [next] = server.run().filter(({ to, type }) => to === 2 && type === Append);
    expect([next!.index, next!.entries.length]).toEqual([3, 2]);
  });

  it.each([true, false])('sends no snapshot to who is not there (appends coalesced: %s)', (coalesceAppends) => {
    const server = new OneNode({
      terms: [1, 1, 1],
      hardState: { term: 1, commit: 3 },
      options: { coalesceAppends },
    });
    server.run();
    const { configuration } = server.state;
    const snapshot = { index: 3, term: 1, configuration, content: new MemoryContent(new Uint8Array([7])) };
    server.log.persist({ mark: 99, snapshot, entries: [], mustSync: true });
    server.lead();
    const progress = server.state.members.progress.get(2)!;
    server.receive(AppendResp, 2, { term: 2, index: 3, reject: true, rejectHint: 0 });
    server.run();
    server.node.reportSnapshotFailure(2);
    progress.recentActive = false;
    progress.heartbeatAnswered(99);
    server.tick(1);
    server.propose('a');
    expect(sentTo(server.run(), Snapshot)).toEqual([]);
    progress.recentActive = true;
    server.propose('b');
    expect(sentTo(server.run(), Snapshot)).toEqual([2]);
  });

  it('tries a snapshot that was lost again when a heartbeat is answered', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 1, commit: 3 } });
    server.run();
    const { configuration } = server.state;
    const snapshot = { index: 3, term: 1, configuration, content: new MemoryContent(new Uint8Array([7])) };
    server.log.persist({ mark: 99, snapshot, entries: [], mustSync: true });
    server.lead();
    server.node.reportSnapshotFailure(2);
    const progress = server.state.members.progress.get(2)!;
    expect([progress.state, progress.paused]).toEqual([ProgressState.Probe, true]);
    server.receive(AppendResp, 2, { term: 2, index: 3, reject: true, rejectHint: 0 });
    expect(sentTo(server.run(), Snapshot)).toEqual([2]);
    server.node.reportSnapshotFailure(2);
    expect([progress.state, progress.paused, progress.next]).toEqual([ProgressState.Probe, true, 1]);
    server.propose('a');
    expect(server.run().filter(({ to }) => to === 2)).toEqual([]);
    server.receive(HeartbeatResp, 2, { term: 2 });
    expect(sentTo(server.run(), Snapshot)).toEqual([2]);
  });

  it('sends a large probe again when it must have arrived, and not when a heartbeat overtook it', () => {
    const server = new OneNode({ options: { tickMs: 10 } });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.propose('x'.repeat(50 * 10 * 1024));
    server.run();
    server.node.reportUnreachable(2);
    const answered = () => {
      server.receive(HeartbeatResp, 2, { term: 1 });
      return sentTo(server.run(), Append);
    };
    expect(answered()).toEqual([2]);
    server.tick(4);
    server.run();
    expect(answered()).toEqual([]);
    server.tick(1);
    server.run();
    expect(answered()).toEqual([2]);
  });

  it('sends one append for what falls together, where it may', () => {
    const server = new OneNode({ options: { coalesceAppends: true } });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.propose('a');
    server.propose('b');
    server.propose('c');
    const messages = server.run().filter(({ type }) => type === Append);
    expect(messages.map(({ to, entries }) => [to, entries.length])).toEqual([[2, 3]]);
  });
});

describe('heartbeats (Raft §5.2)', () => {
  it('are sent once in as many ticks as they shall be apart', () => {
    const server = new OneNode({ options: { heartbeatTicks: 3 } });
    server.lead();
    const beats = Array.from({ length: 7 }, () => {
      server.tick(1);
      return sentTo(server.run(), Heartbeat).length;
    });
    expect(beats).toEqual([0, 0, 2, 0, 0, 2, 0]);
  });

  it('are spared to followers that were sent an append, where appends are coalesced', () => {
    const server = new OneNode({ options: { coalesceAppends: true } });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.tick(1);
    server.run();
    server.propose('a');
    server.run();
    server.tick(1);
    expect(sentTo(server.run(), Heartbeat)).toEqual([3]);
    server.tick(1);
    expect(sentTo(server.run(), Heartbeat)).toEqual([2, 3]);
  });

  it('are not spared to who is probed, though it was sent an append', () => {
    const server = new OneNode({ options: { coalesceAppends: true } });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.tick(1);
    server.run();
    server.node.reportUnreachable(2);
    server.receive(HeartbeatResp, 2, { term: 1 });
    expect(server.run()).toMatchObject([{ type: Append, to: 2 }]);
    server.tick(1);
    expect(sentTo(server.run(), Heartbeat)).toEqual([2, 3]);
  });

  it('are not spared where a read asks for their answer, nor where the window is full', () => {
    const server = new OneNode({ options: { coalesceAppends: true, inflightMessagesMax: 1 } });
    server.lead();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.run();
    server.tick(1);
    server.run();
    const beatAfter = (command: string) => {
      server.propose(command);
      server.run();
      server.tick(1);
      return server.run().filter(({ type }) => type === Heartbeat);
    };
    expect(beatAfter('a').map(({ to }) => to)).toEqual([2, 3]);
    const streaming = new OneNode({ options: { coalesceAppends: true } });
    streaming.lead();
    for (const id of [2, 3]) streaming.receive(AppendResp, id, { term: 1, index: 1 });
    streaming.run();
    streaming.node.readIndex(7);
    streaming.propose('a');
    streaming.run();
    streaming.tick(1);
    const beats = streaming.run().filter(({ type }) => type === Heartbeat);
    expect(beats.map(({ to, readSequence }) => [to, readSequence])).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });
});

describe('a heartbeat', () => {
  it('tells no more to be committed than is, whatever its follower holds', () => {
    const server = new OneNode({ voters: [1, 2, 3, 4, 5] });
    server.node.campaign();
    server.run();
    for (const id of [2, 3]) server.receive(MessageType.VoteResp, id, { term: 1 });
    server.run();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.propose('a');
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    server.tick(1);
    const told = server.run().filter(({ type }) => type === Heartbeat);
    expect(told.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 1],
      [3, 1],
      [4, 0],
      [5, 0],
    ]);
  });
});
