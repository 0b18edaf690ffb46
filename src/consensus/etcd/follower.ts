import { contradiction } from '../parts/untrusted.ts';
import { membersOf } from './membership.ts';
import { Message, MessageType } from './messages.ts';
import { ReadMode } from './options.ts';
import type { RaftState } from './state.ts';

/** What followers, and learners, do with a message of their term (Raft §5.3). False where a proposal was dropped. */
export function stepFollower(state: RaftState, message: Message): boolean {
  switch (message.type) {
    case MessageType.Propose:
      if (state.options.disableProposalForwarding) return false;
      return forward(state, message);
    case MessageType.Append:
      hearFrom(state, message);
      receiveAppend(state, message);
      break;
    case MessageType.Heartbeat:
      hearFrom(state, message);
      receiveHeartbeat(state, message);
      break;
    case MessageType.Snapshot:
      hearFrom(state, message);
      receiveSnapshot(state, message);
      break;
    case MessageType.TransferLeader:
    case MessageType.ReadIndex:
      forward(state, message);
      break;
    case MessageType.ForgetLeader:
      // The lease of a leader rests on followers that refuse votes while they remember it.
      if (state.options.readMode !== ReadMode.LeaseBased) state.lead = 0;
      break;
    case MessageType.ReadIndexResp:
      state.readStates.push({ index: message.index, context: message.readContext, origin: 0 });
      break;
  }
  return true;
}

/** Hands on to the leader what only a leader can do. */
function forward(state: RaftState, message: Message): boolean {
  if (state.lead === 0) return false;
  message.to = state.lead;
  state.send(message);
  return true;
}

function hearFrom(state: RaftState, message: Message): void {
  state.promise?.heard();
  state.electionElapsed = 0;
  state.lead = message.from;
}

/** An answer to the leader that was just heard. Where that asks for a promise it is given, and says what it follows on. */
function answerTo(state: RaftState, { from, stampMs }: Message, type: MessageType): Message {
  const answer = new Message(type, from);
  if (stampMs === 0 || state.promise === undefined) return answer;
  answer.stampMs = stampMs;
  answer.promisedMs = state.promise.lastsMs;
  return answer;
}

function receiveAppend(state: RaftState, message: Message): void {
  const { log } = state;
  state.contradicted = contradiction(log, log.committed, message.index, message.logTerm, message.entries);
  // Whatever the answer, the leader would only try another place, in vain, and as fast as messages go.
  if (state.contradicted !== undefined) return;
  const answer = answerTo(state, message, MessageType.AppendResp);
  if (message.index < log.committed) {
    answer.index = log.committed;
    if (state.options.shareCommit) answer.commit = log.committed;
    state.send(answer);
    return;
  }
  const last = log.appendAfter(message.index, message.logTerm, message.entries, message.commit);
  if (state.options.shareCommit) answer.commit = log.committed;
  if (last !== undefined) {
    answer.index = last;
    state.send(answer);
    return;
  }
  // The highest index at which our log may agree with the leader's, which holds the term `logTerm` at `index`: everything
  // of ours with a higher term is certainly not in its log before that.
  const hint = log.findConflictByTerm(Math.min(message.index, log.lastIndex), message.logTerm);
  answer.index = message.index;
  answer.reject = true;
  answer.rejectHint = hint.index;
  answer.logTerm = hint.term;
  state.send(answer);
}

function receiveHeartbeat(state: RaftState, message: Message): void {
  state.log.commitTo(message.commit);
  const answer = answerTo(state, message, MessageType.HeartbeatResp);
  answer.readSequence = message.readSequence;
  if (state.options.shareCommit) answer.commit = state.log.committed;
  state.send(answer);
}

function receiveSnapshot(state: RaftState, message: Message): void {
  restore(state, message);
  const answer = new Message(MessageType.AppendResp, message.from);
  answer.index = state.log.committed;
  if (state.options.shareCommit) answer.commit = state.log.committed;
  state.send(answer);
}

/** Replaces the log by the snapshot (Raft §7), unless the log has it already. */
function restore(state: RaftState, message: Message): void {
  const { snapshot } = message;
  const { log } = state;
  if (snapshot === undefined || snapshot.index <= log.committed) return;
  if (log.matches(snapshot.index, snapshot.term)) {
    log.commitTo(snapshot.index);
    return;
  }
  log.restore(snapshot);
  // The snapshot may be older than the change that added this server: it is a member once it has applied that change.
  state.members = membersOf(snapshot.configuration, (_id, learner) => state.newProgress(learner));
}
