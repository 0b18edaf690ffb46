import type { NodeId } from '../contract.ts';
import { jointVote, VoteResult } from '../parts/quorum.ts';
import { startLeading } from './leader.ts';
import { voterIds } from './membership.ts';
import { Message, MessageType, voteResponseType } from './messages.ts';
import type { RaftState } from './state.ts';
import { RaftRole } from './state.ts';

/** Elections: Raft §5.2 and §5.4.1, pre-votes of thesis §9.6, and elections that a leader asks for (thesis §3.10). */

/** An election timeout passed, or `transfer`: the leader asks this server to take over. */
export function startElection(state: RaftState, transfer: boolean): void {
  // While a snapshot takes the place of the log, what is committed cannot be looked through.
  if (state.role === RaftRole.Leader || !state.promotable) return;
  state.log.commitTo(state.refusedCommit);
  // A committed change that is not applied yet: the configuration this server would count votes in is known to be old.
  if (state.log.hasUnappliedChange()) return;
  // A leader that hands over has proven that the election can be won: no pre-vote.
  campaign(state, state.options.preVote && !transfer ? MessageType.PreVote : MessageType.Vote, transfer);
}

function campaign(state: RaftState, type: MessageType, transfer: boolean): void {
  if (!state.promotable) return;
  if (type === MessageType.PreVote) state.becomePreCandidate();
  else state.becomeCandidate();
  const term = type === MessageType.PreVote ? state.term + 1 : state.term;
  for (const id of voterIds(state.configuration)) {
    if (id === state.id) {
      // The own vote counts once it is durable, like everybody else's.
      const own = new Message(voteResponseType(type), id);
      own.term = term;
      state.send(own);
      continue;
    }
    const request = new Message(type, id);
    request.term = term;
    request.index = state.log.lastIndex;
    request.logTerm = state.log.lastTerm;
    request.transfer = transfer;
    state.send(request);
  }
}

/** Any role answers a request for a vote or a pre-vote. Learners vote too: who asks them knows of a newer configuration. */
export function receiveVoteRequest(state: RaftState, request: Message): void {
  const { type, from } = request;
  const isFree =
    state.vote === from ||
    (state.vote === 0 && state.lead === 0) ||
    // Of a pre-vote: every other term that is later was taken.
    request.term > state.term;
  // A vote that it promised not to give was left out; whoever asks beforehand is told.
  const mayVote = isFree && (request.transfer || !state.isBound);
  const answer = new Message(voteResponseType(type), from);
  if (mayVote && state.log.isUpToDate(request.index, request.logTerm)) {
    // A pre-vote is answered with the term asked for: the candidate has not taken it and would drop an older one.
    answer.term = request.term;
    state.send(answer);
    if (type === MessageType.Vote) {
      state.electionElapsed = 0;
      state.vote = from;
    }
    return;
  }
  // Nobody answers in term 0, in which a server only is that was never heard of, or is bound since its start.
  if (state.term === 0) return;
  answer.reject = true;
  if (state.options.shareCommit) {
    answer.commit = state.log.committed;
    answer.logTerm = state.log.term(answer.commit) ?? 0;
  }
  state.send(answer);
}

/**
 * A refusal tells how far the refusing server knows the log to be committed. If the candidate holds that very entry it knows so
 * too, once it has lost. Where changes take effect when they commit, this ends a deadlock: a candidate in an old configuration
 * may need the vote of a server that was removed, and that has the longer log and so refuses, but knows of the commit.
 */
function noteRefusal(state: RaftState, refusal: Message): void {
  if (!state.log.matches(refusal.commit, refusal.logTerm)) return;
  state.refusedCommit = Math.max(state.refusedCommit, refusal.commit);
}

/** What candidates and pre-candidates do with a message of their term. */
export function stepCandidate(state: RaftState, message: Message): boolean {
  const awaited = state.role === RaftRole.PreCandidate ? MessageType.PreVoteResp : MessageType.VoteResp;
  switch (message.type) {
    case MessageType.Propose:
      return false;
    case awaited:
      if (message.reject) noteRefusal(state, message);
      countVote(state, message.from, !message.reject);
      return true;
    default:
      return true;
  }
}

function countVote(state: RaftState, from: NodeId, granted: boolean): void {
  if (!state.votes.has(from)) state.votes.set(from, granted);
  const { voters, outgoing } = state.configuration;
  const result = jointVote(voters, outgoing, (id) => state.votes.get(id));
  if (result === VoteResult.Lost) {
    // A lost pre-vote leaves the term as it was: the answers carried terms that were only asked for.
    state.becomeFollower(state.term);
    state.log.commitTo(state.refusedCommit);
  } else if (result === VoteResult.Won) {
    if (state.role === RaftRole.PreCandidate) campaign(state, MessageType.Vote, false);
    else startLeading(state);
  }
}
