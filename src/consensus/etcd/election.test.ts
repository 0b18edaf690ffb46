import { describe, expect, it } from 'vitest';
import { ChangeType, simpleConfiguration } from '../contract.ts';
import { Entry } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { ChangeKind, changeEntry, Transition } from './membership.ts';
import { MessageType } from './messages.ts';
import { RaftRole } from './state.ts';
import { OneNode } from './testing/oneNode.ts';

const { Append, AppendResp, Heartbeat, HeartbeatResp, PreVote, PreVoteResp } = MessageType;
const { Propose, Snapshot, TimeoutNow, Vote, VoteResp } = MessageType;
const types = (messages: readonly { type: MessageType; to: number }[]) => messages.map(({ type, to }) => [type, to]);

describe('elections (Raft §5.2)', () => {
  it('starts one between once and twice the timeout after the last sign of a leader', () => {
    for (const [random, ticks] of [
      [0, 10],
      [0.55, 15],
      [0.999, 19],
    ] as const) {
      const server = new OneNode({ options: { random: () => random } });
      server.tick(ticks - 1);
      expect(server.run()).toEqual([]);
      server.tick(1);
      expect(types(server.run())).toEqual([
        [Vote, 2],
        [Vote, 3],
      ]);
      expect([server.state.role, server.state.term, server.state.vote]).toEqual([RaftRole.Candidate, 1, 1]);
    }
  });

  it('is put off by a heartbeat', () => {
    const server = new OneNode();
    server.tick(9);
    server.receive(Heartbeat, 2, { term: 1 });
    server.tick(9);
    expect(types(server.run())).toEqual([[HeartbeatResp, 2]]);
  });

  it('is won by a majority, and the new leader writes an empty entry of its term', () => {
    const server = new OneNode({ terms: [1, 1], hardState: { term: 1 } });
    const messages = server.lead();
    expect(server.state.role).toBe(RaftRole.Leader);
    expect(messages.map(({ type, index, entries }) => [type, index, entries[0]?.index, entries[0]?.term])).toEqual([
      [Append, 2, 3, 2],
      [Append, 2, 3, 2],
    ]);
  });

  it('through a joint configuration is won by both halves only', () => {
    const server = new OneNode({ voters: [1, 2, 3] });
    server.joinHalves();
    expect(server.state.configuration).toMatchObject({ voters: [1, 4, 5], outgoing: [1, 2, 3] });
    server.node.campaign();
    server.run();
    server.receive(VoteResp, 4, { term: 1 });
    expect(server.state.role).toBe(RaftRole.Candidate);
    server.receive(VoteResp, 2, { term: 1 });
    expect(server.state.role).toBe(RaftRole.Leader);
  });

  it('counts the first answer of each', () => {
    const server = new OneNode({ voters: [1, 2, 3, 4, 5] });
    server.node.campaign();
    server.run();
    server.receive(VoteResp, 2, { term: 1 });
    server.receive(VoteResp, 2, { term: 1, reject: true });
    server.receive(VoteResp, 3, { term: 1 });
    expect(server.state.role).toBe(RaftRole.Leader);
  });

  it('is lost by a majority of refusals', () => {
    const server = new OneNode();
    server.node.campaign();
    server.run();
    server.receive(VoteResp, 2, { term: 1, reject: true });
    expect(server.state.role).toBe(RaftRole.Candidate);
    server.receive(VoteResp, 3, { term: 1, reject: true });
    expect([server.state.role, server.state.term]).toEqual([RaftRole.Follower, 1]);
  });

  it.each([
    ['heartbeat', Heartbeat],
    ['append', Append],
    ['snapshot', Snapshot],
  ])('ends for a candidate that hears from a leader of its term: a %s', (_what, type) => {
    const server = new OneNode();
    server.node.campaign();
    server.run();
    server.receive(type, 3, { term: 1 });
    expect([server.state.role, server.state.lead]).toEqual([RaftRole.Follower, 3]);
  });

  it('counts a vote once, and the own vote only when it is durable', () => {
    const server = new OneNode({ voters: [1, 2, 3, 4, 5], options: { asyncStorageWrites: true } });
    server.node.campaign();
    server.node.ready();
    server.receive(VoteResp, 2, { term: 1 });
    server.receive(VoteResp, 2, { term: 1 });
    server.receive(VoteResp, 3, { term: 1 });
    expect(server.state.role).toBe(RaftRole.Candidate);
    server.receive(VoteResp, 1, { term: 1 });
    expect(server.state.role).toBe(RaftRole.Leader);
  });

  it('a leader alone is elected without anybody else', () => {
    const server = new OneNode({ voters: [1] });
    server.node.campaign();
    server.run();
    expect([server.state.role, server.state.log.committed]).toEqual([RaftRole.Leader, 1]);
  });
});

describe('votes (Raft §5.2, §5.4.1)', () => {
  it('go to one candidate a term, and to that one again', () => {
    const server = new OneNode();
    server.receive(Vote, 2, { term: 1 });
    server.receive(Vote, 3, { term: 1 });
    server.receive(Vote, 2, { term: 1 });
    expect(server.run().map(({ to, reject }) => [to, reject])).toEqual([
      [2, false],
      [3, true],
      [2, false],
    ]);
    expect(server.log.hardState).toMatchObject({ term: 1, vote: 2 });
  });

  it.each([
    ['a longer log of the same term', 4, 2, true],
    ['an equal log', 3, 2, true],
    ['a shorter log of the same term', 2, 2, false],
    ['a shorter log of a later term', 1, 3, true],
    ['a longer log of an earlier term', 9, 1, false],
  ])('are given or not by the end of the log: %s', (_what, index, logTerm, granted) => {
    const server = new OneNode({ terms: [1, 1, 2], hardState: { term: 2 } });
    server.receive(Vote, 2, { term: 3, index, logTerm });
    expect(server.run().map(({ reject }) => !reject)).toEqual([granted]);
  });

  it('are given by learners too, which may be voters by now', () => {
    const server = new OneNode({ id: 3, voters: [1, 2], learners: [3] });
    server.receive(Vote, 2, { term: 1 });
    expect(server.run().map(({ reject }) => reject)).toEqual([false]);
    server.tick(100);
    expect(server.state.role).toBe(RaftRole.Follower);
  });

  it('are not given while a leader is heard from, with CheckQuorum, unless the leader asks for it (thesis §4.2.3)', () => {
    for (const [checkQuorum, transfer, voters] of [
      [false, false, [3]],
      [true, false, []],
      [true, true, [3]],
    ] as const) {
      const server = new OneNode({ options: { checkQuorum } });
      server.receive(Heartbeat, 2, { term: 1 });
      server.run();
      server.receive(Vote, 3, { term: 2, transfer });
      expect(server.run().map(({ to }) => to)).toEqual(voters);
      expect(server.state.term).toBe(1 + voters.length);
    }
  });

  it('go to nobody else where the leader of the term is known', () => {
    const server = new OneNode({ hardState: { term: 4 } });
    server.receive(Heartbeat, 2, { term: 4 });
    server.run();
    server.receive(Vote, 3, { term: 4 });
    expect(server.run().map(({ to, reject }) => [to, reject])).toEqual([[3, true]]);
  });

  it('put the own election off', () => {
    const server = new OneNode({ hardState: { term: 4 } });
    server.tick(9);
    server.receive(Vote, 3, { term: 4 });
    server.tick(9);
    expect(types(server.run())).toEqual([[VoteResp, 3]]);
  });

  it('survive a restart', () => {
    const server = new OneNode({ hardState: { term: 4, vote: 2 } });
    server.receive(Vote, 3, { term: 4 });
    expect(server.run().map(({ reject }) => reject)).toEqual([true]);
  });
});

describe('pre-votes (thesis §9.6)', () => {
  const options = { preVote: true };

  it('ask with the next term without taking it', () => {
    const server = new OneNode({ options, hardState: { term: 5 } });
    server.tick(10);
    expect(server.run().map(({ type, term }) => [type, term])).toEqual([
      [PreVote, 6],
      [PreVote, 6],
    ]);
    expect([server.state.role, server.state.term, server.log.hardState.term]).toEqual([RaftRole.PreCandidate, 5, 0]);
    server.receive(PreVoteResp, 2, { term: 6 });
    expect(types(server.run())).toEqual([
      [Vote, 2],
      [Vote, 3],
    ]);
    expect(server.state.term).toBe(6);
  });

  it('take no term and no vote from who grants them', () => {
    const server = new OneNode({ options, hardState: { term: 5, vote: 3 } });
    server.receive(PreVote, 2, { term: 6 });
    expect(server.run().map(({ type, term, reject }) => [type, term, reject])).toEqual([[PreVoteResp, 6, false]]);
    expect([server.state.term, server.state.vote]).toEqual([5, 3]);
  });

  it('are ignored while a leader is heard from (thesis §4.2.3)', () => {
    for (const guarded of [{ checkQuorum: true }, { preVoteLease: true }]) {
      const server = new OneNode({ options: { ...options, ...guarded }, hardState: { term: 5 } });
      server.receive(Heartbeat, 2, { term: 5 });
      server.run();
      server.receive(PreVote, 3, { term: 6 });
      expect(server.run()).toEqual([]);
      server.state.setRandomizedElectionTimeout(100);
      server.tick(10);
      server.receive(PreVote, 3, { term: 6 });
      expect(types(server.run())).toEqual([[PreVoteResp, 3]]);
    }
  });

  it('are answered all the same where nothing guards a leader', () => {
    const server = new OneNode({ options, hardState: { term: 5 } });
    server.receive(Heartbeat, 2, { term: 5 });
    server.run();
    server.receive(PreVote, 3, { term: 6 });
    expect(types(server.run())).toEqual([[PreVoteResp, 3]]);
  });

  it('that are refused tell a later term', () => {
    const server = new OneNode({ options, hardState: { term: 5 } });
    server.node.campaign();
    server.run();
    server.receive(PreVoteResp, 2, { term: 8, reject: true });
    expect([server.state.role, server.state.term]).toEqual([RaftRole.Follower, 8]);
  });

  it('of the term that was voted in are refused to all others', () => {
    const server = new OneNode({ options, hardState: { term: 5, vote: 3 } });
    for (const from of [2, 3]) server.receive(PreVote, from, { term: 5 });
    expect(server.run().map(({ to, reject }) => [to, reject])).toEqual([
      [2, true],
      [3, false],
    ]);
  });

  it('count in the round in which they were asked for', () => {
    const server = new OneNode({ options, voters: [1, 2, 3, 4, 5] });
    server.tick(10);
    server.run();
    server.receive(PreVoteResp, 2, { term: 1 });
    server.tick(10);
    server.run();
    server.receive(PreVoteResp, 3, { term: 1 });
    expect(server.state.role).toBe(RaftRole.PreCandidate);
    server.receive(PreVoteResp, 2, { term: 1 });
    expect(server.state.role).toBe(RaftRole.Candidate);
  });

  it('that are won are followed by requests that break no lease', () => {
    const server = new OneNode({ options });
    server.node.campaign();
    server.run();
    server.receive(PreVoteResp, 2, { term: 1 });
    expect(server.run().map(({ type, transfer }) => [type, transfer])).toEqual([
      [Vote, false],
      [Vote, false],
    ]);
  });

  it('that are won by a server that was removed meanwhile lead to no election', () => {
    const server = new OneNode({ options });
    server.node.campaign();
    server.run();
    server.node.applyConfChange({ transition: Transition.Auto, steps: [{ kind: ChangeKind.Remove, id: 1 }] });
    server.receive(PreVoteResp, 2, { term: 1 });
    server.receive(PreVoteResp, 3, { term: 1 });
    expect([server.state.term, server.run()]).toEqual([0, []]);
  });

  it('of an older term are refused with the present one, so that the asker catches up', () => {
    const server = new OneNode({ options, hardState: { term: 5 } });
    server.receive(PreVote, 2, { term: 3 });
    expect(server.run().map(({ type, term, reject }) => [type, term, reject])).toEqual([[PreVoteResp, 5, true]]);
  });

  it.each([
    ['pre-votes', { preVote: true }, [AppendResp, 5]],
    ['CheckQuorum', { checkQuorum: true }, [AppendResp, 5]],
    ['neither: a vote deposes it', {}, undefined],
  ])('let a leader of an older term know that it is over, with %s', (_what, guarded, told) => {
    for (const type of [Heartbeat, Append]) {
      const server = new OneNode({ options: guarded, hardState: { term: 5 } });
      server.receive(type, 2, { term: 4 });
      expect(server.run().map((answer) => [answer.type, answer.term])).toEqual(told === undefined ? [] : [told]);
    }
  });
});

describe('who may not stand', () => {
  it('servers with a change committed and not applied, by whose configuration nobody may be elected any more', () => {
    const { type, data } = changeEntry({ type: ChangeType.AddVoter, id: 4 });
    const server = new OneNode();
    const entries = [new Entry(1, 1, type, data)];
    server.receive(Append, 2, { term: 1, entries, commit: 1 });
    server.node.campaign();
    server.receive(TimeoutNow, 2, { term: 1 });
    expect([server.state.role, server.state.term, server.state.outbox]).toEqual([RaftRole.Follower, 1, []]);
    server.run();
    server.node.campaign();
    expect([server.state.role, server.state.term]).toEqual([RaftRole.Candidate, 2]);
  });

  it('candidates that were told meanwhile that such a change is committed', () => {
    const { type, data } = changeEntry({ type: ChangeType.AddVoter, id: 6 });
    const server = new OneNode({ voters: [1, 2, 3, 4, 5] });
    server.receive(Append, 2, { term: 1, entries: [new Entry(1, 1, type, data)] });
    server.run();
    server.node.campaign();
    server.run();
    server.receive(VoteResp, 3, { term: 2, reject: true, commit: 1, logTerm: 1 });
    expect([server.state.role, server.state.log.committed]).toEqual([RaftRole.Candidate, 0]);
    server.node.campaign();
    expect([server.state.term, server.state.log.committed]).toEqual([2, 1]);
  });

  it('learners and strangers', () => {
    const learner = new OneNode({ id: 3, voters: [1, 2], learners: [3] });
    const stranger = new OneNode({ id: 9 });
    for (const server of [learner, stranger]) {
      server.node.campaign();
      server.receive(TimeoutNow, 1, { term: 1 });
      expect(server.run()).toEqual([]);
    }
  });

  it('one that was asked to take over while a snapshot was written ended for want of the entries before it', () => {
    const snapshot = {
      index: 9,
      term: 1,
      configuration: simpleConfiguration([1, 2, 3]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    const server = new OneNode();
    server.receive(Snapshot, 2, { term: 1, snapshot });
    server.receive(TimeoutNow, 2, { term: 1 });
    expect([server.state.role, server.state.term]).toEqual([RaftRole.Follower, 1]);
    server.run();
    server.receive(TimeoutNow, 2, { term: 1 });
    expect([server.state.role, server.state.term]).toEqual([RaftRole.Candidate, 2]);
  });

  it('who leads already', () => {
    const server = new OneNode();
    server.lead();
    server.node.campaign();
    expect([server.state.role, server.state.term, server.run()]).toEqual([RaftRole.Leader, 1, []]);
  });

  it('who follows nobody drops proposals', () => {
    expect(new OneNode().propose('a')).toBe('raft proposal dropped');
    const candidate = new OneNode();
    candidate.node.campaign();
    expect(candidate.propose('a')).toBe('raft proposal dropped');
  });

  it('who follows a leader forwards them, unless it may not', () => {
    const forwarding = new OneNode();
    forwarding.receive(Heartbeat, 2, { term: 1 });
    forwarding.run();
    expect(forwarding.propose('a')).toBeUndefined();
    expect(types(forwarding.run())).toEqual([[Propose, 2]]);
    const refusing = new OneNode({ options: { disableProposalForwarding: true } });
    refusing.receive(Heartbeat, 2, { term: 1 });
    expect(refusing.propose('a')).toBe('raft proposal dropped');
  });
});

describe('a server that was removed and refuses its vote', () => {
  it('tells of the commit that the candidate did not hear of', () => {
    const options = { shareCommit: true };
    const removed = new OneNode({ id: 1, voters: [2], terms: [1, 1, 1], hardState: { term: 1, commit: 2 }, options });
    removed.receive(Vote, 2, { term: 2, index: 2, logTerm: 1 });
    const [refusal] = removed.run();
    expect(refusal).toMatchObject({ reject: true, commit: 2, logTerm: 1 });
    const candidate = new OneNode({ id: 2, voters: [1, 2], terms: [1, 1], hardState: { term: 1 }, options });
    candidate.node.campaign();
    candidate.run();
    candidate.node.step(refusal!);
    expect([candidate.state.role, candidate.state.log.committed]).toEqual([RaftRole.Follower, 2]);
  });

  it('is believed as far as the one that knows most says', () => {
    const candidate = new OneNode({ voters: [1, 2, 3, 4, 5], terms: [1, 1], hardState: { term: 1 } });
    candidate.node.campaign();
    candidate.run();
    const known = [
      { from: 2, commit: 2, logTerm: 1 },
      { from: 3, commit: 1, logTerm: 1 },
      { from: 4, commit: 0, logTerm: 0 },
    ];
    for (const { from, ...told } of known) candidate.receive(VoteResp, from, { term: 2, reject: true, ...told });
    expect([candidate.state.role, candidate.state.log.committed]).toEqual([RaftRole.Follower, 2]);
  });

  it('is not believed of an entry that the candidate holds with another term', () => {
    const candidate = new OneNode({ terms: [1, 1], hardState: { term: 2 } });
    candidate.node.campaign();
    candidate.run();
    for (const from of [2, 3]) candidate.receive(VoteResp, from, { term: 3, reject: true, commit: 2, logTerm: 2 });
    expect([candidate.state.role, candidate.state.log.committed]).toEqual([RaftRole.Follower, 0]);
  });
});

describe('a node', () => {
  it('whose host slept counts the ticks that it missed, and keeps half an election timeout at least', () => {
    const server = new OneNode();
    server.tick(1);
    server.state.slept(2);
    expect([server.state.electionElapsed, server.state.ticks]).toEqual([3, 3]);
    server.state.slept(90);
    expect([server.state.electionElapsed, server.state.ticks]).toEqual([5, 93]);
  });

  it('knows of a new member that its log is no longer than its own, and has a first entry', () => {
    const next = (...terms: number[]) => new OneNode({ terms }).state.newProgress(true).next;
    expect([next(), next(1), next(1, 1, 1)]).toEqual([1, 1, 3]);
  });
});
