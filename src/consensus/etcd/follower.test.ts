import { describe, expect, it } from 'vitest';
import { type NodeId, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MessageType } from './messages.ts';
import { ReadMode } from './options.ts';
import { RaftRole } from './state.ts';
import { OneNode } from './testing/oneNode.ts';

const { Append, AppendResp, Heartbeat, HeartbeatResp, Snapshot } = MessageType;
const entriesOf = (from: number, ...terms: number[]) =>
  terms.map((term, at) => new Entry(from + at, term, EntryType.Normal, new Uint8Array(0)));

describe('an append (Raft §5.3)', () => {
  it('is acknowledged up to its last entry once that is in the log', () => {
    const server = new OneNode({ terms: [1], hardState: { term: 1 } });
    server.receive(Append, 2, { term: 1, index: 1, logTerm: 1, entries: entriesOf(2, 1, 1), commit: 2 });
    expect(server.run()).toMatchObject([{ type: AppendResp, to: 2, term: 1, index: 3, reject: false, commit: 0 }]);
    expect([server.log.lastIndex, server.state.log.committed, server.state.lead]).toEqual([3, 2, 2]);
  });

  it('is acknowledged up to its last entry, whatever stands after that', () => {
    const server = new OneNode({ terms: [1, 1, 1, 1, 1], hardState: { term: 2, commit: 2 } });
    server.run();
    server.receive(Append, 2, { term: 2, index: 2, logTerm: 1, entries: entriesOf(3, 1) });
    expect(server.run()).toMatchObject([{ type: AppendResp, index: 3, reject: false }]);
    server.receive(Append, 2, { term: 2, index: 1, logTerm: 1, entries: entriesOf(2, 1) });
    expect(server.run()).toMatchObject([{ type: AppendResp, index: 2, reject: false }]);
    expect(server.log.lastIndex).toBe(5);
  });

  it('is refused with the place where the logs may agree', () => {
    const server = new OneNode({ terms: [1, 1, 2, 2], hardState: { term: 3 } });
    server.receive(Append, 2, { term: 3, index: 4, logTerm: 1, entries: entriesOf(5, 3) });
    expect(server.run()).toMatchObject([{ index: 4, reject: true, rejectHint: 2, logTerm: 1 }]);
    expect(server.log.lastIndex).toBe(4);
  });

  it.each([
    [true, 3],
    [false, 0],
  ])(
    'before what is committed is answered with that, and with the commit index where it is shared: %s',
    (shareCommit, commit) => {
      const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 1, commit: 3 }, options: { shareCommit } });
      server.run();
      server.receive(Append, 2, { term: 1, index: 1, logTerm: 1, entries: entriesOf(2, 1) });
      expect(server.run()).toMatchObject([{ type: AppendResp, index: 3, reject: false, commit }]);
    },
  );

  it('that contradicts what is committed is not answered', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 1, commit: 3 } });
    server.run();
    server.receive(Append, 2, { term: 2, index: 1, logTerm: 1, entries: entriesOf(2, 2) });
    expect(server.run()).toEqual([]);
    expect(server.state.contradicted).toMatchObject({ malformed: false });
  });
});

describe('a heartbeat (Raft §5.2)', () => {
  it.each([
    [true, 2],
    [false, 0],
  ])('moves the commit index, and is answered with it where it is shared: %s', (shareCommit, commit) => {
    const server = new OneNode({ terms: [1, 1], hardState: { term: 1 }, options: { shareCommit } });
    server.receive(Heartbeat, 3, { term: 1, commit: 2, readSequence: 4 });
    expect(server.run()).toMatchObject([{ type: HeartbeatResp, to: 3, readSequence: 4, commit }]);
    expect([server.state.log.committed, server.state.lead]).toEqual([2, 3]);
  });
});

describe('a snapshot (Raft §7)', () => {
  const snapshotOf = (index: number, term: number, voters: readonly NodeId[] = [1, 2, 3, 4]) => ({
    term: 5,
    snapshot: {
      index,
      term,
      configuration: simpleConfiguration(voters),
      content: new MemoryContent(new Uint8Array(0)),
    },
  });

  it('takes the place of a log that does not hold its last entry, configuration and all', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 4, commit: 1 }, options: { shareCommit: true } });
    server.receive(Snapshot, 2, snapshotOf(3, 4));
    expect(server.node.ready()).toMatchObject({ snapshot: { index: 3, term: 4 } });
    expect(server.state.outbox).toEqual([]);
    expect([server.state.log.lastIndex, server.state.log.committed, server.state.lead]).toEqual([3, 3, 2]);
    expect(server.state.configuration.voters).toEqual([1, 2, 3, 4]);
  });

  it('is answered with where the log ends after it, once that is stored', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 4, commit: 1 }, options: { shareCommit: true } });
    server.receive(Snapshot, 2, snapshotOf(9, 4));
    expect(server.run()).toMatchObject([{ type: AppendResp, to: 2, index: 9, reject: false, commit: 9 }]);
    expect([server.log.lastIndex, server.state.log.applied]).toEqual([9, 9]);
  });

  it('only moves the commit index where the log holds its last entry', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 4, commit: 1 } });
    server.receive(Snapshot, 2, snapshotOf(2, 1));
    expect(server.run()).toMatchObject([{ type: AppendResp, index: 2 }]);
    expect([server.state.log.lastIndex, server.state.log.committed]).toEqual([3, 2]);
    expect(server.state.configuration.voters).toEqual([1, 2, 3]);
  });

  it('of what is committed here changes nothing', () => {
    for (const index of [1, 2]) {
      const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 4, commit: 2 } });
      server.run();
      server.receive(Snapshot, 2, snapshotOf(index, 4));
      expect(server.run()).toMatchObject([{ type: AppendResp, index: 2 }]);
      expect([server.state.log.lastIndex, server.state.configuration.voters.length]).toEqual([3, 3]);
    }
  });

  it('comes from a leader, and keeps its receiver from standing', () => {
    const server = new OneNode({ hardState: { term: 5 } });
    server.tick(9);
    server.receive(Snapshot, 2, snapshotOf(9, 4));
    server.run();
    server.tick(9);
    expect(server.state.role).toBe(RaftRole.Follower);
    server.tick(1);
    expect(server.state.role).toBe(RaftRole.Candidate);
  });
});

describe('a leader that is to be forgotten', () => {
  it.each([
    [ReadMode.Safe, 0],
    [ReadMode.LeaseBased, 2],
  ])('is, unless it trusts in being remembered: reads %s', (readMode, lead) => {
    const server = new OneNode({ options: { readMode, checkQuorum: true } });
    server.receive(Heartbeat, 2, { term: 1 });
    server.node.forgetLeader();
    expect([server.state.role, server.state.lead]).toEqual([RaftRole.Follower, lead]);
  });
});

describe('a refusal', () => {
  it('says where the logs may agree at or before the place that was asked for, however long the log is', () => {
    const server = new OneNode({ terms: [1, 1, 2, 2, 2], hardState: { term: 3 } });
    const hintAt = (index: number) => {
      server.receive(Append, 2, { term: 3, index, logTerm: 3 });
      return server.run().map(({ reject, index: at, rejectHint, logTerm }) => [reject, at, rejectHint, logTerm]);
    };
    expect([hintAt(3), hintAt(9)]).toEqual([[[true, 3, 3, 2]], [[true, 9, 5, 2]]]);
  });
});
