import type { NodeId } from '../contract.ts';
import { Entry, EntryType, isConfigurationType } from '../entry.ts';
import { jointReached, jointVote, majorityReached, VoteResult } from '../parts/quorum.ts';
import { decodeConfChange, encodeConfChange, LEAVE_JOINT } from './confChange.ts';
import type { RaftCore } from './core.ts';
import { isJoint } from './membership.ts';
import { Message, MessageType, payloadSize } from './messages.ts';
import { ReadMode } from './options.ts';
import { ProgressState } from './progress.ts';
import { ReadQueue, type ReadState } from './readQueue.ts';
import { beat, broadcastAppend, broadcastHeartbeat, sendAppend, sendMore } from './replication.ts';

/** What a node has only while it leads. */
export class LeaderState {
  /** No further membership change before the entry at this index is applied. */
  pendingConfIndex: number;
  /** Where the log ended when the present configuration came into force here, or this leadership began. */
  configuredAt: number;
  /** A removal in the log that a majority of the coming voters may commit (see `commitMore`). */
  removal: { readonly index: number; readonly voters: readonly NodeId[] } | undefined;
  /** Client data that is not applied yet. */
  uncommittedBytes = 0;
  /** Who shall take over; 0 where nobody. Proposals are dropped meanwhile. */
  transferee: NodeId = 0;
  heartbeatElapsed = 0;
  /** With coalesced appends: something is to be sent at the next flush. */
  appendDue = false;
  /** With coalesced appends: a membership change was committed, and the others shall hear of it at once. */
  commitDue = false;
  readonly reads = new ReadQueue();
  /** Reads that wait until an entry of this term is committed: until then the commit index may be an old one. */
  earlyReads: ReadState[] = [];

  constructor(lastIndex: number) {
    this.pendingConfIndex = lastIndex;
    this.configuredAt = lastIndex;
  }

  /**
   * Whether a majority of the present voters holds an entry that was appended under the present configuration. Whoever holds such an
   * entry knows the configuration, for its commit came with it; and whoever goes by the one before needs the vote of one of them.
   */
  isConfigurationKnown(committed: number): boolean {
    return committed > this.configuredAt;
  }
}

const NO_DATA = new Uint8Array(0);

/** An empty entry of the new term, whose commit commits all before it (Raft §5.4.2 and §8). */
export function writeFirstEntry(core: RaftCore, leader: LeaderState): void {
  appendEntries(core, leader, [new Entry(0, 0, EntryType.Internal, NO_DATA)]);
}

export function tickLeader(core: RaftCore, leader: LeaderState): void {
  leader.heartbeatElapsed++;
  if (core.electionElapsed >= core.options.electionTicks) {
    core.electionElapsed = 0;
    if (core.options.checkQuorum) core.step(new Message(MessageType.CheckQuorum, core.id));
    // A transfer that took an election timeout is given up: the old leader serves again.
    leader.transferee = 0;
  }
  if (core.leader !== leader || leader.heartbeatElapsed < core.options.heartbeatTicks) return;
  leader.heartbeatElapsed = 0;
  core.step(new Message(MessageType.Beat, core.id));
}

/** What a leader does with a message of its term. False where a proposal was dropped. */
export function stepLeader(core: RaftCore, leader: LeaderState, message: Message): boolean {
  switch (message.type) {
    case MessageType.Beat:
      beat(core, leader.reads.newestWaiting);
      return true;
    case MessageType.CheckQuorum:
      checkQuorum(core);
      return true;
    case MessageType.Propose:
      return propose(core, leader, message.entries);
    case MessageType.ReadIndex:
      receiveRead(core, leader, message);
      return true;
    case MessageType.AppendResp:
      receiveAppendResponse(core, leader, message);
      return true;
    case MessageType.HeartbeatResp:
      receiveHeartbeatResponse(core, leader, message);
      return true;
    case MessageType.SnapshotStatus:
      receiveSnapshotStatus(core, message);
      return true;
    case MessageType.Unreachable: {
      // What was streamed ahead is probably lost: probe where its log ends.
      const progress = core.members.progress.get(message.from);
      if (progress?.state === ProgressState.Replicate) progress.becomeProbe();
      return true;
    }
    case MessageType.TransferLeader:
      startTransfer(core, leader, message.from);
      return true;
    default:
      return true;
  }
}

/** Whether a quorum was heard from since the last check; begins the next period. */
function checkQuorum(core: RaftCore): void {
  const { progress } = core.members;
  const { voters, outgoing } = core.configuration;
  const active = (id: NodeId) => id === core.id || (progress.get(id)?.recentActive ?? false);
  if (jointVote(voters, outgoing, active) !== VoteResult.Won) core.becomeFollower(core.term, 0);
  for (const [id, peer] of core.members.progress) if (id !== core.id) peer.recentActive = false;
}

/** Entries come without index and term and take their places in the log. False: dropped. */
function propose(core: RaftCore, leader: LeaderState, proposed: readonly Entry[]): boolean {
  // A leader that is not a member any more, or hands over, takes nothing.
  if (!core.members.progress.has(core.id) || leader.transferee !== 0) return false;
  const entries = checkChanges(core, leader, proposed);
  if (!appendEntries(core, leader, entries)) return false;
  broadcastAppend(core, leader);
  return true;
}

/** Replaces changes that do not fit by empty entries, so that their places in the log tell that nothing came of them. */
function checkChanges(core: RaftCore, leader: LeaderState, proposed: readonly Entry[]): readonly Entry[] {
  if (!proposed.some((entry) => isConfigurationType(entry.type))) return proposed;
  return proposed.map((entry, offset) => {
    if (!isConfigurationType(entry.type)) return entry;
    if (!core.options.disableConfChangeValidation && !fits(core, leader, entry)) {
      return new Entry(0, 0, EntryType.Internal, NO_DATA);
    }
    leader.pendingConfIndex = core.log.lastIndex + offset + 1;
    return entry;
  });
}

function fits(core: RaftCore, leader: LeaderState, entry: Entry): boolean {
  if (leader.pendingConfIndex > core.log.applied) return false;
  const leaves = decodeConfChange(entry.data).steps.length === 0;
  return isJoint(core.configuration) === leaves;
}

function appendEntries(core: RaftCore, leader: LeaderState, proposed: readonly Entry[]): boolean {
  const bytes = payloadSize(proposed);
  // An empty entry, and the first one, always fit: a leader must be able to commit its term and to leave a joint configuration.
  const limit = core.options.uncommittedBytesMax;
  if (leader.uncommittedBytes > 0 && bytes > 0 && leader.uncommittedBytes + bytes > limit) return false;
  leader.uncommittedBytes += bytes;
  let index = core.log.lastIndex;
  const entries = new Array<Entry>(proposed.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = proposed[i]!;
    index++;
    // A proposer that already knows its places in the log saves a copy.
    const inPlace = entry.index === index && entry.term === core.term;
    entries[i] = inPlace ? entry : new Entry(index, core.term, entry.type, entry.data);
  }
  core.log.append(entries);
  // The leader acknowledges its own entries like any follower: when they are durable.
  const own = new Message(MessageType.AppendResp, core.id);
  own.index = index;
  core.send(own);
  return true;
}

function receiveAppendResponse(core: RaftCore, leader: LeaderState, message: Message): void {
  const progress = core.members.progress.get(message.from);
  // Nobody can hold, or refuse, what this leader never sent.
  if (progress === undefined || message.index > core.log.lastIndex) return;
  progress.recentActive = true;
  progress.knownCommit = Math.max(progress.knownCommit, message.commit);
  if (message.reject) {
    // The follower says where its log may agree with ours; our own terms say whether it can (Raft §5.3, end).
    const hint =
      message.logTerm > 0 ? core.log.findConflictByTerm(message.rejectHint, message.logTerm).index : message.rejectHint;
    if (!progress.reject(message.index, hint)) return;
    if (progress.state === ProgressState.Replicate) progress.becomeProbe();
    sendAppend(core, message.from);
    return;
  }
  const resumes = progress.match === message.index && progress.state === ProgressState.Probe;
  if (!progress.acknowledge(message.index) && !resumes) return;
  if (progress.state === ProgressState.Probe) progress.becomeReplicate();
  else if (progress.state === ProgressState.Replicate) progress.inflights.freeUpTo(message.index);
  else if (progress.match + 1 >= core.log.firstIndex) progress.becomeReplicate();
  const before = core.log.committed;
  if (commitMore(core)) {
    leader.commitDue ||= before < leader.pendingConfIndex && leader.pendingConfIndex <= core.log.committed;
    releaseEarlyReads(core, leader);
    broadcastAppend(core, leader);
  } else if (message.from !== core.id && progress.canUseCommit(core.log.committed)) {
    if (core.options.coalesceAppends) leader.appendDue = true;
    else sendAppend(core, message.from);
  }
  if (message.from !== core.id) sendMore(core, leader, message.from);
  if (message.from === leader.transferee && progress.match === core.log.lastIndex) {
    core.send(new Message(MessageType.TimeoutNow, message.from));
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
export function commitMore(core: RaftCore): boolean {
  const { voters, outgoing } = core.configuration;
  const { progress } = core.members;
  const acked = (id: NodeId) => progress.get(id)?.match;
  let index = jointReached(voters, outgoing, acked);
  const removal = core.leader?.removal;
  if (removal !== undefined && index < removal.index && majorityReached(removal.voters, acked) >= removal.index) {
    index = removal.index;
  }
  if (index <= core.log.committed || !core.log.matches(index, core.term)) return false;
  core.log.commitTo(index);
  return true;
}

function receiveHeartbeatResponse(core: RaftCore, leader: LeaderState, message: Message): void {
  const progress = core.members.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentActive = true;
  progress.knownCommit = Math.max(progress.knownCommit, message.commit);
  progress.heartbeatAnswered(core.ticks);
  // An append, empty if need be, finds out what became of messages that were lost, and ends probing.
  if (progress.match < core.log.lastIndex || progress.state === ProgressState.Probe) sendAppend(core, message.from);
  if (message.readSequence === 0) return;
  leader.reads.confirm(message.from, message.readSequence);
  answerProvenReads(core, leader);
}

/** Answers the reads that a quorum has confirmed: more may have, or fewer may be asked for. */
export function answerProvenReads(core: RaftCore, leader: LeaderState): void {
  const { voters, outgoing } = core.configuration;
  for (const read of leader.reads.takeProven(core.id, voters, outgoing)) answerRead(core, read);
}

function receiveSnapshotStatus(core: RaftCore, message: Message): void {
  const progress = core.members.progress.get(message.from);
  if (progress?.state !== ProgressState.Snapshot) return;
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // Wait for a heartbeat's answer before the next attempt: after a failure to be gentle, after a success for the
  // acknowledgement of the snapshot to arrive.
  progress.flowPaused = true;
}

/** Leadership transfer (thesis §3.10). */
function startTransfer(core: RaftCore, leader: LeaderState, to: NodeId): void {
  const progress = core.members.progress.get(to);
  if (progress === undefined || progress.learner || leader.transferee === to) return;
  leader.transferee = 0;
  if (to === core.id) return;
  // The transfer shall be done within one election timeout from now.
  core.electionElapsed = 0;
  leader.transferee = to;
  if (progress.match === core.log.lastIndex) core.send(new Message(MessageType.TimeoutNow, to));
  else sendAppend(core, to);
}

function receiveRead(core: RaftCore, leader: LeaderState, message: Message): void {
  const origin = message.from === core.id ? 0 : message.from;
  const read = { index: 0, context: message.readContext, origin };
  if (core.log.term(core.log.committed) !== core.term) leader.earlyReads.push(read);
  else proveRead(core, leader, read);
}

function releaseEarlyReads(core: RaftCore, leader: LeaderState): void {
  if (leader.earlyReads.length === 0 || core.log.term(core.log.committed) !== core.term) return;
  const reads = leader.earlyReads;
  leader.earlyReads = [];
  for (const read of reads) proveRead(core, leader, read);
}

/** The read may see everything committed by now, once it is certain that no other server leads (thesis §6.4). */
function proveRead(core: RaftCore, leader: LeaderState, { context, origin }: ReadState): void {
  const read = { index: core.log.committed, context, origin };
  const { voters, outgoing } = core.configuration;
  const alone = voters.length === 1 && voters[0] === core.id && outgoing.length === 0;
  if (alone || core.options.readMode === ReadMode.LeaseBased) {
    answerRead(core, read);
    return;
  }
  leader.reads.add(read);
  broadcastHeartbeat(core, leader.reads.newestWaiting);
}

function answerRead(core: RaftCore, read: ReadState): void {
  if (read.origin === 0) {
    core.readStates.push(read);
    return;
  }
  const answer = new Message(MessageType.ReadIndexResp, read.origin);
  answer.index = read.index;
  answer.readContext = read.context;
  core.send(answer);
}

/** After something was applied: leaves a joint configuration that is to be left by itself. */
export function appliedByLeader(core: RaftCore, leader: LeaderState, payloadBytes: number): void {
  leader.uncommittedBytes = Math.max(0, leader.uncommittedBytes - payloadBytes);
  if (!core.configuration.autoLeave || core.log.applied < leader.pendingConfIndex) return;
  // Dropped only during a transfer; then the next leader, or this one after it, leaves.
  propose(core, leader, [new Entry(0, 0, EntryType.JointReconf, encodeConfChange(LEAVE_JOINT))]);
}
