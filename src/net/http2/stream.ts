import type { FrameWriter } from './frameWriter.ts';
import { GatheredBytes } from './gatheredBytes.ts';
import { ErrorCode, FRAME_BYTES_MAX, WINDOW_BYTES_MAX } from './protocol.ts';
import type { SendWindows } from './sendWindows.ts';

/** Where a request's body goes. */
export interface StreamReader {
  /** It does nothing before all of the request is there. */
  readonly needsAll: boolean;
  /** The next piece; what it is part of is kept as long as it is. `isLast`: all of the request is there with it. */
  received(piece: Buffer, isLast: boolean): void;
  /** All of the request is there. */
  receivedAll(): void;
  /** All that was to be sent until now is. */
  sentAll(): void;
  /** The stream is over. `isAbandoned`: before it was answered, because one end gave it up, or the connection is gone. */
  closed(isAbandoned: boolean): void;
  /** The stream is to end for what it makes this end hold; `why` is for people. */
  letGo(why: string): void;
}

interface Outgoing {
  bytes: Buffer;
  readonly sent: (() => void) | undefined;
}

/** What an open stream takes by itself, about: its objects and its handler's. */
export const STREAM_BYTES = 2048;
/** What is given at once to a reader that reads on: it may stop again in between. */
const RESUMED_BYTES = 64 * 1024;

/** What a stream uses of its connection. */
export interface StreamConnection {
  readonly options: { readonly windowBytes: number };
  readonly writer: FrameWriter;
  readonly sendWindows: SendWindows;
  hold(bytes: number): void;
  forget(stream: Http2Stream, waitingBytes: number): void;
  misused(): void;
  resetStream(id: number, code: ErrorCode): void;
}

/** One request and its answer: what waits in either direction, and how much more may come or go. */
export class Http2Stream {
  readonly connection: StreamConnection;
  readonly id: number;
  readonly reader: StreamReader;
  /** By how much the window for sending differs from the one that new streams have. */
  windowDelta = 0;
  hasAnswered = false;
  private isOver = false;
  private hasRemoteEnded: boolean;
  private hasLocalEnded = false;
  /** Body bytes that are still to come by what the head said; -1 where it did not. */
  private missingBytes: number;
  private receiveWindow: number;
  private readonly windowBytes: number;
  private isPaused = false;
  /** What came while it is paused. */
  private incoming: GatheredBytes | undefined;
  private endWaits = false;
  private keptBytes = 0;
  private seenBytes = 0;
  private seenAtMs = 0;
  /** Taken since the other end was last allowed to send more. */
  private receivedBytes = 0;
  private readonly outgoing: Outgoing[] = [];
  private outgoingBytes = 0;
  private trailers: Buffer | undefined;

  constructor(connection: StreamConnection, id: number, reader: StreamReader, ended: boolean, contentLength: number) {
    this.connection = connection;
    this.id = id;
    this.reader = reader;
    this.hasRemoteEnded = ended;
    this.missingBytes = contentLength;
    this.windowBytes = connection.options.windowBytes;
    this.receiveWindow = this.windowBytes;
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  get hasRequestEnded(): boolean {
    return this.hasRemoteEnded;
  }

  /** Bytes of the answer that are not handed to the network. */
  get unsentBytes(): number {
    return this.outgoingBytes;
  }

  /** Bytes that wait here, in either direction. */
  get waitingBytes(): number {
    return (this.incoming?.capacity ?? 0) + this.keptBytes + this.outgoingBytes;
  }

  /** How long what waits here has been neither more nor less, as far as was asked, ms. What is to be complete waits from its head on. */
  stuckMs(nowMs: number): number {
    const bytes = this.waitingBytes;
    const waits = bytes > 0 || (this.reader.needsAll && !this.hasRemoteEnded);
    if (!waits || bytes !== this.seenBytes || this.seenAtMs === 0) {
      this.seenBytes = bytes;
      this.seenAtMs = nowMs;
    }
    return nowMs - this.seenAtMs;
  }

  /** The reader keeps so many bytes more of what it was given, or less. */
  keep(bytes: number): void {
    if (this.isOver) return;
    this.keptBytes += bytes;
    this.connection.hold(bytes);
  }

  /** A DATA frame came; `length` counts its padding too. For the connection. */
  receive(piece: Buffer, length: number, ended: boolean): void {
    if (this.hasRemoteEnded) {
      this.reset(ErrorCode.StreamClosed);
      return;
    }
    this.receiveWindow -= length;
    if (this.receiveWindow < 0) {
      this.reset(ErrorCode.FlowControlError);
      return;
    }
    if (this.missingBytes >= 0) {
      this.missingBytes -= piece.length;
      if (this.missingBytes < 0) {
        this.reset(ErrorCode.ProtocolError);
        return;
      }
    }
    if (this.isPaused) {
      this.queue(piece);
      // What is padding waits for nobody.
      this.giveBack(length - piece.length);
    } else {
      if (piece.length > 0) this.reader.received(piece, ended);
      if (!ended) this.giveBack(length);
    }
    if (ended) this.receiveEnd();
  }

  /** The request is complete. For the connection. */
  receiveEnd(): void {
    if (this.isOver) return;
    if (this.hasRemoteEnded) {
      this.reset(ErrorCode.StreamClosed);
      return;
    }
    if (this.missingBytes > 0) {
      this.reset(ErrorCode.ProtocolError);
      return;
    }
    this.hasRemoteEnded = true;
    if (this.isPaused) this.endWaits = true;
    else this.reader.receivedAll();
    this.closeIfDone();
  }

  private giveBack(bytes: number): void {
    this.receivedBytes += bytes;
    if (this.receivedBytes < this.windowBytes / 4 || this.hasRemoteEnded || this.isOver) return;
    this.connection.writer.windowUpdate(this.id, this.receivedBytes);
    this.receiveWindow += this.receivedBytes;
    this.receivedBytes = 0;
  }

  private queue(piece: Buffer): void {
    if (piece.length === 0) return;
    this.incoming ??= new GatheredBytes();
    const before = this.incoming.capacity;
    this.incoming.append(piece);
    this.connection.hold(this.incoming.capacity - before);
  }

  /** No more pieces until `resume`; the other end may send as much as the window allows. */
  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    const { incoming } = this;
    while (incoming !== undefined && incoming.length > 0 && !this.isPaused && !this.isOver) {
      const before = incoming.capacity;
      const piece = incoming.take(RESUMED_BYTES);
      this.connection.hold(incoming.capacity - before);
      this.reader.received(piece, false);
      this.giveBack(piece.length);
    }
    if (!this.endWaits || this.isPaused || this.isOver) return;
    this.endWaits = false;
    this.reader.receivedAll();
  }

  /** Begins the answer. */
  respond(block: Buffer): void {
    if (this.hasAnswered || this.isOver) return;
    this.hasAnswered = true;
    this.connection.writer.headers(this.id, block, false);
  }

  /** The bytes must not change any more. `sent` is called once the network has them all; never if the stream ends before. */
  send(bytes: Buffer, sent?: () => void): void {
    if (this.isOver || this.hasLocalEnded) return;
    this.outgoing.push({ bytes, sent });
    this.outgoingBytes += bytes.length;
    this.connection.hold(bytes.length);
    this.pump();
  }

  /** Ends the answer, once all is sent; also one that has not begun. What is still to come of the request is not wanted. */
  finish(block: Buffer): void {
    if (this.isOver || this.trailers !== undefined) return;
    this.hasAnswered = true;
    this.trailers = block;
    this.pump();
  }

  /** Sends what may be sent. For the connection, where windows have grown. */
  pump(): void {
    const { connection } = this;
    let sentBytes = 0;
    while (this.outgoingBytes > 0 && !this.isOver) {
      const window = connection.sendWindows.mayBeSent(this.windowDelta);
      const length = Math.min(FRAME_BYTES_MAX, window, this.outgoingBytes);
      if (length <= 0) {
        connection.sendWindows.wait(this);
        break;
      }
      this.sendFrame(length);
      sentBytes += length;
    }
    if (sentBytes > 0) connection.hold(-sentBytes);
    if (this.isOver || this.outgoingBytes > 0) return;
    if (this.trailers !== undefined && !this.hasLocalEnded) {
      this.hasLocalEnded = true;
      connection.writer.headers(this.id, this.trailers, true);
      this.closeIfDone();
    } else if (sentBytes > 0) this.reader.sentAll();
  }

  private sendFrame(length: number): void {
    const { connection, outgoing } = this;
    connection.writer.data(this.id, length);
    connection.sendWindows.sent(length);
    this.windowDelta -= length;
    this.outgoingBytes -= length;
    let left = length;
    const told: (() => void)[] = [];
    while (left > 0) {
      const first = outgoing[0]!;
      if (first.bytes.length <= left) {
        left -= first.bytes.length;
        connection.writer.payload(first.bytes);
        outgoing.shift();
        if (first.sent !== undefined) told.push(first.sent);
      } else {
        connection.writer.payload(first.bytes.subarray(0, left));
        first.bytes = first.bytes.subarray(left);
        left = 0;
      }
    }
    // Once the frame is whole: who is told may send more, or end the stream.
    for (const sent of told) sent();
  }

  /** The other end lets us send more; false where that is more than a window may be. For the connection. */
  widen(bytes: number): boolean {
    if (this.connection.sendWindows.ofStream(this.windowDelta) + bytes > WINDOW_BYTES_MAX) return false;
    this.windowDelta += bytes;
    if (this.outgoingBytes > 0) this.pump();
    return true;
  }

  /** Ends the stream at once, in HTTP/2's words. */
  reset(code: ErrorCode): void {
    if (this.isOver) return;
    this.connection.resetStream(this.id, code);
    this.close(true);
    if (code !== ErrorCode.EnhanceYourCalm) this.connection.misused();
  }

  /** Forgets what waits. For the connection, whose other end is gone or gave the stream up. */
  abandon(): void {
    if (this.isOver) return;
    this.close(true);
  }

  private closeIfDone(): void {
    if (!this.hasLocalEnded || this.isOver) return;
    if (!this.hasRemoteEnded) this.connection.resetStream(this.id, ErrorCode.NoError);
    this.close(false);
  }

  private close(isAbandoned: boolean): void {
    this.isOver = true;
    this.connection.forget(this, this.waitingBytes);
    this.outgoingBytes = 0;
    this.keptBytes = 0;
    this.incoming?.clear();
    this.outgoing.length = 0;
    this.reader.closed(isAbandoned);
  }
}
