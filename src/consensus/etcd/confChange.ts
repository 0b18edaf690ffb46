import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../../bytes/varint.ts';
import type { NodeId } from '../contract.ts';

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
