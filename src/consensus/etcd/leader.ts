import type { NodeId } from '../contract.ts';
import { Entry, EntryType, isConfigurationType } from '../entry.ts';
import { jointReached, jointVote, majorityReached, VoteResult } from '../parts/quorum.ts';
import type { LeaderState } from './leaderState.ts';
import { decodeConfChange, encodeConfChange, isJoint, LEAVE_JOINT } from './membership.ts';
import { Message, MessageType } from './messages.ts';
import { ProgressState } from './progress.ts';
import { answerProvenReads, receiveRead, releaseEarlyReads } from './reads.ts';
import { beat, broadcastAppend, sendAppend, sendMore } from './replication.ts';
import type { RaftState } from './state.ts';

const NO_DATA = new Uint8Array(0);

/** An election is won. An empty entry of the new term comes first, whose commit commits all before it (Raft §5.4.2 and §8). */
export function startLeading(state: RaftState): void {
  const leader = state.becomeLeader();
  appendEntries(state, [new Entry(0, 0, EntryType.Internal, NO_DATA)]);
  broadcastAppend(state, leader);
}

export function tickLeader(state: RaftState, leader: LeaderState): void {
  leader.heartbeatElapsed++;
  if (state.electionElapsed >= state.options.electionTicks) {
    state.electionElapsed = 0;
    if (state.options.checkQuorum) checkQuorum(state);
    // A transfer that took an election timeout is given up: the old leader serves again.
    leader.transferee = 0;
  }
  if (state.leader !== leader || leader.heartbeatElapsed < state.options.heartbeatTicks) return;
  leader.heartbeatElapsed = 0;
  beat(state, leader.reads.newestWaiting);
}

/** What a leader does with a message of its term. False where a proposal was dropped. */
export function stepLeader(state: RaftState, leader: LeaderState, message: Message): boolean {
  switch (message.type) {
    case MessageType.Propose:
      return propose(state, leader, message.entries);
    case MessageType.ReadIndex:
      receiveRead(state, leader, message);
      break;
    case MessageType.AppendResp:
      receiveAppendResponse(state, leader, message);
      break;
    case MessageType.HeartbeatResp:
      receiveHeartbeatResponse(state, leader, message);
      break;
    case MessageType.SnapshotStatus:
      snapshotLost(state, message.from);
      break;
    case MessageType.Unreachable: {
      // What was streamed ahead is probably lost: probe where its log ends.
      const progress = state.members.progress.get(message.from);
      if (progress?.state === ProgressState.Replicate) progress.becomeProbe();
      break;
    }
    case MessageType.TransferLeader:
      startTransfer(state, leader, message.from);
      break;
  }
  return true;
}

/** Whether a quorum was heard from since the last check; begins the next period. */
function checkQuorum(state: RaftState): void {
  const { progress } = state.members;
  const { voters, outgoing } = state.configuration;
  const active = (id: NodeId) => progress.get(id)?.recentActive;
  if (jointVote(voters, outgoing, active) !== VoteResult.Won) state.becomeFollower(state.term);
  for (const [id, peer] of state.members.progress) if (id !== state.id) peer.recentActive = false;
}

/** Entries come without index and term and take their places in the log. False: dropped. */
function propose(state: RaftState, leader: LeaderState, proposed: readonly Entry[]): boolean {
  // A leader that is not a member any more, or hands over, takes nothing.
  if (!state.members.progress.has(state.id) || leader.transferee !== 0) return false;
  appendEntries(state, checkChanges(state, leader, proposed));
  broadcastAppend(state, leader);
  return true;
}

/** Replaces changes that do not fit by empty entries, so that their places in the log tell that nothing came of them. */
function checkChanges(state: RaftState, leader: LeaderState, proposed: readonly Entry[]): readonly Entry[] {
  if (!proposed.some((entry) => isConfigurationType(entry.type))) return proposed;
  return proposed.map((entry, offset) => {
    if (!isConfigurationType(entry.type)) return entry;
    if (!state.options.disableConfChangeValidation && !fits(state, leader, entry)) {
      return new Entry(0, 0, EntryType.Internal, NO_DATA);
    }
    leader.pendingConfIndex = state.log.lastIndex + offset + 1;
    return entry;
  });
}

function fits(state: RaftState, leader: LeaderState, entry: Entry): boolean {
  if (leader.pendingConfIndex > state.log.applied) return false;
  const leaves = decodeConfChange(entry.data).steps.length === 0;
  return isJoint(state.configuration) === leaves;
}

function appendEntries(state: RaftState, proposed: readonly Entry[]): void {
  let index = state.log.lastIndex;
  const entries = new Array<Entry>(proposed.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = proposed[i]!;
    index++;
    // A proposer that already knows its places in the log saves a copy.
    const inPlace = entry.index === index && entry.term === state.term;
    entries[i] = inPlace ? entry : new Entry(index, state.term, entry.type, entry.data);
  }
  state.log.append(entries);
  // The leader acknowledges its own entries like any follower: when they are durable.
  const own = new Message(MessageType.AppendResp, state.id);
  own.index = index;
  state.send(own);
}

function receiveAppendResponse(state: RaftState, leader: LeaderState, message: Message): void {
  const progress = state.members.progress.get(message.from);
  // Nobody can hold, or refuse, what this leader never sent.
  if (progress === undefined || message.index > state.log.lastIndex) return;
  progress.recentActive = true;
  progress.knownCommit = Math.max(progress.knownCommit, message.commit);
  if (message.reject) {
    // The follower says where its log may agree with ours; our own terms say whether it can (Raft §5.3, end).
    const hint =
      message.logTerm > 0
        ? state.log.findConflictByTerm(message.rejectHint, message.logTerm).index
        : message.rejectHint;
    if (!progress.reject(message.index, hint)) return;
    if (progress.state === ProgressState.Replicate) progress.becomeProbe();
    sendAppend(state, message.from);
    return;
  }
  const resumes = progress.match === message.index && progress.state === ProgressState.Probe;
  if (!progress.acknowledge(message.index) && !resumes) return;
  if (progress.state === ProgressState.Probe) progress.becomeReplicate();
  else if (progress.state === ProgressState.Replicate) progress.inflights.freeUpTo(message.index);
  else if (progress.match + 1 >= state.log.firstIndex) progress.becomeReplicate();
  const before = state.log.committed;
  if (commitMore(state)) {
    leader.commitDue ||= before < leader.pendingConfIndex && leader.pendingConfIndex <= state.log.committed;
    releaseEarlyReads(state, leader);
    broadcastAppend(state, leader);
  } else if (message.from !== state.id && progress.canUseCommit(state.log.committed)) {
    if (!state.options.coalesceAppends) sendAppend(state, message.from);
  }
  if (message.from !== state.id) sendMore(state, leader, message.from);
  if (message.from === leader.transferee && progress.match === state.log.lastIndex) {
    state.send(new Message(MessageType.TimeoutNow, message.from));
  }
}

/**
 * Advances the commit index to what a quorum holds, if that is an entry of this term (Raft §5.4.2, figure 8).
 *
 * The removal of one of 2k voters, and what stands before it, is also committed by k of the 2k - 1 that remain: whoever is elected
 * needs k + 1 of the 2k, or k of the 2k - 1 where it knows of the removal, and meets one of them either way (quorums need to
 * meet, not to be majorities: Howard, Malkhi, Spiegelman: "Flexible Paxos", 2016). So where half of the servers are gone, one of
 * them can be removed, as with engines in which a change takes effect when it is appended. But not while anybody may still be
 * elected by the configuration before those 2k, whose majorities need not meet k of them: `isConfigurationKnown`.
 */
export function commitMore(state: RaftState): boolean {
  const { voters, outgoing } = state.configuration;
  const { progress } = state.members;
  const acked = (id: NodeId) => progress.get(id)?.match;
  let index = jointReached(voters, outgoing, acked);
  const removal = state.leader?.removal;
  if (removal !== undefined && index < removal.index && majorityReached(removal.voters, acked) >= removal.index) {
    index = removal.index;
  }
  if (index <= state.log.committed || !state.log.matches(index, state.term)) return false;
  state.log.commitTo(index);
  return true;
}

function receiveHeartbeatResponse(state: RaftState, leader: LeaderState, message: Message): void {
  // Answers of strangers were left out (RaftNode.step).
  const progress = state.members.progress.get(message.from)!;
  progress.recentActive = true;
  progress.knownCommit = Math.max(progress.knownCommit, message.commit);
  progress.heartbeatAnswered(state.ticks);
  // An append, empty if need be, finds out what became of messages that were lost, and ends probing.
  if (progress.match < state.log.lastIndex || progress.state === ProgressState.Probe) sendAppend(state, message.from);
  leader.reads.confirm(message.from, message.readSequence);
  answerProvenReads(state, leader);
}

function snapshotLost(state: RaftState, to: NodeId): void {
  const progress = state.members.progress.get(to);
  if (progress?.state !== ProgressState.Snapshot) return;
  progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // To be gentle, the next attempt waits for a heartbeat's answer.
  progress.flowPaused = true;
}

/** Leadership transfer (thesis §3.10). */
function startTransfer(state: RaftState, leader: LeaderState, to: NodeId): void {
  const progress = state.members.progress.get(to);
  if (progress === undefined || progress.learner || leader.transferee === to) return;
  leader.transferee = 0;
  if (to === state.id) return;
  // The transfer shall be done within one election timeout from now.
  state.electionElapsed = 0;
  leader.transferee = to;
  if (progress.match === state.log.lastIndex) state.send(new Message(MessageType.TimeoutNow, to));
  else sendAppend(state, to);
}

/** After something was applied: leaves a joint configuration that is to be left by itself. */
export function appliedByLeader(state: RaftState, leader: LeaderState): void {
  if (!state.configuration.autoLeave || state.log.applied < leader.pendingConfIndex) return;
  // Dropped only during a transfer; then the next leader, or this one after it, leaves.
  propose(state, leader, [new Entry(0, 0, EntryType.JointReconf, encodeConfChange(LEAVE_JOINT))]);
}
