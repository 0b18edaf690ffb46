import type { Configuration, Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import type { Chunk } from '../parts/snapshotChunks.ts';

/**
 * The messages of the gorums engine: the requests and responses of the `gorums.Raft` service. `call` names a quorum
 * call; a response repeats that of its request. TimeoutNow (thesis §3.10) and the chunks of snapshots are ours, and travel on streams only.
 */
export interface RequestVote {
  readonly type: 'RequestVote';
  readonly call: number;
  readonly candidate: number;
  readonly term: number;
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  readonly preVote: boolean;
  /** The leader told the candidate to take over: whoever promised that leader to elect nobody may vote. */
  readonly transfer?: boolean | undefined;
}

export interface RequestVoteResponse {
  readonly type: 'RequestVoteResponse';
  readonly call: number;
  /** A granted pre-vote answers with the term it was asked for. */
  readonly term: number;
  readonly granted: boolean;
}

export interface AppendEntries {
  readonly type: 'AppendEntries';
  readonly call: number;
  readonly leader: number;
  readonly term: number;
  readonly prevLogIndex: number;
  readonly prevLogTerm: number;
  readonly commitIndex: number;
  readonly entries: readonly Entry[];
}

export interface AppendEntriesResponse {
  readonly type: 'AppendEntriesResponse';
  readonly call: number;
  readonly term: number;
  /** The length of the follower's log when the request arrived, as the original answers. */
  readonly matchIndex: number;
  readonly success: boolean;
  /** For so long after hearing that it elects nobody (parts/leaderPromise.ts). */
  readonly promisedMs?: number | undefined;
}

export interface InstallSnapshot {
  readonly type: 'InstallSnapshot';
  readonly call: number;
  readonly leader: number;
  readonly term: number;
  readonly lastIncludedIndex: number;
  readonly lastIncludedTerm: number;
  readonly configuration: Configuration;
  readonly data: Uint8Array;
}

export interface InstallSnapshotResponse {
  readonly type: 'InstallSnapshotResponse';
  readonly call: number;
  readonly term: number;
}

export interface CatchMeUp {
  readonly type: 'CatchMeUp';
  readonly call: number;
  readonly follower: number;
  readonly nextIndex: number;
}

export interface TimeoutNow {
  readonly type: 'TimeoutNow';
  readonly call: number;
  readonly leader: number;
  readonly term: number;
}

/** A part of a snapshot: how it goes to a follower on a stream. */
export interface SnapshotChunk extends Chunk {
  readonly type: 'SnapshotChunk';
  readonly call: number;
  readonly leader: number;
  readonly term: number;
  /** What it is a part of, where it was made: the unary service knows no parts, and its InstallSnapshot takes it all at once. */
  readonly whole?: Snapshot | undefined;
}

/** `received`: the follower has so many bytes of it; `installed`: it holds durably everything up to `index`. */
export interface SnapshotChunkResponse {
  readonly type: 'SnapshotChunkResponse';
  readonly call: number;
  readonly term: number;
  readonly index: number;
  readonly received: number;
  readonly installed: boolean;
}

export type GorumsMessage =
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | InstallSnapshot
  | InstallSnapshotResponse
  | CatchMeUp
  | TimeoutNow
  | SnapshotChunk
  | SnapshotChunkResponse;
