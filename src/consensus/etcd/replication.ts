import type { NodeId } from '../contract.ts';
import { transitMs } from '../parts/transit.ts';
import type { LeaderState } from './leaderState.ts';
import { Message, MessageType, NO_ENTRIES, payloadSize } from './messages.ts';
import { type Progress, ProgressState } from './progress.ts';
import type { RaftState } from './state.ts';

/** How a leader sends its log to the others: within each follower's window, in ascending id order. */

/** Everyone gets what is new, or an empty append that tells the commit index. */
export function broadcastAppend(state: RaftState, leader: LeaderState): void {
  if (state.options.coalesceAppends) {
    leader.appendDue = true;
    return;
  }
  for (const id of state.members.progress.keys()) if (id !== state.id) sendAppend(state, id);
}

/**
 * With coalesced appends: sends what fell together since the last flush. A commit index that moved is not worth a message and
 * its answer: it travels with the next entries, or the next heartbeat. Only the commit of a membership change is told at once.
 */
export function flushAppends(state: RaftState, leader: LeaderState): void {
  if (!leader.appendDue) return;
  const { commitDue } = leader;
  leader.appendDue = false;
  leader.commitDue = false;
  for (const [id, progress] of state.members.progress) {
    if (id === state.id) continue;
    while (trySendAppend(state, id, progress, false));
    if (commitDue && progress.canUseCommit(state.log.committed)) trySendAppend(state, id, progress, true);
  }
}

/** Sends as many messages with entries as the window has room for. */
export function sendMore(state: RaftState, leader: LeaderState, to: NodeId): void {
  if (state.options.coalesceAppends) {
    leader.appendDue = true;
    return;
  }
  const progress = state.members.progress.get(to);
  if (progress !== undefined) while (trySendAppend(state, to, progress, false));
}

/** One append message, empty if there is nothing to send; none while sending is paused. */
export function sendAppend(state: RaftState, to: NodeId): void {
  const progress = state.members.progress.get(to);
  if (progress !== undefined) trySendAppend(state, to, progress, true);
}

/** Sends only if there are entries. */
export function sendEntries(state: RaftState, to: NodeId): void {
  const progress = state.members.progress.get(to);
  if (progress !== undefined) trySendAppend(state, to, progress, false);
}

function trySendAppend(state: RaftState, to: NodeId, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log, options } = state;
  const prevTerm = log.term(progress.next - 1);
  // What the follower needs is compacted away (Raft §7).
  if (prevTerm === undefined) return sendSnapshot(state, to, progress);
  // With a full window only empty messages go out: if all messages of the window were lost, the answer to an empty one
  // tells.
  const entries = progress.inflights.full
    ? NO_ENTRIES
    : log.slice(progress.next, log.lastIndex + 1, options.messageBytesMax, options.entriesPerMessageMax);
  if (entries.length === 0 && !evenIfEmpty) return false;
  const message = new Message(MessageType.Append, to);
  message.index = progress.next - 1;
  message.logTerm = prevTerm;
  message.entries = entries;
  message.commit = log.committed;
  state.send(message);
  const bytes = payloadSize(entries);
  progress.sentEntries(entries.length, bytes, state.ticks + Math.floor(transitMs(bytes) / options.tickMs));
  progress.sentCommit = log.committed;
  progress.heardOfUs = true;
  return true;
}

function sendSnapshot(state: RaftState, to: NodeId, progress: Progress): boolean {
  // A follower that is gone would need a newer one when it comes back.
  if (!progress.recentActive) return false;
  // Nothing is compacted away but what a snapshot holds.
  const snapshot = state.log.snapshot()!;
  progress.becomeSnapshot(snapshot.index);
  const message = new Message(MessageType.Snapshot, to);
  message.snapshot = snapshot;
  state.send(message);
  return true;
}

/**
 * The regular heartbeat. With coalesced appends it is left out for followers that were sent an append since the last one: that
 * says the same, and more. Followers that are probed or paused always get theirs, as its answer is what ends that state.
 */
export function beat(state: RaftState, readSequence: number): void {
  for (const [id, progress] of state.members.progress) {
    if (id === state.id) continue;
    const streams = progress.state === ProgressState.Replicate && !progress.paused;
    const spared = state.options.coalesceAppends && streams && progress.heardOfUs && readSequence === 0;
    progress.heardOfUs = false;
    if (!spared) sendHeartbeat(state, id, progress, readSequence);
  }
}

/** A heartbeat to everyone, as a read needs it: its answers come after the read. */
export function broadcastHeartbeat(state: RaftState, readSequence: number): void {
  for (const [id, progress] of state.members.progress) {
    if (id !== state.id) sendHeartbeat(state, id, progress, readSequence);
  }
}

/**
 * Asserts leadership, with the newest read to confirm. The commit index goes no further than what the follower is known to
 * hold: beyond it its log may still be another leader's.
 */
function sendHeartbeat(state: RaftState, id: NodeId, progress: Progress, readSequence: number): void {
  const message = new Message(MessageType.Heartbeat, id);
  message.commit = Math.min(progress.match, state.log.committed);
  message.readSequence = readSequence;
  state.send(message);
  progress.sentCommit = message.commit;
}
