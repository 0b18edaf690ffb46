import type { Socket } from 'node:net';
import { ANYBODY, type Party } from '../../net/endpoints/security.ts';
import type { ConnectionGuard } from '../../net/grpc/method.ts';
import type { GrpcError } from '../../net/grpc/status.ts';
import type { Http2Connection } from '../../net/http2/connection.ts';
import { ErrorCode } from '../../net/http2/protocol.ts';
import { callFailure } from '../../wire/outcome.ts';
import { Allowance } from './allowance.ts';
import { addressOf, type Caller, callerOf } from './callers.ts';
import type { Holder } from './heldMemory.ts';
import { type Callable, whyNot } from './permissions.ts';

/** Calls that one connection may abandon at once, and how many a second more: each costs the server as much as an answered one. */
const RESETS_BURST = 200;
const RESETS_PER_SECOND = 100;
/** Sessions that one connection may register at once, and how many a second more. */
const REGISTRATIONS_BURST = 20_000;
const REGISTRATIONS_PER_SECOND = 100;
const TOO_MUCH =
  'this connection makes the server hold more than any other, and the server holds all that -clientmemory allows';

export interface ConnectionListener {
  grew(bytes: number): void;
  callEnded(connection: Connection): void;
  abandoned(connection: Connection): void;
  /** A request on it was refused for its size. */
  wasTooLarge(connection: Connection): void;
  /** Whoever is at the other end asked for what is not for him; `what` says so. */
  refusedCall(connection: Connection, what: string): void;
  gone(connection: Connection): void;
  /** Why a request is refused on a connection that came when only peers were let in. */
  refusesStranger(connection: Connection): GrpcError;
}

/** One connection: what it makes the server hold and do matters, whoever is at the other end; who that is decides about what may be asked on it. */
export class Connection implements Holder, ConnectionGuard {
  private current: Socket;
  /** A socket that is closed does not tell it any more. */
  private readonly address: string;
  readonly openedAtMs: number;
  private readonly listener: ConnectionListener;
  party: Party = ANYBODY;
  /** It came when only peers were let in, and has not shown that it is one. */
  provisional: boolean;
  /** Once it is known to speak that. */
  http2: Http2Connection | undefined;
  /** Something was asked on it. */
  used = false;
  /** A peer said hello on it. */
  isPeer = false;
  /** When something was last known to be going on, as of the last look. */
  idleSinceMs: number;
  resetCount = 0;
  private readonly resets: Allowance;
  private readonly registrations: Allowance;
  private linkBytes: () => number = () => 0;
  private readBytes = 0;
  private readAtMs: number;
  /** When the other end was last asked whether it is there. */
  private askedAtMs = 0;
  private writtenBytes = 0;
  private writtenAtMs: number;

  constructor(socket: Socket, nowMs: number, provisional: boolean, listener: ConnectionListener) {
    this.current = socket;
    this.address = addressOf(socket);
    this.listener = listener;
    this.openedAtMs = nowMs;
    this.idleSinceMs = nowMs;
    this.readAtMs = nowMs;
    this.writtenAtMs = nowMs;
    this.provisional = provisional;
    this.resets = new Allowance(RESETS_BURST, RESETS_PER_SECOND, nowMs);
    this.registrations = new Allowance(REGISTRATIONS_BURST, REGISTRATIONS_PER_SECOND, nowMs);
    socket.on('error', () => {});
    socket.on('close', () => this.listener.gone(this));
  }

  get caller(): Caller {
    return callerOf(this.address, this.party, this.isPeer);
  }

  get socket(): Socket {
    return this.current;
  }

  /** It is known who is at the other end, with whom this is spoken on from here on; the socket that came is still the one whose end counts. */
  secured(socket: Socket, party: Party): void {
    this.current = socket;
    this.party = party;
    socket.on('error', () => {});
  }

  /** A peer said hello on it: it is a link, and speaks no HTTP/2. `bytes`: what of its messages is not whole. */
  becamePeer(bytes: () => number): void {
    this.isPeer = true;
    this.used = true;
    this.provisional = false;
    this.linkBytes = bytes;
  }

  // For the calls on it.

  refusal(method: Callable | undefined): GrpcError | undefined {
    this.used = true;
    const notAllowed = method === undefined ? undefined : whyNot(this.party, method);
    if (notAllowed !== undefined) {
      this.listener.refusedCall(this, `refused ${method!.path}: ${notAllowed.details}`);
      return notAllowed;
    }
    if (!this.provisional) return undefined;
    if (method?.isForPeers === true) {
      this.provisional = false;
      return undefined;
    }
    // The refusal goes first.
    process.nextTick(() => this.http2?.leave());
    return this.listener.refusesStranger(this);
  }

  held(bytes: number): void {
    if (bytes > 0) this.listener.grew(bytes);
  }

  lettingGo(why: string): GrpcError {
    return callFailure('overloaded', why);
  }

  abandoned(): void {
    this.listener.abandoned(this);
  }

  wasTooLarge(): void {
    this.listener.wasTooLarge(this);
  }

  // For the door.

  heldBytes(): number {
    return this.http2?.heldBytes ?? this.linkBytes();
  }

  letGo(bytes: number): number {
    const { http2 } = this;
    if (http2 === undefined) return this.letGoOfLink();
    const before = http2.heldBytes;
    const freed = () => before - http2.heldBytes;
    const streams = [...http2.openStreams()].sort((a, b) => b.waitingBytes - a.waitingBytes);
    for (const stream of streams) {
      if (freed() >= bytes) return freed();
      this.listener.callEnded(this);
      stream.reader.letGo(TOO_MUCH);
    }
    // What is written and not read goes with the connection only.
    if (freed() < bytes) this.end(TOO_MUCH);
    return freed();
  }

  private letGoOfLink(): number {
    const bytes = this.linkBytes();
    if (bytes > 0) {
      this.listener.callEnded(this);
      this.socket.destroy();
    }
    return bytes;
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

  /** Whether it could be closed and nobody would miss an answer. */
  get isIdle(): boolean {
    return !this.isPeer && (this.http2?.streamCount ?? 0) === 0;
  }

  /**
   * Looks at what went on since the last time. Where nothing came for `silenceMsMax`, the other end is asked whether it is there, and given up
   * where it says nothing for as long. Returns why the connection is to be ended, if it is.
   */
  look(nowMs: number, stuckMsMax: number, silenceMsMax: number): string | undefined {
    const { socket, http2 } = this;
    if (!this.isIdle) this.idleSinceMs = nowMs;
    if (socket.bytesRead !== this.readBytes) {
      this.readBytes = socket.bytesRead;
      this.readAtMs = nowMs;
      this.idleSinceMs = nowMs;
    }
    const written = socket.bytesWritten - socket.writableLength;
    if (written !== this.writtenBytes || socket.writableLength === 0) {
      this.writtenBytes = written;
      this.writtenAtMs = nowMs;
    }
    if (nowMs - this.writtenAtMs > stuckMsMax) return 'closed a connection whose answers are not read';
    const silentMs = nowMs - this.readAtMs;
    if (http2 === undefined || silentMs <= silenceMsMax) return undefined;
    if (!http2.awaitsPong) {
      http2.ping();
      this.askedAtMs = nowMs;
    }
    // A server that was paused has asked nobody meanwhile, and has not read what came.
    const isGone = silentMs > 2 * silenceMsMax && nowMs - this.askedAtMs > silenceMsMax;
    return isGone ? 'closed a connection whose other end is gone' : undefined;
  }

  /** Ends everything on it, and says why as far as HTTP/2 has words for it: for what the other end did, unless `code` says otherwise. */
  end(why: string, code: ErrorCode = ErrorCode.EnhanceYourCalm): void {
    const { http2, socket } = this;
    if (http2 === undefined) socket.destroy();
    else {
      http2.end(code, why);
      socket.destroySoon();
    }
  }
}
