import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import type { Address } from './addresses.ts';
import type { Holder } from './holder.ts';

/** Who is at the other end of a connection. */
export type Party =
  /** Without TLS nobody can tell. */
  | { readonly kind: 'anybody' }
  | { readonly kind: 'holder'; readonly holder: Holder }
  /** With TLS, what has no certificate that counts: it is told `why`, and nothing else. */
  | { readonly kind: 'stranger'; readonly why: string };

export const ANYBODY: Party = { kind: 'anybody' };

/**
 * How connections between processes are secured, at both ends. Whatever reaches another process does so by these, so that this and
 * tlsSecurity.ts are all there is to know about it.
 */
export interface Security {
  readonly isTls: boolean;
  /**
   * A socket that may be written to at once; it tells of its errors and its end as any socket does. `serverId`: the server that has to be
   * there, where it must not be another one of the cluster.
   */
  dial(address: Address, serverId?: number): Socket;
  /** Of the dialling end of gRPC. */
  channelCredentials(serverId?: number): ChannelCredentials;
  /** That a channel of these needs. */
  readonly channelOptions: ChannelOptions;
  /** The other end of both, still to be told where to listen. `taken` gets each connection as it comes. */
  newListener(taken: (socket: Socket) => void): Server;
  /**
   * At the listening end: `secured` gets what is to be read and written instead, once it is known who is there. Where TLS cannot be agreed on
   * `failed` is told why, and the socket is closed.
   */
  secure(socket: Socket, secured: (socket: Socket, party: Party) => void, failed: (why: string) => void): void;
  /** For what speaks HTTP: who has no certificate that counts is answered 403. */
  newHttpServer(handler: RequestListener): HttpServer;
}

/** Nobody is authenticated and nothing is encrypted: the network has to be trusted (docs/security.md). */
export const NO_SECURITY: Security = {
  isTls: false,
  dial: ({ host, port }) => connect({ host, port, noDelay: true }),
  channelCredentials: () => credentials.createInsecure(),
  channelOptions: {},
  newListener: (taken) => createServer({ noDelay: true }, taken),
  secure: (socket, secured) => secured(socket, ANYBODY),
  newHttpServer: (handler) => createHttpServer(handler),
};

/** Runs `then` once a socket that was dialled may speak to whom it is meant for. */
export function onceConnected(socket: Socket, then: () => void): void {
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', then);
}
