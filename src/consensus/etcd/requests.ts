import { ChangeType, type Configuration, type MembershipChange, type NodeId } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { ChangeKind, encodeConfChange, Transition } from './confChange.ts';
import { isJoint } from './membership.ts';

const KINDS = {
  [ChangeType.AddVoter]: ChangeKind.AddVoter,
  [ChangeType.AddLearner]: ChangeKind.AddLearner,
  [ChangeType.Demote]: ChangeKind.AddLearner,
  [ChangeType.Remove]: ChangeKind.Remove,
} as const;

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

/** An empty entry: whoever holds it has answered since it was appended. */
export const MARK = new Entry(0, 0, EntryType.Internal, new Uint8Array(0));

/** A change on its way through the log. */
export interface ChangeInLog {
  readonly token: number;
  readonly index: number;
  /** The entry is applied; a joint configuration remains to be left. */
  applied: boolean;
}

export function isDone(change: ChangeInLog, configuration: Configuration): boolean {
  return change.applied && !isJoint(configuration);
}

/** A leadership transfer whose target was told, or will be as soon as it holds the whole log; writes stopped. */
export interface PendingTransfer {
  readonly token: number;
  readonly to: NodeId;
  readonly deadlineMs: number;
}
