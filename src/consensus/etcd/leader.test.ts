import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../entry.ts';
import { ChangeKind, encodeConfChange, Transition } from './membership.ts';
import { MessageType } from './messages.ts';
import { StepError } from './node.ts';
import { RaftRole } from './state.ts';
import { OneNode } from './testing/oneNode.ts';

const { Append, AppendResp, Heartbeat, HeartbeatResp, TimeoutNow } = MessageType;
const sentTo = (messages: readonly { type: MessageType; to: number }[], type: MessageType) =>
  messages.filter((message) => message.type === type).map(({ to }) => to);

function change(kind: ChangeKind, id: number, transition: Transition = Transition.Auto): Entry {
  return new Entry(0, 0, EntryType.JointReconf, encodeConfChange({ transition, steps: [{ kind, id }] }));
}

/** Leads, and its first entry is committed and applied. */
function leading(): OneNode {
  const server = new OneNode();
  server.lead();
  server.receive(AppendResp, 2, { term: 1, index: 1 });
  server.run();
  return server;
}

describe('commitment (Raft §5.3, §5.4.2)', () => {
  it('takes a majority, the leader included', () => {
    const server = new OneNode({ voters: [1, 2, 3, 4, 5] });
    server.node.campaign();
    server.run();
    for (const id of [2, 3]) server.receive(MessageType.VoteResp, id, { term: 1 });
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    expect(server.state.log.committed).toBe(0);
    server.receive(AppendResp, 3, { term: 1, index: 1 });
    expect(server.state.log.committed).toBe(1);
  });

  it('never counts an entry of an earlier term (figure 8)', () => {
    const server = new OneNode({ terms: [1, 1], hardState: { term: 1 } });
    server.lead();
    server.receive(AppendResp, 2, { term: 2, index: 2 });
    expect(server.state.log.committed).toBe(0);
    server.receive(AppendResp, 2, { term: 2, index: 3 });
    expect(server.state.log.committed).toBe(3);
  });

  it('counts the leader only once its own write is durable', () => {
    const server = new OneNode({ options: { asyncStorageWrites: true } });
    server.node.campaign();
    server.node.ready();
    server.receive(MessageType.VoteResp, 1, { term: 1 });
    server.receive(MessageType.VoteResp, 2, { term: 1 });
    const { messages } = server.node.ready();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    expect(server.state.log.committed).toBe(0);
    const write = messages.find(({ type }) => type === MessageType.StorageAppend)!;
    for (const response of write.responses) server.node.step(response);
    expect(server.state.log.committed).toBe(1);
  });
});

describe('a removal that those who remain commit', () => {
  /** A leader of 4 servers, with the removal of server 4 in its log, and an entry after it. */
  const removing = () => {
    const server = new OneNode({ voters: [1, 2, 3, 4] });
    server.node.campaign();
    server.run();
    for (const id of [2, 3]) server.receive(MessageType.VoteResp, id, { term: 1 });
    server.run();
    server.node.propose([change(ChangeKind.Remove, 4)]);
    server.propose('a');
    server.state.leader!.removal = { index: 2, voters: [1, 2, 3] };
    server.run();
    return server;
  };

  it('takes a majority of them, and what is after it one of all', () => {
    const server = removing();
    expect(server.state.log.committed).toBe(0);
    server.receive(AppendResp, 4, { term: 1, index: 3 });
    expect(server.state.log.committed).toBe(0);
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    expect(server.state.log.committed).toBe(1);
  });

  it('is committed by two of three, where the fourth is gone', () => {
    const server = removing();
    server.receive(AppendResp, 2, { term: 1, index: 3 });
    expect(server.state.log.committed).toBe(2);
  });

  it('holds nothing back that a majority of all commits', () => {
    const server = removing();
    server.receive(AppendResp, 4, { term: 1, index: 3 });
    server.receive(AppendResp, 2, { term: 1, index: 3 });
    expect(server.state.log.committed).toBe(3);
  });
});

describe('staying leader', () => {
  it('ends with a higher term', () => {
    const server = new OneNode();
    server.lead();
    server.receive(HeartbeatResp, 3, { term: 9 });
    expect([server.state.role, server.state.term, server.state.lead]).toEqual([RaftRole.Follower, 9, 0]);
  });

  it('takes a quorum heard from within an election timeout, with CheckQuorum', () => {
    const server = new OneNode({ options: { checkQuorum: true } });
    server.lead();
    for (let periods = 0; periods < 3; periods++) {
      server.receive(HeartbeatResp, 3, { term: 1 });
      server.tick(10);
    }
    expect(server.state.role).toBe(RaftRole.Leader);
    server.tick(10);
    expect(server.state.role).toBe(RaftRole.Follower);
  });

  it('is asked for a quorum an election timeout after the election, whenever that was won, and counts itself', () => {
    const late = new OneNode({ options: { checkQuorum: true } });
    late.node.campaign();
    late.run();
    late.tick(9);
    late.receive(MessageType.VoteResp, 2, { term: 1 });
    late.tick(9);
    expect(late.state.role).toBe(RaftRole.Leader);
    const slow = new OneNode({ options: { checkQuorum: true, asyncStorageWrites: true } });
    slow.node.campaign();
    slow.node.ready();
    for (const id of [1, 2]) slow.receive(MessageType.VoteResp, id, { term: 1 });
    slow.node.ready();
    slow.receive(HeartbeatResp, 2, { term: 1 });
    slow.tick(10);
    expect(slow.state.role).toBe(RaftRole.Leader);
  });

  it('tells followers no commit index beyond what they are known to hold', () => {
    const server = leading();
    server.tick(1);
    const heartbeats = server.run().filter(({ type }) => type === Heartbeat);
    expect(heartbeats.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 1],
      [3, 0],
    ]);
  });
});

describe('leadership transfer (thesis §3.10)', () => {
  it('asks a follower that is up to date to take over at once, and takes no proposals meanwhile', () => {
    const server = leading();
    server.node.transferLeadership(2);
    expect(sentTo(server.run(), TimeoutNow)).toEqual([2]);
    expect(server.propose('a')).toBe('raft proposal dropped');
  });

  it('first brings it up to date, and gives up after an election timeout', () => {
    const server = new OneNode();
    server.lead();
    server.node.transferLeadership(3);
    expect(sentTo(server.run(), TimeoutNow)).toEqual([]);
    server.receive(AppendResp, 3, { term: 1, index: 1 });
    expect(sentTo(server.run(), TimeoutNow)).toEqual([3]);
    server.tick(10);
    expect(server.propose('a')).toBeUndefined();
  });

  it('waits for the very last entry', () => {
    const server = new OneNode();
    server.lead();
    server.propose('a');
    server.propose('b');
    server.node.transferLeadership(3);
    server.run();
    server.receive(AppendResp, 3, { term: 1, index: 1 });
    expect(sentTo(server.run(), TimeoutNow)).toEqual([]);
    server.receive(AppendResp, 3, { term: 1, index: 2 });
    expect(sentTo(server.run(), TimeoutNow)).toEqual([]);
    server.receive(AppendResp, 3, { term: 1, index: 3 });
    expect(sentTo(server.run(), TimeoutNow)).toEqual([3]);
  });

  it('is for voters only', () => {
    const server = new OneNode({ learners: [4] });
    server.lead();
    for (const id of [2, 4]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.run();
    for (const id of [4, 9]) {
      server.node.transferLeadership(id);
      expect(sentTo(server.run(), TimeoutNow)).toEqual([]);
      expect(server.propose('')).toBeUndefined();
    }
  });

  it('asks once, and is called off by one to this server itself', () => {
    const server = new OneNode();
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.node.transferLeadership(2);
    server.run();
    server.node.transferLeadership(2);
    expect(sentTo(server.run(), TimeoutNow)).toEqual([]);
    server.node.transferLeadership(1);
    expect([sentTo(server.run(), TimeoutNow), server.propose('a')]).toEqual([[], undefined]);
  });

  it('has an election timeout from when it was asked for', () => {
    const server = new OneNode();
    server.lead();
    server.tick(9);
    server.node.transferLeadership(3);
    server.tick(9);
    expect(server.propose('a')).toBe(StepError.ProposalDropped);
    server.tick(1);
    expect(server.propose('a')).toBeUndefined();
  });

  it('makes the follower stand without a pre-vote, and in spite of the lease', () => {
    const follower = new OneNode({ id: 2, options: { preVote: true, checkQuorum: true } });
    follower.receive(Heartbeat, 1, { term: 1 });
    follower.run();
    follower.receive(TimeoutNow, 1, { term: 1 });
    const [request] = follower.run();
    expect(request).toMatchObject({ type: MessageType.Vote, term: 2, transfer: true });
    const voter = new OneNode({ id: 1, options: { checkQuorum: true } });
    voter.receive(Heartbeat, 3, { term: 1 });
    voter.run();
    voter.node.step(request!);
    expect(voter.run().map(({ reject }) => reject)).toEqual([false]);
  });
});

describe('membership changes (Raft §6, thesis §4)', () => {
  it('take effect when they are applied, one at a time', () => {
    const server = leading();
    server.node.propose([change(ChangeKind.AddVoter, 4)]);
    server.node.propose([change(ChangeKind.AddVoter, 5)]);
    server.run();
    expect(server.state.configuration.voters).toEqual([1, 2, 3]);
    server.receive(AppendResp, 2, { term: 1, index: 3 });
    const messages = server.run();
    expect(server.state.configuration.voters).toEqual([1, 2, 3, 4]);
    expect(sentTo(messages, Append)).toContain(4);
    expect(server.applied.map(({ type }) => type)).toEqual([
      EntryType.Internal,
      EntryType.JointReconf,
      EntryType.Internal,
    ]);
  });

  it('through a joint configuration need both halves, and are left by the leader itself', () => {
    const server = leading();
    server.node.propose([change(ChangeKind.AddLearner, 3, Transition.JointImplicit)]);
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    server.run();
    expect(server.state.configuration).toMatchObject({ voters: [1, 2], outgoing: [1, 2, 3], learnersNext: [3] });
    expect(server.state.log.lastIndex).toBe(3);
    server.receive(AppendResp, 2, { term: 1, index: 3 });
    server.run();
    expect(server.state.configuration).toMatchObject({ voters: [1, 2], outgoing: [], learners: [3] });
  });

  it('wait until the one before is applied, not only committed', () => {
    const server = leading();
    server.node.propose([change(ChangeKind.AddVoter, 4)]);
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    expect([server.state.log.committed, server.state.log.applied]).toEqual([2, 1]);
    server.node.propose([change(ChangeKind.AddVoter, 5)]);
    server.run();
    expect(server.log.entries(3, 3, 1000)).toMatchObject([{ type: EntryType.Internal }]);
  });

  it('may stand among commands, and then only they are struck out where one is under way', () => {
    const server = leading();
    const command = new Entry(0, 0, EntryType.Normal, new Uint8Array([7]));
    server.node.propose([command, change(ChangeKind.AddVoter, 4), command, change(ChangeKind.AddVoter, 5)]);
    expect(server.state.leader!.pendingConfIndex).toBe(3);
    server.node.propose([command, change(ChangeKind.AddVoter, 6)]);
    server.run();
    const { Normal, JointReconf, Internal } = EntryType;
    expect(server.log.entries(2, 7, 1000).map(({ type }) => type)).toEqual([
      Normal,
      JointReconf,
      Normal,
      Internal,
      Normal,
      Internal,
    ]);
  });

  it('are let into the log unseen where they shall be', () => {
    const server = new OneNode({ options: { disableConfChangeValidation: true } });
    server.lead();
    for (const id of [4, 5]) server.node.propose([change(ChangeKind.AddVoter, id)]);
    server.run();
    expect(server.log.entries(2, 3, 1000).map(({ type }) => type)).toEqual([
      EntryType.JointReconf,
      EntryType.JointReconf,
    ]);
  });

  it('that are left by themselves are left once', () => {
    const server = leading();
    server.node.propose([change(ChangeKind.AddLearner, 3, Transition.JointImplicit)]);
    server.propose('a');
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 3 });
    server.run();
    expect([server.state.log.applied, server.state.log.lastIndex]).toEqual([3, 4]);
  });

  it('are told at once when they are committed, where appends are coalesced, and nothing else is', () => {
    const server = new OneNode({ options: { coalesceAppends: true } });
    server.lead();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.run();
    server.propose('a');
    server.node.propose([change(ChangeKind.AddVoter, 4)]);
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    expect(server.run().filter(({ type }) => type === Append)).toEqual([]);
    server.receive(AppendResp, 2, { term: 1, index: 3 });
    const told = server.run().filter(({ type, entries }) => type === Append && entries.length === 0);
    expect(told.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 3],
      [3, 3],
    ]);
    server.propose('b');
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 4 });
    server.receive(AppendResp, 3, { term: 1, index: 4 });
    server.receive(AppendResp, 2, { term: 1, index: 4 });
    expect([server.state.log.committed, server.run().filter(({ type, to }) => type === Append && to !== 4)]).toEqual([
      4,
      [],
    ]);
  });

  it('are told even where more was committed since, before anything was sent', () => {
    const server = new OneNode({ options: { coalesceAppends: true } });
    server.lead();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.run();
    server.node.propose([change(ChangeKind.AddVoter, 4)]);
    server.propose('a');
    server.run();
    for (const index of [2, 3]) server.receive(AppendResp, 2, { term: 1, index });
    const told = server.run().filter(({ type, entries }) => type === Append && entries.length === 0);
    expect(told.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 3],
      [3, 3],
    ]);
  });

  it('are told along with entries where there are some, and not by a message of their own', () => {
    const server = new OneNode({ options: { coalesceAppends: true } });
    server.lead();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 1 });
    server.run();
    server.node.propose([change(ChangeKind.Remove, 3)]);
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    server.propose('a');
    const told = server.node.ready().messages.filter(({ type }) => type === Append);
    expect(told.map(({ to, commit, entries }) => [to, commit, entries.length])).toEqual([
      [2, 2, 1],
      [3, 2, 1],
    ]);
  });

  it('through halves that share one server commit by a majority of each', () => {
    const server = leading();
    server.joinHalves();
    expect(server.state.configuration).toMatchObject({ voters: [1, 4, 5], outgoing: [1, 2, 3] });
    server.propose('a');
    server.run();
    server.receive(AppendResp, 4, { term: 1, index: 2 });
    expect(server.state.log.committed).toBe(1);
    server.receive(AppendResp, 3, { term: 1, index: 2 });
    expect(server.state.log.committed).toBe(2);
    server.propose('b');
    server.run();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 3 });
    expect(server.state.log.committed).toBe(2);
  });

  it('that remove the leader leave it leading, where it shall, without taking anything', () => {
    const server = leading();
    server.node.propose([change(ChangeKind.Remove, 1)]);
    server.run();
    for (const id of [2, 3]) server.receive(AppendResp, id, { term: 1, index: 2 });
    server.run();
    expect(server.state.role).toBe(RaftRole.Leader);
    expect(server.propose('late')).toBe(StepError.ProposalDropped);
  });

  it('that remove the leader let it write what it had taken before', () => {
    const server = leading();
    server.node.propose([change(ChangeKind.Remove, 1)]);
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    server.propose('a');
    server.run();
    expect([server.state.role, server.log.lastIndex]).toEqual([RaftRole.Leader, 3]);
  });

  it('that remove the leader make it step down, where it shall', () => {
    const server = new OneNode({ options: { stepDownOnRemoval: true } });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.node.propose([change(ChangeKind.Remove, 1)]);
    server.run();
    server.receive(AppendResp, 2, { term: 1, index: 2 });
    server.run();
    expect([server.state.role, server.state.lead]).toEqual([RaftRole.Follower, 0]);
  });
});

describe('what a leader hears beside its purpose', () => {
  it('is how far a follower knows the log to be committed, also where that refuses entries', () => {
    const server = leading();
    server.receive(AppendResp, 3, { term: 1, index: 0, reject: true, rejectHint: 0, commit: 1 });
    server.receive(AppendResp, 3, { term: 1, index: 1, commit: 0 });
    expect(server.state.members.progress.get(3)!.knownCommit).toBe(1);
  });

  it('is no transfer where that goes to itself, and the time of its quorum goes on', () => {
    const server = leading();
    server.tick(5);
    server.node.transferLeadership(1);
    expect([server.state.electionElapsed, server.state.leader!.transferee]).toEqual([5, 0]);
    server.node.transferLeadership(2);
    expect([server.state.electionElapsed, server.state.leader!.transferee]).toEqual([0, 2]);
  });
});
