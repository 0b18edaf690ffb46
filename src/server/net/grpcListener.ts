import { lookup } from 'node:dns/promises';
import type { Server as NetServer, Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import type { Security } from '../../net/endpoints/security.ts';
import { HANDSHAKE_RECORD } from '../../net/endpoints/tlsSecurity.ts';
import type { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { Connection } from '../admission/connection.ts';
import { type FrontDoor, refuseConnection } from '../admission/frontDoor.ts';
import { refuseLink } from '../transport/acceptedLink.ts';
import { farewell } from './farewell.ts';
import { refuseFirstCall } from './lastWords.ts';
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
const NO_HTTP_1 = 'This port speaks gRPC, over HTTP/2 without TLS.\n';
const NO_HTTP_1_TLS = 'This port speaks gRPC, over HTTP/2 with TLS.\n';
const NO_TLS = 'it speaks TLS, and this server was started without (-tls-cert, -tls-key, -tls-ca)';

/** Where the server meets the network: it listens, the door decides which connections are taken, and what is spoken on them by their first
 * bytes. */
export class GrpcListener {
  private readonly grpc: GrpcServer;
  private readonly door: FrontDoor;
  private readonly links: (socket: Socket, connection: Connection) => void;
  private readonly security: Security;
  private readonly listening: NetServer[] = [];
  /** Came while connections are taken slowly, and have not told yet what they speak; in the order in which they came. */
  private readonly unknown = new Set<Socket>();

  /** `links` takes our own servers' connections, their preface taken off; those of strangers excepted, who are told so. */
  constructor(
    grpc: GrpcServer,
    door: FrontDoor,
    security: Security,
    links: (socket: Socket, connection: Connection) => void,
  ) {
    this.grpc = grpc;
    this.door = door;
    this.security = security;
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
      const server = this.security.newListener((socket) => this.take(socket));
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
      // A handshake counts as the connection that may come of it.
      const handOn = (connection: Connection) =>
        this.security.secure(
          socket,
          (secured, party) => {
            connection.secured(secured, party);
            sniff(
              secured,
              () => this.link(secured, connection),
              (beginning) => this.speak(connection, beginning),
            );
          },
          (why) => this.noTls(socket, why),
        );
      this.door.admit(socket, handOn, !this.security.isTls);
    }
  }

  /** A peer's link does not wait for what others did over HTTP/2. */
  private lookBeforeAdmitting(socket: Socket): void {
    const { unknown } = this;
    const known = () => unknown.delete(socket);
    unknown.add(socket);
    socket.on('close', known);
    this.security.secure(
      socket,
      (secured, party) => {
        const told = (connection: Connection) => connection.secured(secured, party);
        sniff(
          secured,
          () => {
            known();
            this.door.admitAtOnce(secured, (connection) => {
              told(connection);
              this.link(secured, connection);
            });
          },
          (beginning) => {
            known();
            this.door.admit(secured, (connection) => {
              told(connection);
              this.speak(connection, beginning);
            });
          },
        );
      },
      (why) => this.noTls(socket, why),
    );
    // A peer speaks at once, so who has said nothing for longest is none.
    if (unknown.size > UNKNOWN_MAX) unknown.values().next().value?.destroy();
  }

  private link(socket: Socket, connection: Connection): void {
    const { party } = connection;
    if (party.kind !== 'stranger') {
      this.links(socket, connection);
      return;
    }
    this.door.turnedAway(socket, party.why);
    refuseLink(socket, { code: status.FAILED_PRECONDITION, details: party.why, reason: '' });
  }

  private noTls(socket: Socket, why: string): void {
    this.door.turnedAway(socket, `TLS could not be agreed on: ${why}`);
  }

  private speak(connection: Connection, beginning: Buffer | undefined): void {
    const { party, socket } = connection;
    const isHttp1 = beginning !== undefined && HTTP_1.test(beginning.toString('latin1', 0, 8));
    const isTlsInVain = beginning?.[0] === HANDSHAKE_RECORD && !this.security.isTls;
    const why = party.kind === 'stranger' ? party.why : isTlsInVain ? NO_TLS : undefined;
    if (why !== undefined) this.door.turnedAway(socket, why);
    if (isHttp1) {
      const text = why === undefined ? (this.security.isTls ? NO_HTTP_1_TLS : NO_HTTP_1) : `${why}\n`;
      farewell(socket, http1Answer(text), LINGER_MS);
    } else if (isTlsInVain) refuseConnection(socket, NO_TLS);
    else if (why !== undefined) refuseFirstCall(socket, { code: status.UNAUTHENTICATED, details: why });
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

function http1Answer(text: string): string {
  return (
    'HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Type: text/plain\r\n' +
    `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  );
}
