import { ChangeType, type Configuration, type MembershipChange, type NodeId } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { ChangeKind, encodeConfChange, Transition } from './confChange.ts';
import { isJoint } from './membership.ts';
import type { Progress } from './progress.ts';

const KINDS = {
  [ChangeType.AddVoter]: ChangeKind.AddVoter,
  [ChangeType.AddLearner]: ChangeKind.AddLearner,
  [ChangeType.Demote]: ChangeKind.AddLearner,
  [ChangeType.Remove]: ChangeKind.Remove,
} as const;

/** Whether the change makes sense in this configuration, which is not joint. */
export function isSensible({ type, id }: MembershipChange, configuration: Configuration): boolean {
  const { voters, learners } = configuration;
  if (!Number.isSafeInteger(id) || id <= 0) return false;
  const votes = voters.includes(id);
  switch (type) {
    case ChangeType.AddVoter:
      return !votes;
    case ChangeType.AddLearner:
      return !votes && !learners.includes(id);
    case ChangeType.Demote:
      return votes && voters.length > 1;
    case ChangeType.Remove:
      return votes ? voters.length > 1 : learners.includes(id);
  }
}

/**
 * The entry that makes the change. A voter that becomes a learner passes through a joint configuration, which is left by
 * itself; everything else moves at most one voter and takes one step.
 */
export function changeEntry({ type, id }: MembershipChange): Entry {
  const joint = type === ChangeType.Demote;
  const transition = joint ? Transition.JointImplicit : Transition.Auto;
  const data = encodeConfChange({ transition, steps: [{ kind: KINDS[type], id }] });
  return new Entry(0, 0, joint ? EntryType.JointReconf : EntryType.Reconf, data);
}

/** A change on its way through the log. */
export interface PendingChange {
  readonly token: number;
  readonly index: number;
  /** The entry is applied; a joint configuration remains to be left. */
  applied: boolean;
}

export function isDone(change: PendingChange, configuration: Configuration): boolean {
  return change.applied && !isJoint(configuration);
}

/** A leadership transfer on its way. */
export interface PendingTransfer {
  readonly token: number;
  readonly to: NodeId;
  readonly deadlineMs: number;
}

/** Who is best prepared to take over: the voter with the longest log known, the lowest id among equals; 0 for nobody. */
export function bestSuccessor(
  self: NodeId,
  { voters }: Configuration,
  progress: ReadonlyMap<NodeId, Progress>,
): NodeId {
  let best = 0;
  let bestMatch = -1;
  for (const id of voters) {
    const match = progress.get(id)?.match ?? 0;
    if (id !== self && match > bestMatch) {
      best = id;
      bestMatch = match;
    }
  }
  return best;
}
