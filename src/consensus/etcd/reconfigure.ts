import type { NodeId } from '../contract.ts';
import { commitMore } from './leader.ts';
import type { ConfChange } from './membership.ts';
import { applyChange, memberIds, voterIds } from './membership.ts';
import { answerProvenReads } from './reads.ts';
import { broadcastAppend, sendEntries } from './replication.ts';
import type { RaftState } from './state.ts';

/**
 * A committed membership change takes effect, on every server when it applies the entry (unlike Raft §6, where it does when
 * the entry is appended). That is as safe as long as a leader proposes no change before it has applied the one before:
 * then the configurations in use at any time differ by at most one change, whose majorities share a member.
 * Throws ConfChangeError where the change does not fit; then it has no effect on any server.
 */
export function applyConfChange(state: RaftState, change: ConfChange): void {
  state.members = applyChange(state.members, change, (_id, learner) => {
    const progress = state.newProgress(learner);
    // New members get time to answer before CheckQuorum counts them as gone.
    progress.recentActive = true;
    return progress;
  });
  const { leader } = state;
  if (leader === undefined) return;
  const own = state.members.progress.get(state.id);
  if (own === undefined || own.learner) {
    if (state.options.stepDownOnRemoval) state.becomeFollower(state.term);
    return;
  }
  // A smaller quorum may have been reached already: where it is the leader alone, no answer comes any more that would show it.
  // Otherwise new members are to be probed.
  answerProvenReads(state, leader);
  if (commitMore(state)) broadcastAppend(state, leader);
  else if (state.options.coalesceAppends) leader.appendDue = true;
  else for (const id of state.members.progress.keys()) if (id !== state.id) sendEntries(state, id);
  if (!voterIds(state.configuration).includes(leader.transferee)) leader.transferee = 0;
}

/**
 * Replicates to a server that is no member, so that it may become one when it is up to date. It counts for nothing, and no
 * entry speaks of it: a learner that somebody would have to remove again if this leader failed was the alternative.
 */
export function stage(state: RaftState, id: NodeId): void {
  if (state.members.progress.has(id)) return;
  const progress = new Map(
    [...state.members.progress, [id, state.newProgress(true)] as const].sort(([a], [b]) => a - b),
  );
  state.members = { configuration: state.configuration, progress };
}

/** Forgets a staged server, unless it has become a member. */
export function unstage(state: RaftState, id: NodeId): void {
  if (memberIds(state.configuration).includes(id)) return;
  const progress = new Map(state.members.progress);
  progress.delete(id);
  state.members = { configuration: state.configuration, progress };
}
