import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { Allowance } from './allowance.ts';
import type { Holder } from './heldMemory.ts';
import { MessageMeter } from './messageMeter.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR } = constants;
/** What an open stream takes by itself, about: node's, nghttp2's and gRPC's objects. */
export const STREAM_BYTES = 16 * 1024;
/** Calls that one connection may abandon at once, and how many a second more: each costs the server as much as an answered one. */
const RESETS_BURST = 200;
const RESETS_PER_SECOND = 100;
/** Sessions that one connection may register at once, and how many a second more. */
const REGISTRATIONS_BURST = 20_000;
const REGISTRATIONS_PER_SECOND = 100;
/** How soon after it came a connection is looked at, and how seldom in the end. */
const LOOK_EVERY_MS_MIN = 200;
const LOOK_EVERY_MS_MAX = 30_000;
/** A ping that is not answered for this long: the other end is gone. */
const PING_MS_MAX = 30_000;
/** A connection that could write and did not write our ping in this time has an HTTP/2 session that is over. */
const SILENT_MS_MAX = 1000;

/** One client's or peer's stream, and what it makes the server hold. */
export class StreamAccount {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  /** Bytes of whole messages that came and that their reader did not take yet; for streams whose reader may stop reading. */
  private countsTaken = false;
  private refuseLarge: (details: string) => void;
  private takenBytes = 0;
  private unreadBytes = 0;
  private readonly meter = new MessageMeter();
  /** As of the last look: the bytes held, and since when they are neither more nor less. */
  private seenBytes = 0;
  private seenAtMs = 0;

  private readonly messageBytesMax: number;

  constructor(connection: Connection, stream: ServerHttp2Stream, messageBytesMax: number) {
    this.connection = connection;
    this.stream = stream;
    this.messageBytesMax = messageBytesMax;
    this.refuseLarge = (details) => this.end(details);
  }

  /** A piece of the request's body came. */
  received(piece: Uint8Array): void {
    this.meter.take(piece);
    const { largestBytes } = this.meter;
    if (largestBytes > this.messageBytesMax) {
      // As gRPC says it of its own limit, so that clients know it for what it is.
      this.refuseLarge(`Received message larger than max (${largestBytes} vs ${this.messageBytesMax}): see -maxvalue`);
    }
    if (this.meter.unfinishedBytes > 0 || this.countsTaken) this.connection.grew(piece.length);
  }

  /**
   * This stream's reader says what it took, and may stop taking: what waits for it counts. It answers a message that is
   * too large itself, for its answer has begun.
   */
  countTaken(refuseLarge: (details: string) => void): void {
    this.countsTaken = true;
    this.refuseLarge = refuseLarge;
  }

  /** The reader took a message of this many bytes. */
  taken(bytes: number): void {
    this.takenBytes += bytes + 5;
  }

  /** An answer of this many bytes is on its way. gRPC keeps those of a stream back while an earlier one is not read. */
  answered(bytes: number): void {
    this.unreadBytes += bytes;
    this.connection.grew(bytes);
  }

  /** An answer was read, as far as this end can tell. */
  read(bytes: number): void {
    this.unreadBytes -= bytes;
  }

  /** Bytes beside the stream itself: of the request that is not whole or not taken, of the answer that is not read. */
  get waitingBytes(): number {
    const { stream, meter } = this;
    const untaken = this.countsTaken ? Math.max(0, meter.wholeBytes - this.takenBytes) : 0;
    const unread = Math.max(this.unreadBytes, stream.writableLength);
    return meter.unfinishedBytes + untaken + unread + stream.readableLength;
  }

  get heldBytes(): number {
    return STREAM_BYTES + this.waitingBytes;
  }

  /** How long what is held has waited without a change, ms. */
  stuckMs(nowMs: number): number {
    const bytes = this.waitingBytes;
    if (bytes === 0 || bytes !== this.seenBytes) {
      this.seenBytes = bytes;
      this.seenAtMs = nowMs;
    }
    return nowMs - this.seenAtMs;
  }

  /** Whether the other end gave the call up, answered or not. To be asked when the stream is closed. */
  get wasAbandoned(): boolean {
    const { aborted, rstCode } = this.stream;
    return aborted || (rstCode !== NGHTTP2_NO_ERROR && rstCode !== NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Ends the stream: by name where its answer has not begun; where it has, HTTP/2's code says the same to gRPC. */
  end(details: string): void {
    const { stream } = this;
    if (stream.closed || stream.destroyed) return;
    this.connection.callEnded();
    if (stream.headersSent) {
      stream.close(NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    refuseStream(stream, status.RESOURCE_EXHAUSTED, details);
  }
}

/** Answers a call whose handler has not begun to. */
export function refuseStream(stream: ServerHttp2Stream, code: status, details: string): void {
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': code,
      'grpc-message': encodeURI(details),
    },
    { endStream: true },
  );
  stream.close(NGHTTP2_NO_ERROR);
}

export interface ConnectionListener {
  grew(bytes: number): void;
  callEnded(): void;
}

/** One connection: who is at the other end does not matter, what it makes the server hold and do does. */
export class Connection implements Holder {
  readonly socket: Socket;
  readonly streams = new Set<StreamAccount>();
  readonly openedAtMs: number;
  private readonly listener: ConnectionListener;
  /** It came when only peers were let in, and has not shown that it is one. */
  provisional: boolean;
  session: ServerHttp2Session | undefined;
  /** A stream was opened on it. */
  used = false;
  /** A peer said hello on it: it is no HTTP/2 session but a link. */
  isPeer = false;
  onGone = () => {};
  idleSinceMs: number;
  resetCount = 0;
  /** It is to be closed: nothing that comes on it is looked at any more. */
  ended = false;
  private readonly resets: Allowance;
  private readonly registrations: Allowance;
  private linkBytes: () => number = () => 0;
  private lookAtMs: number;
  private lookEveryMs = LOOK_EVERY_MS_MIN;
  private pingedAtMs = 0;
  private writtenAtPing = 0;
  private readAtPing = 0;

  constructor(socket: Socket, nowMs: number, provisional: boolean, listener: ConnectionListener) {
    this.socket = socket;
    this.listener = listener;
    this.openedAtMs = nowMs;
    this.idleSinceMs = nowMs;
    this.lookAtMs = nowMs + LOOK_EVERY_MS_MIN;
    this.provisional = provisional;
    this.resets = new Allowance(RESETS_BURST, RESETS_PER_SECOND, nowMs);
    this.registrations = new Allowance(REGISTRATIONS_BURST, REGISTRATIONS_PER_SECOND, nowMs);
  }

  /** A peer said hello on it; `bytes`: what of its messages is not whole. */
  becamePeer(bytes: () => number): void {
    this.isPeer = true;
    this.used = true;
    this.provisional = false;
    this.linkBytes = bytes;
  }

  /** It makes the server hold so many bytes more. */
  grew(bytes: number): void {
    this.listener.grew(bytes);
  }

  /** One of its calls was ended. */
  callEnded(): void {
    this.listener.callEnded();
  }

  heldBytes(): number {
    let bytes = this.linkBytes();
    for (const stream of this.streams) bytes += stream.heldBytes;
    return bytes;
  }

  letGo(bytes: number): number {
    const streams = [...this.streams].sort((a, b) => b.heldBytes - a.heldBytes);
    let freed = 0;
    for (const stream of streams) {
      if (freed >= bytes) break;
      freed += stream.heldBytes;
      stream.end(
        'this connection makes the server hold more than any other, and the server holds all that -clientmemory allows',
      );
    }
    const linkBytes = this.linkBytes();
    if (freed < bytes && linkBytes > 0) {
      freed += linkBytes;
      this.callEnded();
      this.socket.destroy();
    }
    return freed;
  }

  /** Whether one more call may be abandoned. */
  mayReset(nowMs: number): boolean {
    this.resetCount++;
    return this.resets.use(nowMs);
  }

  /** Whether one more session may be registered. */
  mayRegister(nowMs: number): boolean {
    return this.registrations.use(nowMs);
  }

  /**
   * Whether the HTTP/2 session is over though nobody was told: nghttp2 stops for good at frames on streams that were never
   * opened, and node 20 then neither closes the session nor notices that the socket was closed. Such a session writes nothing
   * any more, not even a ping. Looks soon after the connection came, then less and less often.
   */
  isDead(nowMs: number): boolean {
    const { socket, session } = this;
    if (session === undefined || session.destroyed) return socket.destroyed;
    if (nowMs < this.lookAtMs) return false;
    if (this.pingedAtMs === 0) {
      this.pingedAtMs = nowMs;
      this.writtenAtPing = socket.bytesWritten;
      this.readAtPing = socket.bytesRead;
      try {
        session.ping(() => {});
        return false;
      } catch {
        return true;
      }
    }
    const waitedMs = nowMs - this.pingedAtMs;
    if (socket.bytesRead > this.readAtPing) {
      this.pingedAtMs = 0;
      this.lookEveryMs = Math.min(this.lookEveryMs * 2, LOOK_EVERY_MS_MAX);
      this.lookAtMs = nowMs + this.lookEveryMs;
      return false;
    }
    if (socket.bytesWritten > this.writtenAtPing) return waitedMs > PING_MS_MAX;
    // Answers that are not read may stand in front of the ping.
    return this.used ? waitedMs > SILENT_MS_MAX && !this.hasWaiting() : true;
  }

  private hasWaiting(): boolean {
    for (const { stream } of this.streams) if (stream.writableLength > 0) return true;
    return false;
  }

  /** Ends everything on it, and says why as far as HTTP/2 has words for it. */
  destroy(): void {
    const { session, socket } = this;
    if (session !== undefined && !session.destroyed) session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
    socket.destroy();
  }
}
