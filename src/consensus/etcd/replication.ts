import type { NodeId } from '../contract.ts';
import { transitMs } from '../parts/transit.ts';
import type { RaftCore } from './core.ts';
import type { LeaderState } from './leader.ts';
import { Message, MessageType, NO_ENTRIES, payloadSize } from './messages.ts';
import { type Progress, ProgressState } from './progress.ts';

/** How a leader sends its log to the others: within each follower's window, in ascending id order. */

/** Everyone gets what is new, or an empty append that tells the commit index. */
export function broadcastAppend(core: RaftCore, leader: LeaderState): void {
  if (core.options.coalesceAppends) {
    leader.appendDue = true;
    return;
  }
  for (const id of core.members.progress.keys()) if (id !== core.id) sendAppend(core, id);
}

/**
 * With coalesced appends: sends what fell together since the last flush. A commit index that moved is not worth a message and
 * its answer: it travels with the next entries, or the next heartbeat. Only the commit of a membership change is told at once.
 */
export function flushAppends(core: RaftCore, leader: LeaderState): void {
  if (!leader.appendDue) return;
  const { commitDue } = leader;
  leader.appendDue = false;
  leader.commitDue = false;
  for (const [id, progress] of core.members.progress) {
    if (id === core.id) continue;
    while (trySendAppend(core, id, progress, false));
    if (commitDue && progress.canUseCommit(core.log.committed)) trySendAppend(core, id, progress, true);
  }
}

/** Sends as many messages with entries as the window has room for. */
export function sendMore(core: RaftCore, leader: LeaderState, to: NodeId): void {
  if (core.options.coalesceAppends) {
    leader.appendDue = true;
    return;
  }
  const progress = core.members.progress.get(to);
  if (progress !== undefined) while (trySendAppend(core, to, progress, false));
}

/** One append message, empty if there is nothing to send; none while sending is paused. */
export function sendAppend(core: RaftCore, to: NodeId): void {
  const progress = core.members.progress.get(to);
  if (progress !== undefined) trySendAppend(core, to, progress, true);
}

/** Sends only if there are entries. */
export function sendEntries(core: RaftCore, to: NodeId): void {
  const progress = core.members.progress.get(to);
  if (progress !== undefined) trySendAppend(core, to, progress, false);
}

function trySendAppend(core: RaftCore, to: NodeId, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log, options } = core;
  const prevTerm = log.term(progress.next - 1);
  // What the follower needs is compacted away (Raft §7).
  if (prevTerm === undefined || progress.next < log.firstIndex) return sendSnapshot(core, to, progress);
  // With a full window only empty messages go out: if all messages of the window were lost, the answer to an empty one
  // tells.
  const open = progress.state !== ProgressState.Replicate || !progress.inflights.full;
  const entries = open
    ? log.slice(progress.next, log.lastIndex + 1, options.messageBytesMax, options.entriesPerMessageMax)
    : NO_ENTRIES;
  if (entries.length === 0 && !evenIfEmpty) return false;
  const message = new Message(MessageType.Append, to);
  message.index = progress.next - 1;
  message.logTerm = prevTerm;
  message.entries = entries;
  message.commit = log.committed;
  core.send(message);
  const bytes = payloadSize(entries);
  progress.sentEntries(entries.length, bytes, core.ticks + Math.floor(transitMs(bytes) / options.tickMs));
  progress.sentCommit = log.committed;
  progress.heardOfUs = true;
  return true;
}

function sendSnapshot(core: RaftCore, to: NodeId, progress: Progress): boolean {
  // A follower that is gone would need a newer one when it comes back.
  if (!progress.recentActive) return false;
  const snapshot = core.log.snapshot();
  if (snapshot === undefined) return false;
  progress.becomeSnapshot(snapshot.index);
  const message = new Message(MessageType.Snapshot, to);
  message.snapshot = snapshot;
  core.send(message);
  return true;
}

/**
 * The regular heartbeat. With coalesced appends it is left out for followers that were sent an append since the last one: that
 * says the same, and more. Followers that are probed or paused always get theirs, as its answer is what ends that state.
 */
export function beat(core: RaftCore, readSequence: number): void {
  for (const [id, progress] of core.members.progress) {
    if (id === core.id) continue;
    const streams = progress.state === ProgressState.Replicate && !progress.paused;
    const spared = core.options.coalesceAppends && streams && progress.heardOfUs && readSequence === 0;
    progress.heardOfUs = false;
    if (!spared) sendHeartbeat(core, id, progress, readSequence);
  }
}

/** A heartbeat to everyone, as a read needs it: its answers come after the read. */
export function broadcastHeartbeat(core: RaftCore, readSequence: number): void {
  for (const [id, progress] of core.members.progress) {
    if (id !== core.id) sendHeartbeat(core, id, progress, readSequence);
  }
}

/**
 * Asserts leadership, with the newest read to confirm. The commit index goes no further than what the follower is known to
 * hold: beyond it its log may still be another leader's.
 */
function sendHeartbeat(core: RaftCore, id: NodeId, progress: Progress, readSequence: number): void {
  const message = new Message(MessageType.Heartbeat, id);
  message.commit = Math.min(progress.match, core.log.committed);
  message.readSequence = readSequence;
  core.send(message);
  progress.sentCommit = message.commit;
}
