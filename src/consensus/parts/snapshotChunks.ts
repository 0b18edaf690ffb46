import type { Configuration, EngineInit, IncomingContent, NodeId, Snapshot, SnapshotPiece } from '../contract.ts';
import { transitMs } from './transit.ts';
import { snapshotFault } from './untrusted.ts';

/**
 * A snapshot on its way to a follower, in chunks (Raft figure 13): what all engines do alike, each in a message of its own. The sender
 * goes ahead of the answers by a few chunks, and goes back to what the follower says it has where some are lost. The receiver takes
 * chunks in order alone, and says to each how much it has: so sending goes on, after a broken link, where it was.
 */

/** The part at `offset` of a snapshot of `total` bytes as of `index`. */
export interface Chunk {
  readonly index: number;
  readonly snapshotTerm: number;
  readonly configuration: Configuration;
  readonly offset: number;
  readonly total: number;
  readonly data: Uint8Array;
}

/** Where a chunk belongs: what a message of any engine says of it. */
export type ChunkPlace = Pick<Chunk, 'index' | 'offset' | 'total'> & { readonly bytes: number };

export function placeOf({ index, offset, total, data }: Chunk): ChunkPlace {
  return { index, offset, total, bytes: data.length };
}

/** Chunks that may be unanswered; one until the first answer, then one more with each (slow start). With 256 KiB each, 50 MB/s over 40 ms. */
const WINDOW_CHUNKS_MAX = 8;
/** The first wait after chunks were lost, ms; it doubles with every further loss up to an election timeout. */
const LOSS_WAIT_MS = 10;
const WAIT_DOUBLINGS_MAX = 20;

export interface SenderSettings {
  readonly snapshotChunkBytes: number;
  /** What is not answered for so long, and for longer than its bytes take, is lost. */
  readonly electionTimeoutMs: number;
}

/** What a leader knows of the one follower that it sends a snapshot to. It holds on to that one, whatever is taken or compacted meanwhile. */
export class SnapshotSender {
  readonly snapshot: Snapshot;
  private readonly settings: SenderSettings;
  /** The follower has so much of it. */
  private received = 0;
  /** So much is there or on its way. */
  private sent = 0;
  /** A chunk has to go even where nothing is left to send: its answer tells what became of those before. */
  private asks = true;
  private window = 1;
  /** Numbers of the first and the latest chunk, of the latest that was answered, and of the latest that was given up. */
  private firstSeq = 0;
  private sentSeq = 0;
  private answeredSeq = 0;
  private lostSeq = 0;
  private waitsSinceMs = 0;
  private retryAtMs = Number.NEGATIVE_INFINITY;
  /** How often in a row chunks were lost. */
  failures = 0;

  constructor(snapshot: Snapshot, settings: SenderSettings) {
    this.snapshot = snapshot;
    this.settings = settings;
  }

  /** Whether a chunk may go now. */
  isDue(nowMs: number): boolean {
    if (nowMs < this.retryAtMs) return false;
    const isRoom = this.sent - this.received < this.window * this.settings.snapshotChunkBytes;
    return this.asks || (this.sent < this.snapshot.content.byteLength && isRoom);
  }

  /** The chunk that is due, which is sent under the number `seq`: higher than those before, also of other snapshots. */
  take(seq: number, nowMs: number): Chunk {
    const { index, term: snapshotTerm, configuration, content } = this.snapshot;
    const offset = this.sent;
    if (offset === this.received) this.waitsSinceMs = nowMs;
    const data = content.read(offset, this.settings.snapshotChunkBytes);
    this.sent += data.length;
    this.firstSeq ||= seq;
    this.sentSeq = seq;
    this.asks = false;
    return { index, snapshotTerm, configuration, offset, total: content.byteLength, data };
  }

  /** Whether a chunk of it went under this number. */
  didSend(seq: number): boolean {
    return this.firstSeq !== 0 && seq >= this.firstSeq && seq <= this.sentSeq;
  }

  /** The follower has `received` bytes, which it says to the chunk of number `seq`. */
  answered(seq: number, received: number, nowMs: number): void {
    if (!this.didSend(seq)) return;
    const isLate = seq <= this.answeredSeq;
    this.answeredSeq = Math.max(this.answeredSeq, seq);
    if (received > this.received) this.advance(Math.min(received, this.snapshot.content.byteLength), nowMs);
    else if (!isLate && seq > this.lostSeq && received < this.sent) this.goBack(received);
  }

  private advance(received: number, nowMs: number): void {
    this.received = received;
    this.sent = Math.max(this.sent, received);
    this.waitsSinceMs = nowMs;
    this.window = Math.min(this.window + 1, WINDOW_CHUNKS_MAX);
    this.failures = 0;
    this.retryAtMs = nowMs;
  }

  /** What came after `received` bytes did not get there in order, or the follower has lost what it had. */
  private goBack(received: number): void {
    this.received = received;
    this.sent = received;
    this.lostSeq = this.sentSeq;
  }

  /** Time passed; whether what is on its way was lost just now. */
  tick(nowMs: number): boolean {
    if (this.asks || nowMs < this.retryAtMs || this.sentSeq === this.lostSeq) return false;
    if (nowMs - this.waitsSinceMs < this.settings.electionTimeoutMs + transitMs(this.sent - this.received))
      return false;
    this.goBack(this.received);
    this.asks = true;
    this.window = 1;
    this.failures++;
    const waitMs = LOSS_WAIT_MS * 2 ** Math.min(this.failures - 1, WAIT_DOUBLINGS_MAX);
    this.retryAtMs = nowMs + Math.min(waitMs, this.settings.electionTimeoutMs);
    return true;
  }

  /** The follower is heard again: no use to wait longer. */
  resume(nowMs: number): void {
    this.retryAtMs = nowMs;
  }
}

interface Incoming {
  readonly from: NodeId;
  readonly term: number;
  readonly content: IncomingContent;
  received: number;
}

/**
 * Takes the chunks of a snapshot on a follower, in order, and hands each on to be persisted: what is kept of them is how many bytes came. A
 * chunk out of place changes nothing: the answer says what is wanted.
 */
export class SnapshotReceiver {
  private readonly receiveContent: EngineInit['receiveContent'];
  private incoming: Incoming | undefined;
  private pieces: SnapshotPiece[] = [];

  constructor(receiveContent: EngineInit['receiveContent']) {
    this.receiveContent = receiveContent;
  }

  /** Bytes taken of the snapshot that `chunk` is of, as the leader `from` of `term` sends it. */
  received(from: NodeId, term: number, chunk: Chunk): number {
    return this.matches(from, term, chunk) ? this.incoming!.received : 0;
  }

  /** The whole snapshot where `chunk` completes it. A text says what is wrong with its content, of which nothing is needed then. */
  add(from: NodeId, term: number, chunk: Chunk): Snapshot | string | undefined {
    const { index, snapshotTerm, configuration, offset, total, data } = chunk;
    if (!this.matches(from, term, chunk)) {
      if (offset !== 0 || this.isOlder(term, chunk)) return undefined;
      const content = this.receiveContent({ index, term: snapshotTerm, configuration }, total);
      this.incoming = { from, term, content, received: 0 };
    }
    const incoming = this.incoming!;
    if (offset !== incoming.received) return undefined;
    const { content } = incoming;
    const isWhole = offset + data.length === total;
    const fault = isWhole || data.length > 0 ? content.check(data) : undefined;
    if (fault !== undefined) {
      this.incoming = undefined;
      return `the leader's snapshot of index ${index}: ${fault}`;
    }
    if (data.length > 0) this.pieces.push({ content, data });
    incoming.received += data.length;
    if (!isWhole) return undefined;
    this.incoming = undefined;
    return { index, term: snapshotTerm, configuration: content.place.configuration, content };
  }

  /** What came since the last call. */
  takePieces(): readonly SnapshotPiece[] | undefined {
    const { pieces } = this;
    if (pieces.length === 0) return undefined;
    this.pieces = [];
    return pieces;
  }

  /** Nothing is needed of a snapshot of `index` or before. */
  abandonUpTo(index: number): void {
    if (this.incoming !== undefined && this.incoming.content.place.index <= index) this.incoming = undefined;
  }

  private matches(from: NodeId, term: number, { index, snapshotTerm, total }: Chunk): boolean {
    const { incoming } = this;
    if (incoming?.from !== from || incoming.term !== term) return false;
    const { place, byteLength } = incoming.content;
    return place.index === index && place.term === snapshotTerm && byteLength === total;
  }

  /** A leader that has begun with a later snapshot goes on with none before it: what is left on the way of that must not end the later one. */
  private isOlder(term: number, { index }: Chunk): boolean {
    const { incoming } = this;
    return (
      incoming !== undefined &&
      (term < incoming.term || (term === incoming.term && index < incoming.content.place.index))
    );
  }
}

/** What is wrong with a chunk that a leader of `term` sends, but for what the data say. */
export function chunkFault(chunk: Chunk, term: number): string | undefined {
  const { index, snapshotTerm, configuration, offset, total, data } = chunk;
  if (offset + data.length > total) return `${data.length} bytes at ${offset} of a snapshot of ${total} bytes`;
  return snapshotFault({ index, term: snapshotTerm, configuration }, term);
}
