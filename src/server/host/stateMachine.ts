import type { SnapshotContent } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import type { Fences } from '../../wire/fence.ts';

/** How a command ended, the same on every replica. */
export type ApplyResult =
  | { readonly status: 'ok'; readonly clientId: number }
  | {
      readonly status: 'unknown-session' | 'too-many-sessions' | 'sequence-too-old' | 'sequence-too-far' | 'invalid';
      readonly detail: string;
    };

/** Whether what sessions hold together is bounded. `due`: an entry of the type BoundSessions is to come to the log. */
export type SessionsBound = 'unneeded' | 'due' | 'in-force';

export type Refusal = Exclude<ApplyResult, { readonly status: 'ok' }>;

/** A snapshot that this version cannot read. */
export class MalformedSnapshotError extends Error {
  override readonly name = 'MalformedSnapshotError';
}

/**
 * What a replica keeps the same on every server. Deterministic: equal logs give equal states and equal snapshots, byte for
 * byte. Nothing that a turn asks of it takes longer for a state that is large, but for what says so.
 */
export interface StateMachine {
  /** The last applied fence of each server that has one. */
  readonly fences: Fences;
  /** Applies a committed entry that is for it (isForStateMachine). Never throws on what a client put into it. */
  apply(entry: Entry): ApplyResult;
  /** `due` until such an entry is applied, which is written as soon as every member reads it. */
  readonly sessionsBound: SessionsBound;
  /** Of the snapshots that it writes now. */
  readonly snapshotVersion: number;
  /** What apply() is certain to say to the command, wherever it comes to stand in the log; undefined where it would apply it. */
  foresee(command: Uint8Array, appliedIndex: number, isCurrent: boolean): ApplyResult | 'undecided' | undefined;
  /** The value of a key, in UTF-8. A view: the next apply may write over it. */
  lookup(key: string): Uint8Array | undefined;
  /** All of the state, at once. */
  snapshot(): Uint8Array;
  /** The state as it is now, to be read in pieces while it goes on. One at a time: the one before is closed by this. */
  openSnapshot(): SnapshotSource;
  /**
   * Takes a snapshot in the place of the whole state, piece by piece: the state is as it was until the last is read, and where
   * reading one throws MalformedSnapshotError.
   */
  beginRestore(content: SnapshotContent): Restoring;
  /** Of a snapshot of so many bytes that comes piece by piece: whether the state could be restored from it. */
  beginCheck(byteLength: number): SnapshotCheck;
  /** The fences in a snapshot. Throws MalformedSnapshotError. */
  fencesOf(content: SnapshotContent): Fences;
}

export interface SnapshotSource {
  /** Bytes altogether. */
  readonly size: number;
  /** Copies what comes next to `into[at, end)`. Returns where it ends: before `end` only where that was the last. */
  read(into: Uint8Array, at: number, end: number): number;
  /** Nothing more is read. */
  close(): void;
}

export interface Restoring {
  /** Reads so many bytes more. Returns whether that was the last: the state is the snapshot's from then on. */
  read(bytes: number): boolean;
}

export interface SnapshotCheck {
  /** Undefined until they were read. */
  readonly fences: Fences | undefined;
  /** The next piece, from the first on, and one of nothing for a snapshot without bytes. Throws MalformedSnapshotError where restore would. */
  take(piece: Uint8Array): void;
}
