import type { ConfChange } from './confChange.ts';
import type { RaftCore } from './core.ts';
import { commitMore } from './leader.ts';
import { applyChange, voterIds } from './membership.ts';
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
  // A smaller quorum may have been reached already; otherwise new members are to be probed.
  if (commitMore(core)) broadcastAppend(core, leader);
  else if (core.options.coalesceAppends) leader.appendDue = true;
  else for (const id of core.members.progress.keys()) if (id !== core.id) sendEntries(core, id);
  if (leader.transferee !== 0 && !voterIds(core.configuration).includes(leader.transferee)) leader.transferee = 0;
}
