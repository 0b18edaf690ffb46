import { lookup } from 'node:dns/promises';
import http2, { type Http2Server, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { type Address, formatAddress } from '../../wire/addresses.ts';
import type { Connection } from '../admission/connection.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import { sniff } from './sniff.ts';
import type { UnaryCalls } from './unaryCalls.ts';

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/**
 * What HTTP/2 lets a stream bring ahead, and all streams of one connection together, before this side has read it. The
 * default of 64 KiB is 1.6 MB/s at a round trip of 40 ms; this is 100 MB/s.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * Streams that may be open at once: on one connection, about on all of them together, and on one of very many. What a client
 * has beyond that waits with the client; here it would stand before the peers' heartbeats. One client's are more than
 * are served at once (UNARY_OPEN_MAX), so that it is told when there are too many.
 */
const STREAMS_MAX = 4096;
const STREAMS_SHARED = 8192;
const STREAMS_MIN = 32;

/**
 * Where the gRPC server meets the network: it listens, and every connection becomes an HTTP/2 session with our settings.
 * grpc-js knows `grpc-node.flow_control_window` on its client side only and passes on no other setting of HTTP/2, so
 * the connections are taken here and handed to it.
 */
export class GrpcListener {
  private readonly grpc: GrpcServer;
  private readonly door: FrontDoor | undefined;
  private readonly calls: UnaryCalls | undefined;
  private readonly links: ((socket: Socket, connection?: Connection) => void) | undefined;
  private readonly listening: NetServer[] = [];
  private http2: Http2Server | undefined;
  private sessions = 0;

  /**
   * `door` decides which connections are taken, and watches over them; `calls` are served without grpc-js; `links` are our own
   * servers' connections, their preface taken off.
   */
  constructor(
    grpc: GrpcServer,
    door?: FrontDoor,
    calls?: UnaryCalls,
    links?: (socket: Socket, connection?: Connection) => void,
  ) {
    this.grpc = grpc;
    this.door = door;
    this.calls = calls;
    this.links = links;
  }

  /** Throws ListenError; nothing listens then. */
  async listen(address: Address): Promise<void> {
    const http2Server = this.createHttp2Server();
    this.http2 = http2Server;
    this.calls?.takeFrom(http2Server);
    // After those that answer: the door stands before them.
    this.door?.watch(http2Server);
    http2Server.on('session', (session: ServerHttp2Session) => this.sessionOpened(session));
    try {
      for (const host of await hostsOf(address)) this.listening.push(await this.listenOn({ ...address, host }));
    } catch (cause) {
      this.close();
      throw listenError(address, cause as Error);
    }
  }

  private listenOn({ host, port }: Address): Promise<NetServer> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => this.take(socket));
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        // A connection that could not be accepted ends nothing.
        server.on('error', () => {});
        resolve(server);
      });
    });
  }

  private sessionOpened(session: ServerHttp2Session): void {
    session.setLocalWindowSize(FLOW_CONTROL_WINDOW_BYTES);
    this.sessions++;
    session.on('close', () => this.sessions--);
    const share = Math.floor(STREAMS_SHARED / this.sessions);
    if (share < STREAMS_MAX) session.settings({ maxConcurrentStreams: Math.max(share, STREAMS_MIN) });
  }

  private take(socket: Socket): void {
    const toHttp2 = () => this.http2?.emit('connection', socket);
    const handOn = (connection?: Connection) => {
      const { links } = this;
      if (links === undefined) toHttp2();
      else sniff(socket, () => links(socket, connection), toHttp2);
    };
    if (this.door === undefined) handOn();
    else this.door.admit(socket, handOn);
  }

  /** The HTTP/2 server that grpc-js makes for injected connections, made with our settings. */
  private createHttp2Server(): Http2Server {
    const { createServer } = http2;
    let made: Http2Server | undefined;
    http2.createServer = ((options: ServerOptions) => {
      const windows = { initialWindowSize: FLOW_CONTROL_WINDOW_BYTES, maxConcurrentStreams: STREAMS_MAX };
      const settings = { ...options.settings, ...windows };
      made = createServer({ ...options, settings });
      return made;
    }) as typeof createServer;
    try {
      this.grpc.createConnectionInjector(ServerCredentials.createInsecure());
    } finally {
      http2.createServer = createServer;
    }
    if (made === undefined) throw new Error('grpc-js made no HTTP/2 server: its settings would be the default ones');
    return made;
  }

  /** Takes no more connections; those there are belong to the gRPC server. */
  close(): void {
    for (const server of this.listening.splice(0)) server.close();
  }
}

/** A name may stand for several addresses, as localhost does. */
async function hostsOf({ host }: Address): Promise<string[]> {
  return [...new Set((await lookup(host, { all: true })).map(({ address }) => address))];
}

export function listenError(address: Address, cause: Error & { code?: string }): ListenError {
  const why = cause.code === 'EADDRINUSE' ? 'another process listens there' : cause.message;
  return new ListenError(`cannot listen on ${formatAddress(address)}: ${why}`, { cause });
}
