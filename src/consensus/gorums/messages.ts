import type { Configuration } from '../contract.ts';
import type { Entry } from '../entry.ts';

/**
 * The messages of the gorums engine: the requests and responses of the `gorums.Raft` service. `call` names a quorum
 * call; a response repeats that of its request. TimeoutNow is ours (thesis §3.10) and travels on streams only.
 */
export interface RequestVote {
  readonly type: 'RequestVote';
  readonly call: number;
  readonly candidate: number;
  readonly term: number;
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  readonly preVote: boolean;
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

export type GorumsMessage =
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | InstallSnapshot
  | InstallSnapshotResponse
  | CatchMeUp
  | TimeoutNow;
