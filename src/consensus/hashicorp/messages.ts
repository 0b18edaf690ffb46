import type { Entry } from '../entry.ts';
import type { Chunk } from '../parts/snapshotChunks.ts';

/**
 * What servers of this engine say to each other. Indexes and terms are as in Raft figure 2; the sender's id travels
 * outside the message. `seq` names a request to its replicator, which hears it again in the reply.
 */

/** Entries that follow `prevIndex`, or none where only the commit index is news (Raft §5.3). */
export interface AppendRequest {
  readonly type: 'append';
  readonly term: number;
  readonly seq: number;
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly commit: number;
  readonly entries: readonly Entry[];
}

/**
 * ok: the follower holds durably what the leader holds, up to `index`; this answers every request up to `seq`.
 * Otherwise the entry before the request's does not match, and `index` is the last one that may.
 */
export interface AppendReply {
  readonly type: 'append-reply';
  readonly term: number;
  readonly seq: number;
  readonly ok: boolean;
  readonly index: number;
}

/** I am leader. Carries nothing else, so that it can overtake replication. Rounds ascend within a term. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly term: number;
  readonly round: number;
}

/**
 * You are, as far as I know. `lastIndex` is the follower's last entry, on disk or not, and `commit` its commit index: they
 * tell of what got lost on the way, or with the follower's memory.
 */
export interface HeartbeatReply {
  readonly type: 'heartbeat-reply';
  readonly term: number;
  readonly round: number;
  readonly lastIndex: number;
  readonly commit: number;
  /** For so long after hearing that it elects nobody (parts/leaderPromise.ts). */
  readonly promisedMs?: number | undefined;
}

/** With `preVote`, `term` is the one the candidate would take (thesis §9.6). `transfer`: the leader asked for this election. */
export interface VoteRequest {
  readonly type: 'vote';
  readonly term: number;
  readonly preVote: boolean;
  readonly transfer: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** Granted: `term` is the request's. Refused: it is the voter's own. */
export interface VoteReply {
  readonly type: 'vote-reply';
  readonly term: number;
  readonly preVote: boolean;
  readonly granted: boolean;
}

/** Start an election now (thesis §3.10). */
export interface TimeoutNow {
  readonly type: 'timeout-now';
  readonly term: number;
}

/** A part of a snapshot (Raft §7). */
export interface SnapshotChunk extends Chunk {
  readonly type: 'snapshot';
  readonly term: number;
  readonly seq: number;
}

/** The follower has `received` bytes; `installed`: it holds durably everything up to `index`. */
export interface SnapshotReply {
  readonly type: 'snapshot-reply';
  readonly term: number;
  readonly seq: number;
  readonly index: number;
  readonly received: number;
  readonly installed: boolean;
}

export type HashicorpMessage =
  | AppendRequest
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | VoteRequest
  | VoteReply
  | TimeoutNow
  | SnapshotChunk
  | SnapshotReply;
