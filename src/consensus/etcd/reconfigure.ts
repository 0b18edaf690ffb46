import type { NodeId } from '../contract.ts';
import type { ConfChange } from './confChange.ts';
import type { RaftCore } from './core.ts';
import { answerProvenReads, commitMore } from './leader.ts';
import { applyChange, memberIds, voterIds } from './membership.ts';
import { broadcastAppend, sendEntries } from './replication.ts';

/**
 * A committed membership change takes effect, on every server when it applies the entry (unlike Raft §6, where it does when
 * the entry is appended). That is as safe as long as a leader proposes no change before it has applied the one before:
 * then the configurations in use at any time differ by at most one change, whose majorities share a member.
 * Throws ConfChangeError where the change does not fit; then it has no effect on any server.
 */
export function applyConfChange(core: RaftCore, change: ConfChange): void {
  core.members = applyChange(core.members, change, (_id, learner) => {
    const progress = core.newProgress(learner);
    // New members get time to answer before CheckQuorum counts them as gone.
    progress.recentActive = true;
    return progress;
  });
  const { leader } = core;
  if (leader === undefined) return;
  const own = core.members.progress.get(core.id);
  if (own === undefined || own.learner) {
    if (core.options.stepDownOnRemoval) core.becomeFollower(core.term, 0);
    return;
  }
  // A smaller quorum may have been reached already: where it is the leader alone, no answer comes any more that would show it.
  // Otherwise new members are to be probed.
  answerProvenReads(core, leader);
  if (commitMore(core)) broadcastAppend(core, leader);
  else if (core.options.coalesceAppends) leader.appendDue = true;
  else for (const id of core.members.progress.keys()) if (id !== core.id) sendEntries(core, id);
  if (leader.transferee !== 0 && !voterIds(core.configuration).includes(leader.transferee)) leader.transferee = 0;
}

/**
 * Replicates to a server that is no member, so that it may become one when it is up to date. It counts for nothing, and no
 * entry speaks of it: a learner that somebody would have to remove again if this leader failed was the alternative.
 */
export function stage(core: RaftCore, id: NodeId): void {
  if (core.members.progress.has(id)) return;
  const progress = new Map([...core.members.progress, [id, core.newProgress(true)] as const].sort(([a], [b]) => a - b));
  core.members = { configuration: core.configuration, progress };
}

/** Forgets a staged server, unless it has become a member. */
export function unstage(core: RaftCore, id: NodeId): void {
  if (memberIds(core.configuration).includes(id)) return;
  const progress = new Map(core.members.progress);
  progress.delete(id);
  core.members = { configuration: core.configuration, progress };
}
