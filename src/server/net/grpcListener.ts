import { lookup } from 'node:dns/promises';
import type { Server as NetServer, Socket } from 'node:net';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import { newListener } from '../../net/endpoints/security.ts';
import type { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { Connection } from '../admission/connection.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import { farewell } from './farewell.ts';
import { sniff } from './sniff.ts';

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** Another process has it. */
  readonly isInUse: boolean;
  constructor(message: string, cause: NodeJS.ErrnoException) {
    super(message, { cause });
    this.isInUse = cause.code === 'EADDRINUSE';
  }
}

/**
 * Streams that may be open at once: on one connection, about on all of them together, and on one of very many. What a client
 * has beyond that waits with the client; here it would stand before the peers' heartbeats. One client's are more than
 * are served at once (UNARY_OPEN_MAX), so that it is told when there are too many.
 */
const STREAMS_MAX = 4096;
const STREAMS_SHARED = 8192;
const STREAMS_MIN = 32;

/** Connections that may be waited for to say what they speak while others are taken slowly: they are counted nowhere else. */
const UNKNOWN_MAX = 64;

/** A browser, or curl: it would take frames for garbage. */
const HTTP_1 = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /;
/** How long it has to read that, and to close the connection. */
const LINGER_MS = 500;
const NO_HTTP_1_TEXT = 'This port speaks gRPC, over HTTP/2 without TLS.\n';
const NO_HTTP_1 =
  'HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Type: text/plain\r\n' +
  `Content-Length: ${NO_HTTP_1_TEXT.length}\r\n\r\n${NO_HTTP_1_TEXT}`;

/** Where the server meets the network: it listens, the door decides which connections are taken, and what is spoken on them by their first
 * bytes. */
export class GrpcListener {
  private readonly grpc: GrpcServer;
  private readonly door: FrontDoor;
  private readonly links: (socket: Socket, connection: Connection) => void;
  private readonly listening: NetServer[] = [];
  /** Came while connections are taken slowly, and have not told yet what they speak; in the order in which they came. */
  private readonly unknown = new Set<Socket>();

  /** `links` takes our own servers' connections, their preface taken off. */
  constructor(grpc: GrpcServer, door: FrontDoor, links: (socket: Socket, connection: Connection) => void) {
    this.grpc = grpc;
    this.door = door;
    this.links = links;
  }

  /** Throws ListenError; nothing listens then. */
  async listen(address: Address): Promise<void> {
    try {
      for (const host of await hostsOf(address)) this.listening.push(await this.listenOn({ ...address, host }));
    } catch (cause) {
      this.close();
      throw listenError(address, cause as Error);
    }
  }

  private listenOn({ host, port }: Address): Promise<NetServer> {
    return new Promise((resolve, reject) => {
      const server = newListener((socket) => this.take(socket));
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
    if (this.door.isSlow(performance.now())) this.lookBeforeAdmitting(socket);
    else {
      this.door.admit(socket, (connection) => {
        sniff(
          socket,
          () => this.links(socket, connection),
          (beginning) => this.speak(connection, beginning),
        );
      });
    }
  }

  /** A peer's link does not wait for what others did over HTTP/2. */
  private lookBeforeAdmitting(socket: Socket): void {
    const { unknown } = this;
    const known = () => unknown.delete(socket);
    unknown.add(socket);
    socket.on('close', known);
    sniff(
      socket,
      () => {
        known();
        this.door.admitAtOnce(socket, (connection) => this.links(socket, connection));
      },
      (beginning) => {
        known();
        this.door.admit(socket, (connection) => this.speak(connection, beginning));
      },
    );
    // A peer speaks at once, so who has said nothing for longest is none.
    if (unknown.size > UNKNOWN_MAX) unknown.values().next().value?.destroy();
  }

  private speak(connection: Connection, beginning: Buffer | undefined): void {
    if (beginning !== undefined && HTTP_1.test(beginning.toString('latin1', 0, 8)))
      farewell(connection.socket, NO_HTTP_1, LINGER_MS);
    else this.speakGrpc(connection);
  }

  private speakGrpc(connection: Connection): void {
    const share = Math.floor(STREAMS_SHARED / this.door.connectionCount);
    const streamsMax = Math.min(STREAMS_MAX, Math.max(STREAMS_MIN, share));
    connection.http2 = this.grpc.accept(connection.socket, connection, streamsMax);
  }

  /** Takes no more connections; those that are there belong to the door. */
  close(): void {
    for (const socket of this.unknown) socket.destroy();
    for (const server of this.listening.splice(0)) server.close();
  }
}

/** A name may stand for several addresses, as localhost does. */
async function hostsOf({ host }: Address): Promise<string[]> {
  return [...new Set((await lookup(host, { all: true })).map(({ address }) => address))];
}

export function listenError(address: Address, cause: Error & { code?: string }): ListenError {
  const why = cause.code === 'EADDRINUSE' ? 'another process listens there' : cause.message;
  return new ListenError(`cannot listen on ${formatAddress(address)}: ${why}`, cause);
}
