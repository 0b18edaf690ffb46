import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../../bytes/varint.ts';
import { ChangeType, type Configuration, type MembershipChange, type NodeId } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import type { Progress } from './progress.ts';

/** What one step of a configuration change does to one member. The numbers are in the log: never reuse one. */
export const ChangeKind = {
  AddVoter: 0,
  Remove: 1,
  /** Changes nothing in the configuration; a vehicle for changes that consensus does not care about. */
  Update: 2,
  AddLearner: 3,
} as const;
export type ChangeKind = (typeof ChangeKind)[keyof typeof ChangeKind];

/** How a change passes from the old configuration to the new one. The numbers are in the log. */
export const Transition = {
  /** Directly where at most one step is asked for, otherwise as JointImplicit. */
  Auto: 0,
  /** Through a joint configuration, which the leader leaves by itself once it is applied. */
  JointImplicit: 1,
  /** Through a joint configuration, which stays until an empty change asks to leave it. */
  JointExplicit: 2,
} as const;
export type Transition = (typeof Transition)[keyof typeof Transition];

export interface ChangeStep {
  readonly kind: ChangeKind;
  readonly id: NodeId;
}

export interface ConfChange {
  readonly transition: Transition;
  readonly steps: readonly ChangeStep[];
}

/** Leaves a joint configuration. */
export const LEAVE_JOINT: ConfChange = { transition: Transition.Auto, steps: [] };

export function leavesJoint(change: ConfChange): boolean {
  return change.transition === Transition.Auto && change.steps.length === 0;
}

export function entersJoint(change: ConfChange): boolean {
  return change.transition !== Transition.Auto || change.steps.length > 1;
}

/** Whether the leader shall leave the joint configuration that this change enters by itself. */
export function leavesByItself(change: ConfChange): boolean {
  return change.transition !== Transition.JointExplicit;
}

/** The data of a membership entry is not a change. */
export class MalformedConfChangeError extends Error {
  override readonly name = 'MalformedConfChangeError';
}

const FORMAT_VERSION = 1;

/** Format version, transition, then for each step its kind and the id as a varint. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  let size = 2;
  for (const step of change.steps) size += 1 + varintSize(step.id);
  const bytes = new Uint8Array(size);
  bytes[0] = FORMAT_VERSION;
  bytes[1] = change.transition;
  let pos = 2;
  for (const step of change.steps) {
    bytes[pos++] = step.kind;
    pos = writeVarint(bytes, pos, step.id);
  }
  return bytes;
}

/** Throws MalformedConfChangeError. */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  if (bytes[0] !== FORMAT_VERSION) {
    throw new MalformedConfChangeError(`membership entry of version ${bytes[0]}, expected ${FORMAT_VERSION}`);
  }
  const transition = bytes[1];
  if (transition === undefined || transition > Transition.JointExplicit) {
    throw new MalformedConfChangeError(`membership entry with transition ${transition}, expected 0 to 2`);
  }
  const reader = new ByteReader(bytes, 2);
  const steps: ChangeStep[] = [];
  try {
    while (reader.pos < reader.end) {
      const kind = reader.varint();
      if (kind > ChangeKind.AddLearner) {
        throw new MalformedConfChangeError(`membership step of kind ${kind}, expected 0 to 3`);
      }
      steps.push({ kind: kind as ChangeKind, id: reader.varint() });
    }
  } catch (cause) {
    if (cause instanceof MalformedBytesError) throw new MalformedConfChangeError(cause.message, { cause });
    throw cause;
  }
  return { transition: transition as Transition, steps };
}

/** What is wrong with a membership entry; undefined where it can be read. */
export function changeFault(data: Uint8Array): string | undefined {
  try {
    decodeConfChange(data);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedConfChangeError) return error.message;
    throw error;
  }
}

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

/**
 * Configuration changes as pure functions (Raft §6; simple changes as in thesis §4.1). A configuration's members are those
 * with a Progress: voters of both halves and learners. A voter that is demoted while the old half still counts it waits in
 * `learnersNext` and becomes a learner when the joint configuration is left.
 */
export interface Members {
  readonly configuration: Configuration;
  readonly progress: ReadonlyMap<NodeId, Progress>;
}

/** Makes the Progress of a member that was not one before. */
export type NewProgress = (id: NodeId, learner: boolean) => Progress;

/** The change does not fit the present configuration. Nothing was changed. */
export class ConfChangeError extends Error {
  override readonly name = 'ConfChangeError';
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** Applies a change in the way it asks for: leaving, entering, or one simple step. Throws ConfChangeError. */
export function applyChange(members: Members, change: ConfChange, newProgress: NewProgress): Members {
  if (leavesJoint(change)) return leaveJoint(members);
  if (entersJoint(change)) return enterJoint(members, leavesByItself(change), change.steps, newProgress);
  return simpleChange(members, change.steps, newProgress);
}

/** Changes at most one voter, so that any old and any new majority share a member. */
export function simpleChange(members: Members, steps: readonly ChangeStep[], newProgress: NewProgress): Members {
  const old = members.configuration;
  if (isJoint(old)) throw new ConfChangeError("can't apply simple config change in joint config");
  const draft = new Draft(members, newProgress);
  draft.apply(steps);
  const changed = old.voters.filter((id) => !draft.voters.has(id)).length;
  const added = [...draft.voters].filter((id) => !old.voters.includes(id)).length;
  if (changed + added > 1) throw new ConfChangeError('more than one voter changed without entering joint config');
  return draft.finish();
}

/** The present voters become the outgoing half; the steps apply to the incoming one. */
export function enterJoint(
  members: Members,
  autoLeave: boolean,
  steps: readonly ChangeStep[],
  newProgress: NewProgress,
): Members {
  const old = members.configuration;
  if (isJoint(old)) throw new ConfChangeError('config is already joint');
  if (old.voters.length === 0) throw new ConfChangeError("can't make a zero-voter config joint");
  const draft = new Draft(members, newProgress);
  draft.outgoing = new Set(old.voters);
  draft.autoLeave = autoLeave;
  draft.apply(steps);
  return draft.finish();
}

/** Only the incoming half remains; its demoted voters become learners, and who is in neither is forgotten. */
export function leaveJoint(members: Members): Members {
  if (!isJoint(members.configuration)) throw new ConfChangeError("can't leave a non-joint config");
  const draft = new Draft(members, () => {
    throw new RangeError('leaving a joint configuration adds nobody');
  });
  draft.leave();
  return draft.finish();
}

/** The members of a stored configuration, all of them new. */
export function membersOf(configuration: Configuration, newProgress: NewProgress): Members {
  const learners = new Set(configuration.learners);
  const progress = new Map<NodeId, Progress>();
  for (const id of memberIds(configuration)) progress.set(id, newProgress(id, learners.has(id)));
  return { configuration, progress };
}

/** Everyone in the configuration, ascending. */
export function memberIds(configuration: Configuration): NodeId[] {
  const { voters, outgoing, learners, learnersNext } = configuration;
  return ascending(new Set([...voters, ...outgoing, ...learners, ...learnersNext]));
}

/** Voters of either half, ascending. */
export function voterIds(configuration: Configuration): NodeId[] {
  return ascending(new Set([...configuration.voters, ...configuration.outgoing]));
}

function ascending(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b);
}

/** A configuration being changed. */
class Draft {
  readonly voters: Set<NodeId>;
  outgoing: Set<NodeId>;
  autoLeave: boolean;
  private readonly learners: Set<NodeId>;
  private readonly learnersNext: Set<NodeId>;
  private readonly progress: Map<NodeId, Progress>;
  private readonly newProgress: NewProgress;

  constructor(members: Members, newProgress: NewProgress) {
    const { voters, outgoing, learners, learnersNext, autoLeave } = members.configuration;
    this.voters = new Set(voters);
    this.outgoing = new Set(outgoing);
    this.learners = new Set(learners);
    this.learnersNext = new Set(learnersNext);
    this.autoLeave = autoLeave;
    this.progress = new Map(members.progress);
    this.newProgress = newProgress;
  }

  apply(steps: readonly ChangeStep[]): void {
    for (const { kind, id } of steps) {
      // A change whose id was struck out (0) is one that somebody decided not to make after it was in the log.
      if (id === 0 || kind === ChangeKind.Update) continue;
      if (kind === ChangeKind.AddVoter) this.addVoter(id);
      else if (kind === ChangeKind.AddLearner) this.addLearner(id);
      else this.remove(id);
    }
    if (this.voters.size === 0) throw new ConfChangeError('removed all voters');
  }

  leave(): void {
    for (const id of this.learnersNext) {
      this.learners.add(id);
      this.setLearner(id, true);
    }
    for (const id of this.outgoing) {
      if (!this.voters.has(id) && !this.learners.has(id)) this.progress.delete(id);
    }
    this.learnersNext.clear();
    this.outgoing.clear();
    this.autoLeave = false;
  }

  finish(): Members {
    const configuration: Configuration = {
      voters: ascending(this.voters),
      learners: ascending(this.learners),
      outgoing: ascending(this.outgoing),
      learnersNext: ascending(this.learnersNext),
      autoLeave: this.autoLeave,
    };
    const progress = new Map([...this.progress].sort(([a], [b]) => a - b));
    return { configuration, progress };
  }

  private addVoter(id: NodeId): void {
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.voters.add(id);
    this.setLearner(id, false);
  }

  private addLearner(id: NodeId): void {
    this.voters.delete(id);
    if (this.outgoing.has(id)) {
      this.learnersNext.add(id);
      return;
    }
    this.learners.add(id);
    this.setLearner(id, true);
  }

  private remove(id: NodeId): void {
    this.voters.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    if (!this.outgoing.has(id)) this.progress.delete(id);
  }

  private setLearner(id: NodeId, learner: boolean): void {
    const known = this.progress.get(id);
    if (known === undefined) this.progress.set(id, this.newProgress(id, learner));
    else if (known.learner !== learner) this.progress.set(id, known.asLearner(learner));
  }
}
