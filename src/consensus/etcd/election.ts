import type { NodeId } from '../contract.ts';
import { jointVote, VoteResult } from '../parts/quorum.ts';
import type { RaftCore } from './core.ts';
import { receiveAppend, receiveHeartbeat, receiveSnapshot } from './follower.ts';
import { voterIds } from './membership.ts';
import { Message, MessageType, voteResponseType } from './messages.ts';
import { broadcastAppend } from './replication.ts';
import { RaftRole } from './role.ts';

/** Elections: Raft §5.2 and §5.4.1, pre-votes of thesis §9.6, and elections that a leader asks for (thesis §3.10). */

/** An election timeout passed, or `transfer`: the leader asks this server to take over. */
export function startElection(core: RaftCore, transfer: boolean): void {
  if (core.role === RaftRole.Leader || !core.promotable) return;
  core.log.commitTo(core.refusedCommit);
  // A committed change that is not applied yet: the configuration this server would count votes in is known to be old.
  if (core.log.hasUnappliedChange()) return;
  // A leader that hands over has proven that the election can be won: no pre-vote.
  campaign(core, core.options.preVote && !transfer ? MessageType.PreVote : MessageType.Vote, transfer);
}

export function campaign(core: RaftCore, type: MessageType, transfer: boolean): void {
  if (!core.promotable) return;
  if (type === MessageType.PreVote) core.becomePreCandidate();
  else core.becomeCandidate();
  const term = type === MessageType.PreVote ? core.term + 1 : core.term;
  for (const id of voterIds(core.configuration)) {
    if (id === core.id) {
      // The own vote counts once it is durable, like everybody else's.
      const own = new Message(voteResponseType(type), id);
      own.term = term;
      core.send(own);
      continue;
    }
    const request = new Message(type, id);
    request.term = term;
    request.index = core.log.lastIndex;
    request.logTerm = core.log.lastTerm;
    request.transfer = transfer;
    core.send(request);
  }
}

/** Any role answers a request for a vote or a pre-vote. Learners vote too: who asks them knows of a newer configuration. */
export function receiveVoteRequest(core: RaftCore, request: Message): void {
  const { type, from } = request;
  const mayVote =
    core.vote === from ||
    (core.vote === 0 && core.lead === 0) ||
    (type === MessageType.PreVote && request.term > core.term);
  const answer = new Message(voteResponseType(type), from);
  if (mayVote && core.log.isUpToDate(request.index, request.logTerm)) {
    // A pre-vote is answered with the term asked for: the candidate has not taken it and would drop an older one.
    answer.term = request.term;
    core.send(answer);
    if (type === MessageType.Vote) {
      core.electionElapsed = 0;
      core.vote = from;
    }
    return;
  }
  answer.reject = true;
  if (core.options.shareCommit) {
    answer.commit = core.log.committed;
    answer.logTerm = core.log.term(answer.commit) ?? 0;
  }
  core.send(answer);
}

/**
 * A refusal tells how far the refusing server knows the log to be committed. If the candidate holds that very entry it knows so
 * too, once it has lost. Where changes take effect when they commit, this ends a deadlock: a candidate in an old configuration
 * may need the vote of a server that was removed, and that has the longer log and so refuses, but knows of the commit.
 */
function noteRefusal(core: RaftCore, refusal: Message): void {
  if (refusal.logTerm === 0 || !core.log.matches(refusal.commit, refusal.logTerm)) return;
  core.refusedCommit = Math.max(core.refusedCommit, refusal.commit);
}

/** What candidates and pre-candidates do with a message of their term. */
export function stepCandidate(core: RaftCore, message: Message): boolean {
  const awaited = core.role === RaftRole.PreCandidate ? MessageType.PreVoteResp : MessageType.VoteResp;
  switch (message.type) {
    case MessageType.Propose:
      return false;
    case MessageType.Append:
      core.becomeFollower(message.term, message.from);
      receiveAppend(core, message);
      return true;
    case MessageType.Heartbeat:
      core.becomeFollower(message.term, message.from);
      receiveHeartbeat(core, message);
      return true;
    case MessageType.Snapshot:
      core.becomeFollower(message.term, message.from);
      receiveSnapshot(core, message);
      return true;
    case awaited:
      if (message.reject) noteRefusal(core, message);
      countVote(core, message.from, !message.reject);
      return true;
    default:
      return true;
  }
}

function countVote(core: RaftCore, from: NodeId, granted: boolean): void {
  if (!core.votes.has(from)) core.votes.set(from, granted);
  const { voters, outgoing } = core.configuration;
  const result = jointVote(voters, outgoing, (id) => core.votes.get(id));
  if (result === VoteResult.Lost) {
    // A lost pre-vote leaves the term as it was: the answers carried terms that were only asked for.
    const { refusedCommit } = core;
    core.becomeFollower(core.term, 0);
    core.log.commitTo(refusedCommit);
  } else if (result === VoteResult.Won) {
    if (core.role === RaftRole.PreCandidate) {
      core.campaignForReal();
      return;
    }
    core.becomeLeader();
    if (core.leader !== undefined) broadcastAppend(core, core.leader);
  }
}
