/**
 * What kind of entry a log position holds. The numbers are on the wire and on disk: never reuse one.
 * Hosts apply `Normal` and `BoundSessions` entries to the state machine and leave every other kind to the engine.
 */
export const EntryType = {
  /** Written by a new leader to commit its term (Raft §8). Data: `noop`, or in the etcd engine none. */
  Internal: 0,
  /** A state machine command. */
  Normal: 1,
  /** A membership change. Data is in the engine's own encoding. */
  Reconf: 2,
  /** A membership change that may pass through a joint configuration (Raft §6). Data is in the engine's own encoding. */
  JointReconf: 3,
  /**
   * From here on the state machine bounds what all sessions hold together (src/server/stateMachine/heldNumbers.ts). No data. Builds
   * before version 8 of the peers' protocol take no entry of this type.
   */
  BoundSessions: 4,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** Whether an entry of this type changes the membership; log stores keep an index of such entries. */
export function isConfigurationType(type: EntryType): boolean {
  return type === EntryType.Reconf || type === EntryType.JointReconf;
}

/** Whether hosts apply entries of this type to the state machine. */
export function isForStateMachine(type: EntryType): boolean {
  return type === EntryType.Normal || type === EntryType.BoundSessions;
}

/**
 * One log entry. Immutable but for its record, which remembers where its encoded form already stands so that
 * the disk and every follower are served from the same bytes (see entryCodec.ts).
 */
export class Entry {
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
  /** The buffer that holds this entry's record at [recordStart, recordEnd), or null while it was never encoded. */
  record: Uint8Array | null = null;
  recordStart = 0;
  recordEnd = 0;

  constructor(index: number, term: number, type: EntryType, data: Uint8Array) {
    this.index = index;
    this.term = term;
    this.type = type;
    this.data = data;
  }
}

const NOOP = Uint8Array.of(0x6e, 0x6f, 0x6f, 0x70);

/** Changes nothing: for what its place in the log tells. */
export function noopEntry(index: number, term: number): Entry {
  return new Entry(index, term, EntryType.Internal, NOOP);
}
