import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { APPEND_THREAD, APPLY_THREAD, Message, MessageType } from './messages.ts';
import { StepError } from './node.ts';
import { RaftRole } from './state.ts';
import { OneNode } from './testing/oneNode.ts';

const { AppendResp, Heartbeat, PreVote, Propose, Snapshot, StorageAppend, StorageAppendResp, Vote, VoteResp } =
  MessageType;

/** What one server may send to another. */
const FROM_PEERS = [
  MessageType.Append,
  MessageType.AppendResp,
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.Snapshot,
  MessageType.TimeoutNow,
  MessageType.TransferLeader,
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
] as const;

const ROLES = {
  follower: () => new OneNode(),
  'pre-candidate': () => {
    const server = new OneNode({ options: { preVote: true } });
    server.node.campaign();
    server.run();
    expect(server.state.role).toBe(RaftRole.PreCandidate);
    return server;
  },
  candidate: () => {
    const server = new OneNode();
    server.node.campaign();
    server.run();
    expect(server.state.role).toBe(RaftRole.Candidate);
    return server;
  },
  leader: () => {
    const server = new OneNode();
    server.lead();
    expect(server.state.role).toBe(RaftRole.Leader);
    return server;
  },
} as const;

describe.each(Object.entries(ROLES))('a %s', (role, make) => {
  it('drops nothing but proposals, and these unless it leads', () => {
    for (const type of FROM_PEERS) {
      const server = make();
      expect(server.receive(type, 2, { term: server.state.term }), `type ${type}`).toBeUndefined();
    }
    const server = make();
    expect(server.receive(Propose, 1)).toBe(role === 'leader' ? undefined : StepError.ProposalDropped);
  });
});

describe('a node that starts', () => {
  it.each([
    ['the older hint', { commit: 1 }, 3, [3, 3]],
    ['the newer hint', { commit: 4 }, 3, [4, 3]],
    ['what is applied and was lost', { commit: 0 }, 9, [0, 0]],
    ['a hint of what was lost', { commit: 9 }, 2, [0, 0]],
  ])('takes as committed what its log holds: %s', (_what, hardState, appliedIndex, [committed, applied]) => {
    const { state } = new OneNode({ terms: [1, 1, 1, 1, 1], hardState: { term: 1, ...hardState }, appliedIndex });
    expect([state.log.committed, state.log.applied]).toEqual([committed, applied]);
  });

  it('may stand for election up to the last term but one', () => {
    expect(new OneNode({ hardState: { term: TERM_MAX - 1 } }).state.promotable).toBe(true);
    expect(new OneNode({ hardState: { term: TERM_MAX } }).state.promotable).toBe(false);
  });

  it('counts its log as its own when it leads, and others from where that ends', () => {
    const server = new OneNode({ terms: [1, 1, 1], hardState: { term: 1 } });
    server.lead();
    const known = [...server.state.members.progress].map(([id, { match, next }]) => [id, match, next]);
    expect(known).toEqual([
      [1, 4, 5],
      [2, 0, 4],
      [3, 0, 4],
    ]);
  });
});

describe('who is no member', () => {
  const { AppendResp, HeartbeatResp, PreVoteResp, ReadIndexResp, VoteResp: Vote } = MessageType;

  it('answers in vain, and is heard otherwise', () => {
    const server = new OneNode();
    for (const type of [AppendResp, HeartbeatResp, PreVoteResp, ReadIndexResp, Vote]) {
      expect(server.receive(type, 9, { term: 0 }), `type ${type}`).toBe(StepError.PeerNotFound);
    }
    expect(server.receive(Heartbeat, 9, { term: 1 })).toBeUndefined();
    expect(server.state.lead).toBe(9);
  });
});

describe('what a server tells only itself', () => {
  it('is not taken from anybody else', () => {
    const { ForgetLeader, SnapshotStatus, StorageApply, StorageApplyResp, Unreachable } = MessageType;
    for (const type of [
      Unreachable,
      SnapshotStatus,
      StorageAppend,
      StorageAppendResp,
      StorageApply,
      StorageApplyResp,
    ]) {
      expect(new OneNode().receive(type, 2), `type ${type}`).toBe(StepError.LocalMessage);
    }
    expect(new OneNode().receive(ForgetLeader, 1)).toBeUndefined();
  });
});

describe('what a node wants written', () => {
  it('is to be synced where it holds entries, or a vote, and need not be for a commit index', () => {
    const server = new OneNode();
    server.lead();
    server.propose('a');
    expect(server.node.ready()).toMatchObject({ mustSync: true, hardState: undefined, entries: [{ index: 2 }] });
    const committing = new OneNode();
    committing.lead();
    committing.propose('a');
    committing.run();
    committing.receive(AppendResp, 2, { term: 1, index: 2 });
    expect(committing.node.ready()).toMatchObject({ mustSync: false, hardState: { commit: 2 }, entries: [] });
    const voter = new OneNode();
    voter.receive(Vote, 2, { term: 4 });
    expect(voter.node.ready()).toMatchObject({ mustSync: true, hardState: { term: 4, vote: 2 }, entries: [] });
  });

  it('is to be synced for a vote in a term that is known, too', () => {
    const voter = new OneNode({ hardState: { term: 4 } });
    voter.receive(Vote, 2, { term: 4 });
    expect(voter.node.ready()).toMatchObject({ mustSync: true, hardState: { term: 4, vote: 2 }, entries: [] });
  });

  it.each([
    ['what is written first is applied after it', {}, 1],
    ['nothing is applied that is still to be written', { asyncStorageWrites: true }, 0],
    ['what a quorum holds is applied', { asyncStorageWrites: true, applyUnstable: true }, 1],
  ])('may be committed: %s', (_what, options, applied) => {
    const server = new OneNode({ options });
    const entries = [new Entry(1, 1, EntryType.Normal, new Uint8Array(0))];
    server.receive(MessageType.Append, 2, { term: 1, entries, commit: 1 });
    expect(server.node.ready().committed).toHaveLength(applied);
  });

  it('is asked for where nothing else is to be done', () => {
    const told = new OneNode();
    told.receive(AppendResp, 2, { term: 9, index: 1 });
    expect([told.node.hasReady, told.node.ready().hardState]).toEqual([true, { term: 9, vote: 0, commit: 0 }]);
    const forgetful = new OneNode();
    forgetful.receive(Heartbeat, 2, { term: 1 });
    forgetful.run();
    forgetful.node.forgetLeader();
    expect([forgetful.node.hasReady, forgetful.node.ready().softState]).toMatchObject([true, { lead: 0 }]);
    const loser = new OneNode();
    loser.node.campaign();
    loser.run();
    for (const id of [2, 3]) loser.receive(VoteResp, id, { term: 1, reject: true });
    expect([loser.node.hasReady, loser.node.ready().softState]).toMatchObject([true, { role: RaftRole.Follower }]);
    expect(loser.node.hasReady).toBe(false);
  });

  it('is not believed where an earlier term had it written, and nothing comes of it', () => {
    const server = new OneNode({ options: { asyncStorageWrites: true } });
    server.receive(Heartbeat, 2, { term: 5 });
    const late = Object.assign(new Message(MessageType.StorageAppendResp, 1), {
      from: APPEND_THREAD,
      term: 1,
      index: 1,
    });
    expect(server.node.step(late)).toBeUndefined();
    expect(server.state.term).toBe(5);
    const nothing = Object.assign(new Message(MessageType.StorageApplyResp, 1), { from: APPLY_THREAD, term: 5 });
    expect(server.node.step(nothing)).toBeUndefined();
    expect(server.state.log.applied).toBe(0);
  });
});

describe('an entry that was replaced, and came back', () => {
  const append = (server: OneNode, from: number, term: number, entryTerm: number) => {
    const entries = [new Entry(1, entryTerm, EntryType.Normal, new Uint8Array(0))];
    server.receive(MessageType.Append, from, { term, index: 0, logTerm: 0, entries });
    const written = server.node.ready().messages.find(({ type }) => type === StorageAppend)!;
    return written.responses.find(({ type }) => type === StorageAppendResp)!;
  };

  it('is not on disk because it once was: what took its place may be there', () => {
    const server = new OneNode({ options: { asyncStorageWrites: true } });
    const first = append(server, 2, 1, 1);
    append(server, 3, 2, 2);
    const last = append(server, 2, 3, 1);
    server.node.step(first);
    expect(server.state.log.unstable.entries).toHaveLength(1);
    server.node.step(last);
    expect(server.state.log.unstable.entries).toHaveLength(0);
  });
});

describe('a snapshot that is being written', () => {
  const snapshot = {
    index: 9,
    term: 1,
    configuration: simpleConfiguration([1, 2, 3]),
    content: new MemoryContent(new Uint8Array(0)),
  };

  it('is stored when its write says so, whatever the term is by now, and not when somebody sends it again', () => {
    const server = new OneNode({ options: { asyncStorageWrites: true } });
    server.receive(Snapshot, 2, { term: 1, snapshot });
    const written = server.node.ready().messages.find(({ type }) => type === StorageAppend)!;
    const confirmation = written.responses.find(({ type }) => type === StorageAppendResp)!;
    server.receive(Heartbeat, 3, { term: 5 });
    server.receive(Snapshot, 2, { term: 1, snapshot });
    expect([server.state.log.applied, server.state.promotable]).toEqual([0, false]);
    server.node.step(confirmation);
    expect([server.state.log.applied, server.state.promotable]).toEqual([9, true]);
  });
});

describe('a server that hears from a leader', () => {
  it('goes on waiting for as long as it had drawn', () => {
    const server = new OneNode();
    server.receive(Heartbeat, 2, { term: 1 });
    server.state.setRandomizedElectionTimeout(100);
    server.receive(Heartbeat, 2, { term: 1 });
    server.tick(99);
    expect(server.state.role).toBe(RaftRole.Follower);
    server.tick(1);
    expect(server.state.role).toBe(RaftRole.Candidate);
  });

  it('answers no pre-vote, but a vote: who asks for that has won a pre-vote already', () => {
    const server = new OneNode({ options: { preVote: true, preVoteLease: true } });
    server.receive(Heartbeat, 2, { term: 1 });
    server.run();
    server.receive(PreVote, 3, { term: 2 });
    expect(server.run()).toEqual([]);
    server.receive(Vote, 3, { term: 2 });
    expect(server.run()).toMatchObject([{ type: VoteResp, to: 3, term: 2, reject: false }]);
  });
});
