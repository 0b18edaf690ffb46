import { connect, createServer, type Server, type Socket } from 'node:net';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { Address } from './addresses.ts';

/**
 * How connections between processes are secured, at both ends. Nobody is authenticated and nothing is encrypted: the network has to be
 * trusted (docs/operations.md). Whatever reaches another process does so by these three, so that mutual TLS is a
 * matter of what they return.
 */

/** A socket that may be written to at once; it tells of its errors and its end as any socket does. */
export function dial({ host, port }: Address): Socket {
  return connect({ host, port, noDelay: true });
}

/** Of the dialling end of gRPC. */
export function channelCredentials(): ChannelCredentials {
  return credentials.createInsecure();
}

/** The other end of both, still to be told where to listen. `taken` gets each connection once both ends may speak. */
export function newListener(taken: (socket: Socket) => void): Server {
  return createServer({ noDelay: true }, taken);
}
