import { contradiction } from '../parts/untrusted.ts';
import type { RaftCore } from './core.ts';
import { membersOf } from './membership.ts';
import { Message, MessageType } from './messages.ts';
import { ReadMode } from './options.ts';
import { RaftRole } from './role.ts';

/** What followers, and learners, do with a message of their term (Raft §5.3). False where a proposal was dropped. */
export function stepFollower(core: RaftCore, message: Message): boolean {
  switch (message.type) {
    case MessageType.Propose:
      if (core.options.disableProposalForwarding) return false;
      return forward(core, message);
    case MessageType.Append:
      hearFrom(core, message);
      receiveAppend(core, message);
      return true;
    case MessageType.Heartbeat:
      hearFrom(core, message);
      receiveHeartbeat(core, message);
      return true;
    case MessageType.Snapshot:
      hearFrom(core, message);
      receiveSnapshot(core, message);
      return true;
    case MessageType.TransferLeader:
    case MessageType.ReadIndex:
      forward(core, message);
      return true;
    case MessageType.ForgetLeader:
      // The lease of a leader rests on followers that refuse votes while they remember it.
      if (core.options.readMode !== ReadMode.LeaseBased) core.lead = 0;
      return true;
    case MessageType.TimeoutNow:
      core.campaignForTransfer();
      return true;
    case MessageType.ReadIndexResp:
      core.readStates.push({ index: message.index, context: message.readContext, origin: 0 });
      return true;
    default:
      return true;
  }
}

/** Hands on to the leader what only a leader can do. */
function forward(core: RaftCore, message: Message): boolean {
  if (core.lead === 0) return false;
  message.to = core.lead;
  core.send(message);
  return true;
}

function hearFrom(core: RaftCore, message: Message): void {
  core.electionElapsed = 0;
  core.lead = message.from;
}

export function receiveAppend(core: RaftCore, message: Message): void {
  const { log } = core;
  core.contradicted = contradiction(log, log.committed, message.index, message.logTerm, message.entries);
  // Whatever the answer, the leader would only try another place, in vain, and as fast as messages go.
  if (core.contradicted !== undefined) return;
  const answer = new Message(MessageType.AppendResp, message.from);
  if (message.index < log.committed) {
    answer.index = log.committed;
    if (core.options.shareCommit) answer.commit = log.committed;
    core.send(answer);
    return;
  }
  const last = log.appendAfter(message.index, message.logTerm, message.entries, message.commit);
  if (core.options.shareCommit) answer.commit = log.committed;
  if (last !== undefined) {
    answer.index = last;
    core.send(answer);
    return;
  }
  // The highest index at which our log may agree with the leader's, which holds the term `logTerm` at `index`: everything
  // of ours with a higher term is certainly not in its log before that.
  const hint = log.findConflictByTerm(Math.min(message.index, log.lastIndex), message.logTerm);
  answer.index = message.index;
  answer.reject = true;
  answer.rejectHint = hint.index;
  answer.logTerm = hint.term;
  core.send(answer);
}

export function receiveHeartbeat(core: RaftCore, message: Message): void {
  core.log.commitTo(message.commit);
  const answer = new Message(MessageType.HeartbeatResp, message.from);
  answer.readSequence = message.readSequence;
  if (core.options.shareCommit) answer.commit = core.log.committed;
  core.send(answer);
}

export function receiveSnapshot(core: RaftCore, message: Message): void {
  const restored = restore(core, message);
  const answer = new Message(MessageType.AppendResp, message.from);
  answer.index = restored ? core.log.lastIndex : core.log.committed;
  core.send(answer);
}

/** Replaces the log by the snapshot (Raft §7); false where the log has it already. */
function restore(core: RaftCore, message: Message): boolean {
  const { snapshot } = message;
  const { log } = core;
  if (snapshot === undefined || snapshot.index <= log.committed || core.role !== RaftRole.Follower) return false;
  if (log.matches(snapshot.index, snapshot.term)) {
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  // The snapshot may be older than the change that added this server: it is a member once it has applied that change.
  core.members = membersOf(snapshot.configuration, (_id, learner) => core.newProgress(learner));
  const own = core.members.progress.get(core.id);
  if (own !== undefined) own.acknowledge(own.next - 1);
  return true;
}
