import { recordsSize } from '../entryCodec.ts';
import { receiveVoteRequest, startElection, stepCandidate } from './election.ts';
import { stepFollower } from './follower.ts';
import { appliedByLeader, stepLeader, tickLeader } from './leader.ts';
import { isLeaders, Message, MessageType } from './messages.ts';
import { RaftRole, type RaftState } from './state.ts';

/** Raft as a state machine: messages and ticks go in, messages, a grown log and a changed state come out (Raft figure 2). */

/** One unit of time passes. */
export function tick(state: RaftState): void {
  state.ticks++;
  state.electionElapsed++;
  if (state.leader !== undefined) tickLeader(state, state.leader);
  else if (state.promotable && state.isElectionDue) {
    state.electionElapsed = 0;
    startElection(state, false);
  }
}

/** Takes one message; false where a proposal was dropped. */
export function step(state: RaftState, message: Message): boolean {
  // Who was told to take over asks in the name of the leader that the promise was given to.
  if (message.type === MessageType.Vote && state.isBound && !message.transfer) return true;
  if (message.term > state.term) {
    if (!acceptHigherTerm(state, message)) return true;
  } else if (message.term < state.term && message.term !== 0) {
    answerLowerTerm(state, message);
    return true;
  }
  switch (message.type) {
    case MessageType.StorageAppendResp:
      storageAppended(state, message);
      return true;
    case MessageType.StorageApplyResp:
      storageApplied(state, message);
      return true;
    case MessageType.Vote:
    case MessageType.PreVote:
      receiveVoteRequest(state, message);
      return true;
  }
  return stepRole(state, message);
}

function stepRole(state: RaftState, message: Message): boolean {
  if (state.leader !== undefined) return stepLeader(state, state.leader, message);
  // Raft §5.2: a candidate that hears the leader of its term follows it.
  if (isLeaders(message.type) && state.role !== RaftRole.Follower) state.becomeFollower(state.term);
  if (state.role !== RaftRole.Follower) return stepCandidate(state, message);
  if (message.type !== MessageType.TimeoutNow) return stepFollower(state, message);
  startElection(state, true);
  return true;
}

/** Raft §5.1: a higher term makes a follower, unless the message is one that must not. False: leave the message. */
function acceptHigherTerm(state: RaftState, message: Message): boolean {
  const { type } = message;
  if (type === MessageType.Vote || type === MessageType.PreVote) {
    const { checkQuorum, preVoteLease } = state.options;
    const leased = checkQuorum || (preVoteLease && type === MessageType.PreVote);
    // Thesis §4.2.3: who was removed, or cut off, must not disturb a leader that the others hear from.
    if (leased && state.inLease && !message.transfer) return false;
  }
  if (type === MessageType.PreVote) return true;
  // A granted pre-vote carries the term that was asked for; it is taken when the pre-vote is won.
  if (type === MessageType.PreVoteResp && !message.reject) return true;
  state.becomeFollower(message.term);
  return true;
}

function answerLowerTerm(state: RaftState, message: Message): void {
  const { type } = message;
  const { checkQuorum, preVote } = state.options;
  if ((checkQuorum || preVote) && (type === MessageType.Heartbeat || type === MessageType.Append)) {
    // The sender leads in an old term, and may never hear of ours otherwise: our votes are ignored while it leads, and
    // our pre-votes carry no term that deposes it. An answer with our term makes it step down.
    state.send(new Message(MessageType.AppendResp, message.from));
  } else if (type === MessageType.PreVote) {
    // Both could wait for each other forever if the one with the lower term and the longer log heard nothing.
    const answer = new Message(MessageType.PreVoteResp, message.from);
    answer.reject = true;
    state.send(answer);
  } else if (type === MessageType.StorageAppendResp && message.snapshot !== undefined) {
    // The entries may be replaced by a write of the new term that is still in progress; a snapshot is committed and stays.
    snapshotApplied(state, message.snapshot.index);
  }
}

function storageAppended(state: RaftState, message: Message): void {
  state.log.unstable.stableTo(message.index, message.logTerm);
  if (message.snapshot !== undefined) snapshotApplied(state, message.snapshot.index);
}

function snapshotApplied(state: RaftState, index: number): void {
  state.log.unstable.snapshotStable(index);
  appliedTo(state, index, 0);
}

function storageApplied(state: RaftState, { entries }: Message): void {
  const last = entries[entries.length - 1];
  if (last !== undefined) appliedTo(state, last.index, recordsSize(entries));
}

/** Entries up to `index`, of `bytes` in total, are applied. */
export function appliedTo(state: RaftState, index: number, bytes: number): void {
  state.log.appliedTo(index, bytes);
  if (state.leader !== undefined) appliedByLeader(state, state.leader);
}
