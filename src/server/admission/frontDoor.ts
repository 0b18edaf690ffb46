import type { Socket } from 'node:net';
import { ANYBODY } from '../../net/endpoints/security.ts';
import type { ConnectionGuard } from '../../net/grpc/method.ts';
import type { GrpcError } from '../../net/grpc/status.ts';
import { frameBytes, goAwayPayload } from '../../net/http2/frame.ts';
import { ErrorCode, FrameType } from '../../net/http2/protocol.ts';
import { callFailure } from '../../wire/outcome.ts';
import { Allowance } from './allowance.ts';
import { addressOf, type Caller, Callers, type CallersReport, callerOf, type OpenSession } from './callers.ts';
import { Connection, type ConnectionListener } from './connection.ts';
import { HeldMemory } from './heldMemory.ts';

/** How often connections are looked after. */
const SWEEP_MS = 250;
/** A connection without a stream may be closed for another's sake once it was idle for this long. */
const IDLE_MS_MIN = 1000;
/** What came when only peers are let in has this long to show that it is one. */
const PROVISIONAL_MS_MAX = 2000;
/** A request that is not completed, or an answer that is not read, for this long is ended. */
const STUCK_MS_MAX = 30_000;
/** One connection may make the server hold this part of the budget. */
const CONNECTION_SHARE = 1 / 4;
/** Calls that all connections together may abandon at once, and how many a second more; beyond that each may abandon a few. */
const RESETS_BURST = 2000;
const RESETS_PER_SECOND = 500;
const RESETS_IN_AN_ATTACK_MAX = 20;
/** How long after such a connection was closed new ones are taken slowly, how slowly, and how long one waits at most. */
const SLOW_MS = 5000;
const SLOW_ADMIT_MS = 100;
const SLOW_WAIT_MS_MAX = 2000;

/** What the front door counts. */
export interface DoorCounts {
  readonly connectionsRefused: { inc(): void };
  readonly connectionsClosed: { inc(): void };
  readonly callsEnded: { inc(): void };
  readonly requestsTooLarge: { inc(): void };
}

export interface FrontDoorOptions {
  readonly connectionsMax: number;
  /** Connections beyond connectionsMax that only peers may keep. */
  readonly peerConnections: number;
  readonly budgetBytes: number;
  /** Connections on which nothing was asked yet, for all clients together; the oldest makes room for the next. */
  readonly unusedMax: number;
  /** Where nothing came for so long, the other end is asked whether it is there. */
  readonly silenceMsMax: number;
  /** Bytes that clients make the server hold behind the door, in commands that are not answered. */
  readonly queuedBytes: () => number;
  readonly counts: DoorCounts;
  /** Something was refused or ended; whose it was, where `what` does not say that. */
  readonly report: (what: string, whose?: Caller) => void;
}

/**
 * Stands between the network and gRPC: the number of connections, what they make the server hold and what they make it do in
 * vain are bounded for all together, whoever is at the other end.
 */
export class FrontDoor implements ConnectionListener {
  readonly memory: HeldMemory;
  private readonly options: FrontDoorOptions;
  private readonly connections = new Set<Connection>();
  private readonly callers = new Callers();
  private readonly resets = new Allowance(RESETS_BURST, RESETS_PER_SECOND, performance.now());
  /** Until then, new connections are taken one after another: what was closed for abandoning calls comes back at once. */
  private slowUntilMs = 0;
  private nextAdmitMs = 0;
  /** What connections have grown by in this turn. */
  private grownBytes = 0;
  private readonly sweeper: NodeJS.Timeout;

  constructor(options: FrontDoorOptions) {
    this.options = options;
    this.memory = new HeldMemory(options.budgetBytes, () => this.connections, options.queuedBytes);
    this.sweeper = setInterval(() => this.sweep(performance.now()), SWEEP_MS);
    this.sweeper.unref();
  }

  /** Ends all connections. It is nobody's fault: what was asked on them may be asked elsewhere. */
  close(): void {
    clearInterval(this.sweeper);
    for (const connection of this.connections) connection.end('the server stops', ErrorCode.NoError);
  }

  get connectionsMax(): number {
    return this.options.connectionsMax;
  }

  /** Connections on which nothing was asked yet. */
  get unusedCount(): number {
    let unused = 0;
    for (const { used } of this.connections) if (!used) unused++;
    return unused;
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Who takes what, the `most` that take most by name. */
  callersReport(sessions: Iterable<OpenSession<Connection>>, most: number): CallersReport {
    return this.callers.report(this.connections, sessions, most);
  }

  /** The connection of a call; undefined where it is not one of this door's. */
  connectionOf({
    connection: { guard },
  }: {
    readonly connection: { readonly guard: ConnectionGuard };
  }): Connection | undefined {
    return guard instanceof Connection ? guard : undefined;
  }

  /** Whether an answer of so many bytes may be kept for a connection until it is read. */
  mayHold(connection: Connection | undefined, bytes: number): boolean {
    const share = this.memory.budgetBytes * CONNECTION_SHARE;
    // One answer that is larger than all of it is kept, too, where little else is.
    const counted = Math.min(bytes, share / 2);
    if (connection !== undefined && connection.heldBytes() + counted > share) return false;
    // Asked before an answer is made: thousands of lookups are answered in one turn, before anybody can be let go.
    return this.memory.hasRoomFor(this.grownBytes + counted);
  }

  /** Who is let go is let go once what grew is done with what it does. */
  grew(bytes: number): void {
    if (this.grownBytes === 0) {
      process.nextTick(() => {
        const grown = this.grownBytes;
        this.grownBytes = 0;
        this.memory.grow(grown);
      });
    }
    this.grownBytes += bytes;
  }

  callEnded({ caller }: Connection): void {
    this.options.counts.callsEnded.inc();
    this.refuses(caller, 'ended a call for what it made the server hold');
  }

  wasTooLarge({ caller }: Connection): void {
    this.options.counts.requestsTooLarge.inc();
    this.refuses(caller, 'refused a request for its size');
  }

  refusedCall({ caller }: Connection, what: string): void {
    this.refuses(caller, what);
  }

  private refuses(caller: Caller, what: string): void {
    this.callers.noteRefusal(caller);
    this.options.report(what, caller);
  }

  /** Whether connections are taken slowly: a little earlier one was closed for abandoning calls without end. */
  isSlow(nowMs: number): boolean {
    return nowMs < this.slowUntilMs;
  }

  /**
   * A connection came; where it is taken, `handOn` begins to serve it, now or soon. `maySpeak`: whether what is refused can be told why, which
   * has to wait for a handshake otherwise.
   */
  admit(socket: Socket, handOn: (connection: Connection) => void, maySpeak = true): void {
    const nowMs = performance.now();
    if (!this.isSlow(nowMs)) {
      this.take(socket, handOn, nowMs, maySpeak);
      return;
    }
    this.nextAdmitMs = Math.max(this.nextAdmitMs, nowMs) + SLOW_ADMIT_MS;
    const waitMs = this.nextAdmitMs - nowMs;
    socket.on('error', () => {});
    if (waitMs > SLOW_WAIT_MS_MAX) {
      this.nextAdmitMs -= SLOW_ADMIT_MS;
      this.options.counts.connectionsRefused.inc();
      this.refuses(strangerAt(socket), 'refused a connection: they are taken slowly');
      refuseConnection(socket, 'connections are taken slowly while others abandon calls without end; try again later');
    } else setTimeout(() => socket.destroyed || this.take(socket, handOn, performance.now()), waitMs).unref();
  }

  /** A connection is not one of those that are taken slowly: it speaks what calls cannot be abandoned in. */
  admitAtOnce(socket: Socket, handOn: (connection: Connection) => void): void {
    this.take(socket, handOn, performance.now());
  }

  private take(socket: Socket, handOn: (connection: Connection) => void, nowMs: number, maySpeak = true): void {
    const { connectionsMax, peerConnections } = this.options;
    if (this.connections.size >= connectionsMax) this.closeIdlest(nowMs);
    const provisional = this.connections.size >= connectionsMax;
    if (this.connections.size >= connectionsMax + peerConnections) {
      const why = this.refusesOneMore(strangerAt(socket));
      if (maySpeak) refuseConnection(socket, why);
      else socket.destroy();
      return;
    }
    const connection = new Connection(socket, nowMs, provisional, this);
    this.connections.add(connection);
    handOn(connection);
    this.boundUnused();
  }

  /** Connections stand in the order in which they came. */
  private boundUnused(): void {
    const { unusedMax } = this.options;
    if (this.connections.size <= unusedMax || this.unusedCount <= unusedMax) return;
    for (const connection of this.connections) {
      if (connection.used) continue;
      this.end(connection, 'closed a connection without a request: there are more than -maxunused allows');
      return;
    }
  }

  private closeIdlest(nowMs: number): void {
    let idlest: Connection | undefined;
    for (const connection of this.connections) {
      if (!connection.isIdle || nowMs - connection.idleSinceMs < IDLE_MS_MIN) continue;
      if (idlest === undefined || connection.idleSinceMs < idlest.idleSinceMs) idlest = connection;
    }
    if (idlest !== undefined) this.end(idlest, 'closed an idle connection to make room for another');
  }

  private end(connection: Connection, why: string): void {
    if (!this.connections.delete(connection)) return;
    this.options.counts.connectionsClosed.inc();
    this.options.report(why, connection.caller);
    connection.end(why);
  }

  gone(connection: Connection): void {
    this.connections.delete(connection);
  }

  /** Whoever is at the other end is told that he is not let in. */
  turnedAway(socket: Socket, why: string): void {
    const { remoteAddress, remotePort } = socket;
    this.options.counts.connectionsRefused.inc();
    this.callers.noteRefusal(strangerAt(socket));
    this.options.report(`refused a connection from ${remoteAddress}:${remotePort}: ${why}`);
  }

  refusesStranger({ caller }: Connection): GrpcError {
    return callFailure('overloaded', this.refusesOneMore(caller));
  }

  /** Returns why, for the other end. */
  private refusesOneMore(caller: Caller): string {
    const { connectionsMax, counts } = this.options;
    counts.connectionsRefused.inc();
    this.refuses(caller, `refused a connection: ${connectionsMax} are open, as many as -maxconnections allows`);
    return `${connectionsMax} connections are open, as many as this server takes`;
  }

  abandoned(connection: Connection): void {
    const nowMs = performance.now();
    const hasRoom = this.resets.use(nowMs) || connection.resetCount < RESETS_IN_AN_ATTACK_MAX;
    if (connection.mayReset(nowMs) && hasRoom) return;
    this.slowUntilMs = nowMs + SLOW_MS;
    this.callers.noteRefusal(connection.caller);
    this.end(connection, 'closed a connection that abandons calls without end');
  }

  /** Ends those connections of which `why` says why. */
  endWhere(why: (socket: Socket) => string | undefined): void {
    for (const connection of this.connections) {
      const reason = why(connection.socket);
      if (reason === undefined) continue;
      this.callers.noteRefusal(connection.caller);
      this.end(connection, `closed a connection: ${reason}`);
    }
  }

  private sweep(nowMs: number): void {
    for (const connection of this.connections) {
      const why =
        connection.provisional && nowMs - connection.openedAtMs > PROVISIONAL_MS_MAX
          ? 'closed a connection without a request'
          : connection.look(nowMs, STUCK_MS_MAX, this.options.silenceMsMax);
      if (why === undefined) this.endStuck(connection, nowMs);
      else this.end(connection, why);
    }
    this.memory.count();
  }

  private endStuck(connection: Connection, nowMs: number): void {
    for (const stream of connection.http2?.openStreams() ?? []) {
      if (stream.stuckMs(nowMs) <= STUCK_MS_MAX) continue;
      this.callEnded(connection);
      stream.reader.letGo(`the request was not completed, or its answer not read, for ${STUCK_MS_MAX / 1000} s`);
    }
  }
}

/** Who is there before he has shown anything. */
function strangerAt(socket: Socket): Caller {
  return callerOf(addressOf(socket), ANYBODY, false);
}

/** Says why in HTTP/2's words, without making a session for it. */
export function refuseConnection(socket: Socket, why: string): void {
  socket.on('error', () => {});
  const goAway = frameBytes(FrameType.GoAway, 0, 0, goAwayPayload(0, ErrorCode.EnhanceYourCalm, why));
  socket.end(Buffer.concat([frameBytes(FrameType.Settings, 0, 0), goAway]), () => socket.destroy());
}
