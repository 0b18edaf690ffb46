import type { NodeId, Snapshot, SnapshotPlace } from '../contract.ts';
import type { Entry } from '../entry.ts';
import type { Chunk } from '../parts/snapshotChunks.ts';

/** What servers, and the parts of one server, tell each other. The numbers are on the wire: never reuse one. */
export const MessageType = {
  // From the server to itself; never on the wire.
  Unreachable: 3,
  /** A snapshot was lost. */
  SnapshotStatus: 4,
  ForgetLeader: 5,
  StorageAppend: 6,
  StorageAppendResp: 7,
  StorageApply: 8,
  StorageApplyResp: 9,
  // Between servers.
  Propose: 16,
  Append: 17,
  AppendResp: 18,
  Vote: 19,
  VoteResp: 20,
  PreVote: 21,
  PreVoteResp: 22,
  Snapshot: 23,
  Heartbeat: 24,
  HeartbeatResp: 25,
  TransferLeader: 26,
  TimeoutNow: 27,
  ReadIndex: 28,
  ReadIndexResp: 29,
  /** A part of a snapshot: how a Snapshot goes to another server. */
  SnapshotChunk: 30,
  SnapshotChunkResp: 31,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** The local threads that carry out storage writes take the places of servers in messages to and from them. */
export const APPEND_THREAD: NodeId = -1;
export const APPLY_THREAD: NodeId = -2;

export function isLocalThread(id: NodeId): boolean {
  return id === APPEND_THREAD || id === APPLY_THREAD;
}

export const NO_ENTRIES: readonly Entry[] = [];

/**
 * One message. Every type uses some of the fields and leaves the others at zero, so that all messages have one shape.
 *
 * | type | fields beside from, to and term |
 * |---|---|
 * | Append | index, logTerm: of the entry before the first; entries; commit |
 * | AppendResp | index: acknowledged, or with reject the refused one; rejectHint, logTerm: where the logs may agree |
 * | Vote, PreVote | index, logTerm: of the last entry; transfer: asked for by the leader |
 * | Heartbeat, HeartbeatResp | commit; readSequence |
 * | Append, Heartbeat, and their answers | stampMs; promisedMs in the answer |
 * | ReadIndex, ReadIndexResp | readContext; index in the answer |
 * | TransferLeader | from: who shall lead, whoever sent it on |
 * | SnapshotChunk | part; chunk |
 * | SnapshotChunkResp | index: of the snapshot; chunk, whose offset is how much of it is there |
 * | StorageAppend | entries, snapshot, hard state in term, vote and commit; responses: sent once it is durable |
 * | StorageAppendResp | index, logTerm: of the last durable entry; snapshot |
 * | StorageApply, StorageApplyResp | entries |
 */
export class Message {
  readonly type: MessageType;
  to: NodeId;
  from: NodeId = 0;
  term = 0;
  index = 0;
  logTerm = 0;
  commit = 0;
  vote: NodeId = 0;
  entries: readonly Entry[] = NO_ENTRIES;
  snapshot: Snapshot | undefined = undefined;
  reject = false;
  rejectHint = 0;
  transfer = false;
  /** The newest read that the leader wants confirmed by this heartbeat; 0 for none. */
  readSequence = 0;
  /** Where reads go by a lease: the leader's clock when it sent this, or when it sent what this answers; 0: none is asked for. */
  stampMs = 0;
  /** For so long after hearing that the answering server elects nobody; 0: it says nothing of the kind. */
  promisedMs = 0;
  /** The asker's own name of a read. */
  readContext = 0;
  responses: readonly Message[] = NO_MESSAGES;
  chunk: ChunkNumbers | undefined = undefined;
  part: SnapshotPart | undefined = undefined;

  constructor(type: MessageType, to: NodeId) {
    this.type = type;
    this.to = to;
  }
}

const NO_MESSAGES: readonly Message[] = [];

/** Which chunk it is, by its sender's count; where it belongs in a snapshot of `total` bytes. */
export interface ChunkNumbers {
  readonly seq: number;
  readonly offset: number;
  readonly total: number;
}

/** Of a snapshot, what is in a message. */
export interface SnapshotPart extends SnapshotPlace {
  readonly data: Uint8Array;
}

/** The chunk in a message of that type. */
export function chunkIn({ part, chunk }: Message): Chunk {
  const { index, term: snapshotTerm, configuration, data } = part!;
  const { offset, total } = chunk!;
  return { index, snapshotTerm, configuration, offset, total, data };
}

/** Answers, which make sense only from members of the configuration. */
export function isResponse(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppendResp:
    case MessageType.VoteResp:
    case MessageType.PreVoteResp:
    case MessageType.HeartbeatResp:
    case MessageType.ReadIndexResp:
    case MessageType.Unreachable:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Messages that only the server itself may step. */
export function isLocal(type: MessageType): boolean {
  return type < MessageType.Propose && type !== MessageType.ForgetLeader;
}

export function voteResponseType(request: MessageType): MessageType {
  return request === MessageType.Vote ? MessageType.VoteResp : MessageType.PreVoteResp;
}

/** Bytes of client data in the entries; what the limit on inflight data counts. */
export function payloadSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entry.data.length;
  return size;
}

/**
 * The other types are never sent by this engine: clients ask the leader, and so do reads and transfers; nobody is told whom to forget;
 * and a snapshot goes in chunks.
 */
export function isForPeers(type: MessageType): boolean {
  switch (type) {
    case MessageType.ForgetLeader:
    case MessageType.Propose:
    case MessageType.ReadIndex:
    case MessageType.ReadIndexResp:
    case MessageType.TransferLeader:
    case MessageType.Snapshot:
      return false;
    default:
      return !isLocal(type);
  }
}

/** What follows from a message of the receiver's own. */
export function isAnswer(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppendResp:
    case MessageType.HeartbeatResp:
    case MessageType.VoteResp:
    case MessageType.PreVoteResp:
    case MessageType.SnapshotChunkResp:
      return true;
    default:
      return false;
  }
}

/** What says that its sender leads, and keeps its receiver from standing for election. */
export function isLeaders(type: MessageType): boolean {
  return type === MessageType.Append || type === MessageType.Heartbeat || type === MessageType.Snapshot;
}

/** Whether the term in a message is its sender's own: requests for votes, and votes given, may name one that nobody took yet. */
export function tellsTerm({ type, reject }: Message): boolean {
  if (type === MessageType.VoteResp || type === MessageType.PreVoteResp) return reject;
  return type !== MessageType.Vote && type !== MessageType.PreVote;
}
