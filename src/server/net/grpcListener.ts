import { lookup } from 'node:dns/promises';
import http2, { type Http2Server, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { type Address, formatAddress } from '../../wire/addresses.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';

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
 * Where the gRPC server meets the network: it listens, and every connection becomes an HTTP/2 session with our settings.
 * grpc-js knows `grpc-node.flow_control_window` on its client side only and passes on no other setting of HTTP/2, so
 * the connections are taken here and handed to it.
 */
export class GrpcListener {
  private readonly grpc: GrpcServer;
  private readonly door: FrontDoor | undefined;
  private readonly listening: NetServer[] = [];
  private http2: Http2Server | undefined;

  /** `door` decides which connections are taken, and watches over them. */
  constructor(grpc: GrpcServer, door?: FrontDoor) {
    this.grpc = grpc;
    this.door = door;
  }

  /** Throws ListenError; nothing listens then. */
  async listen(address: Address): Promise<void> {
    const http2Server = this.createHttp2Server();
    this.http2 = http2Server;
    this.door?.watch(http2Server);
    http2Server.on('session', (session: ServerHttp2Session) => session.setLocalWindowSize(FLOW_CONTROL_WINDOW_BYTES));
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

  private take(socket: Socket): void {
    const handOn = () => this.http2?.emit('connection', socket);
    if (this.door === undefined) handOn();
    else this.door.admit(socket, handOn);
  }

  /** The HTTP/2 server that grpc-js makes for injected connections, made with our settings. */
  private createHttp2Server(): Http2Server {
    const { createServer } = http2;
    let made: Http2Server | undefined;
    http2.createServer = ((options: ServerOptions) => {
      const settings = { ...options.settings, initialWindowSize: FLOW_CONTROL_WINDOW_BYTES };
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
