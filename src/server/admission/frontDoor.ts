import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { Allowance } from './allowance.ts';
import { Connection, type ConnectionListener, refuseStream, STREAM_BYTES, StreamAccount } from './connection.ts';
import { HeldMemory } from './heldMemory.ts';

/** How often connections are looked after. */
const SWEEP_MS = 250;
/** Connections on which no stream was opened yet, for all clients together; the oldest makes room for the next. */
const UNUSED_CONNECTIONS_MAX = 1024;
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
const PEER_PATHS = ['/rkvpeer.', '/gorums.'];
const COMPRESSED = 'requests are taken uncompressed only: what a compressed one takes in memory is not known before';

/** What the front door counts. */
export interface DoorCounts {
  readonly connectionsRefused: { inc(): void };
  readonly connectionsClosed: { inc(): void };
  readonly callsEnded: { inc(): void };
}

export interface FrontDoorOptions {
  readonly connectionsMax: number;
  /** Connections beyond connectionsMax that only peers may keep. */
  readonly peerConnections: number;
  readonly budgetBytes: number;
  /** Of a client's message; refused as soon as its length is known, before it takes memory. None: any length. */
  readonly messageBytesMax?: number;
  /** Bytes that clients make the server hold behind the door, in commands that are not answered. */
  readonly queuedBytes: () => number;
  readonly counts: DoorCounts;
  /** Something was refused or ended. */
  readonly report: (what: string) => void;
}

/**
 * Stands between the network and gRPC: the number of connections, what they make the server hold and what they make it do in
 * vain are bounded for all together, whoever is at the other end.
 */
export class FrontDoor implements ConnectionListener {
  readonly memory: HeldMemory;
  private readonly options: FrontDoorOptions;
  private readonly connections = new Set<Connection>();
  private readonly bySession = new WeakMap<ServerHttp2Session, Connection>();
  private readonly byPeer = new Map<string, Connection>();
  private readonly resets = new Allowance(RESETS_BURST, RESETS_PER_SECOND, performance.now());
  /** Until then, new connections are taken one after another: what was closed for abandoning calls comes back at once. */
  private slowUntilMs = 0;
  private nextAdmitMs = 0;
  private opening: StreamAccount | undefined;
  private readonly sweeper: NodeJS.Timeout;

  constructor(options: FrontDoorOptions) {
    this.options = options;
    this.memory = new HeldMemory(options.budgetBytes, () => this.connections, options.queuedBytes);
    this.sweeper = setInterval(() => this.sweep(performance.now()), SWEEP_MS);
    this.sweeper.unref();
  }

  /** Ends all connections. */
  close(): void {
    clearInterval(this.sweeper);
    for (const connection of this.connections) connection.destroy();
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** The stream whose handler is being called: gRPC calls a stream's handler while HTTP/2 announces it. */
  get openingStream(): StreamAccount | undefined {
    return this.opening;
  }

  /** The connection of a call, by its `getPeer()`. */
  connectionOf(peer: string): Connection | undefined {
    return this.byPeer.get(peer);
  }

  /** Whether an answer of so many bytes may be kept for a connection until it is read. */
  mayHold(connection: Connection | undefined, bytes: number): boolean {
    const share = this.memory.budgetBytes * CONNECTION_SHARE;
    // One answer that is larger than all of it is kept, too, where little else is.
    return connection === undefined || connection.heldBytes() + Math.min(bytes, share / 2) <= share;
  }

  grew(bytes: number): void {
    this.memory.grow(bytes);
  }

  callEnded(): void {
    this.options.counts.callsEnded.inc();
    this.options.report('ended a call for what it made the server hold');
  }

  /** A connection came; `handOn` makes it an HTTP/2 session of the server that is watched, or a peer's link, now or soon. */
  admit(socket: Socket, handOn: (connection: Connection) => void): void {
    const nowMs = performance.now();
    if (nowMs >= this.slowUntilMs) {
      this.take(socket, handOn, nowMs);
      return;
    }
    this.nextAdmitMs = Math.max(this.nextAdmitMs, nowMs) + SLOW_ADMIT_MS;
    const waitMs = this.nextAdmitMs - nowMs;
    socket.on('error', () => {});
    if (waitMs > SLOW_WAIT_MS_MAX) {
      this.nextAdmitMs -= SLOW_ADMIT_MS;
      this.options.counts.connectionsRefused.inc();
      refuseConnection(socket, 'connections are taken slowly while others abandon calls without end; try again later');
    } else setTimeout(() => socket.destroyed || this.take(socket, handOn, performance.now()), waitMs).unref();
  }

  private take(socket: Socket, handOn: (connection: Connection) => void, nowMs: number): void {
    const { connectionsMax, peerConnections } = this.options;
    if (this.connections.size >= connectionsMax) this.closeIdlest(nowMs);
    const provisional = this.connections.size >= connectionsMax;
    if (this.connections.size >= connectionsMax + peerConnections) {
      this.options.counts.connectionsRefused.inc();
      this.options.report(`refused a connection: ${connectionsMax} are open, as many as -maxconnections allows`);
      refuseConnection(socket, `${connectionsMax} connections are open, as many as this server takes`);
      return;
    }
    const connection = new Connection(socket, nowMs, provisional, this);
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.connections.add(connection);
    this.byPeer.set(peer, connection);
    socket.on('error', () => {});
    connection.onGone = () => {
      this.connections.delete(connection);
      if (this.byPeer.get(peer) === connection) this.byPeer.delete(peer);
    };
    socket.on('close', connection.onGone);
    handOn(connection);
    this.boundUnused();
  }

  /** Connections stand in the order in which they came. */
  private boundUnused(): void {
    if (this.connections.size <= UNUSED_CONNECTIONS_MAX) return;
    let unused = 0;
    let oldest: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.used) continue;
      oldest ??= connection;
      unused++;
    }
    if (unused > UNUSED_CONNECTIONS_MAX && oldest !== undefined)
      this.end(oldest, 'closed a connection without a request');
  }

  private closeIdlest(nowMs: number): void {
    let idlest: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.isPeer || connection.streams.size > 0 || nowMs - connection.idleSinceMs < IDLE_MS_MIN) continue;
      if (idlest === undefined || connection.idleSinceMs < idlest.idleSinceMs) idlest = connection;
    }
    if (idlest !== undefined) this.end(idlest, 'closed an idle connection to make room for another');
  }

  private end(connection: Connection, why: string): void {
    if (!this.connections.delete(connection)) return;
    connection.ended = true;
    this.options.counts.connectionsClosed.inc();
    this.options.report(why);
    // Not from inside of what HTTP/2 calls: to destroy a session while nghttp2 reads its frames aborts the process.
    setImmediate(() => connection.destroy());
  }

  /** To be called before connections come. */
  watch(server: Http2Server): void {
    server.prependListener('session', (session: ServerHttp2Session) => {
      const { remoteAddress, remotePort } = session.socket;
      const connection = this.byPeer.get(`${remoteAddress}:${remotePort}`);
      if (connection === undefined) return;
      connection.session = session;
      session.on('close', connection.onGone);
      this.bySession.set(session, connection);
      session.on('error', () => {});
    });
    const handlers = server.listeners('stream');
    server.removeAllListeners('stream');
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => {
      if (!this.streamOpened(stream, headers)) return;
      for (const handler of handlers) handler.call(server, stream, headers, flags);
      this.opening = undefined;
    });
  }

  /** Returns whether gRPC is to answer the stream. */
  private streamOpened(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const connection =
      stream.session === undefined ? undefined : this.bySession.get(stream.session as ServerHttp2Session);
    if (connection === undefined) return true;
    connection.used = true;
    stream.on('error', () => {});
    if (connection.ended) return false;
    const isForPeers = this.isForPeers(headers);
    if (connection.provisional && !isForPeers) {
      const { connectionsMax } = this.options;
      this.options.counts.connectionsRefused.inc();
      this.options.report(`refused a connection: ${connectionsMax} are open, as many as -maxconnections allows`);
      refuseStream(
        stream,
        status.RESOURCE_EXHAUSTED,
        `${connectionsMax} connections are open, as many as this server takes`,
      );
      connection.session?.close();
      return false;
    }
    connection.provisional = false;
    const encoding = headers['grpc-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      refuseStream(stream, status.UNIMPLEMENTED, COMPRESSED);
      return false;
    }
    const account = new StreamAccount(
      connection,
      stream,
      isForPeers ? Number.POSITIVE_INFINITY : (this.options.messageBytesMax ?? Number.POSITIVE_INFINITY),
    );
    connection.streams.add(account);
    this.opening = account;
    stream.on('data', (piece: Buffer) => account.received(piece));
    // The listener made it flow; gRPC decides when it reads.
    stream.pause();
    stream.on('close', () => this.streamClosed(account));
    this.memory.grow(STREAM_BYTES);
    return true;
  }

  private isForPeers(headers: IncomingHttpHeaders): boolean {
    const path = headers[':path'] as string | undefined;
    return path !== undefined && PEER_PATHS.some((prefix) => path.startsWith(prefix));
  }

  private streamClosed(account: StreamAccount): void {
    const { connection } = account;
    connection.streams.delete(account);
    const nowMs = performance.now();
    if (connection.streams.size === 0) connection.idleSinceMs = nowMs;
    if (!account.wasAbandoned) return;
    const hasRoom = this.resets.use(nowMs) || connection.resetCount < RESETS_IN_AN_ATTACK_MAX;
    if (!connection.mayReset(nowMs) || !hasRoom) {
      this.slowUntilMs = nowMs + SLOW_MS;
      this.end(connection, 'closed a connection that abandons calls without end');
    }
  }

  private sweep(nowMs: number): void {
    for (const connection of this.connections) {
      if (connection.isDead(nowMs)) this.end(connection, 'closed a connection whose HTTP/2 session was over');
      else if (connection.provisional && nowMs - connection.openedAtMs > PROVISIONAL_MS_MAX) {
        this.end(connection, 'closed a connection without a request');
      } else this.endStuck(connection, nowMs);
    }
    this.memory.count();
  }

  private endStuck(connection: Connection, nowMs: number): void {
    for (const account of connection.streams) {
      if (account.stuckMs(nowMs) <= STUCK_MS_MAX) continue;
      account.end(`the request was not completed, or its answer not read, for ${STUCK_MS_MAX / 1000} s`);
    }
  }
}

const FRAME_HEADER_BYTES = 9;
const SETTINGS_FRAME = 4;
const GOAWAY_FRAME = 7;
const ENHANCE_YOUR_CALM = 11;

/** Says why in HTTP/2's words, without making a session for it. */
function refuseConnection(socket: Socket, why: string): void {
  socket.on('error', () => {});
  const reason = Buffer.from(why);
  const frames = Buffer.alloc(FRAME_HEADER_BYTES * 2 + 8 + reason.length);
  frames[3] = SETTINGS_FRAME;
  frames.writeUIntBE(8 + reason.length, FRAME_HEADER_BYTES, 3);
  frames[FRAME_HEADER_BYTES + 3] = GOAWAY_FRAME;
  frames.writeUInt32BE(ENHANCE_YOUR_CALM, FRAME_HEADER_BYTES * 2 + 4);
  reason.copy(frames, FRAME_HEADER_BYTES * 2 + 8);
  socket.end(frames, () => socket.destroy());
}
