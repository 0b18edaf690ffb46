import { Client, status as GrpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type ClientClass, clientChannelOptions, openChannel } from '../net/endpoints/channels.ts';
import { NO_SECURITY, type Security } from '../net/endpoints/security.ts';
import { AdminClient, type SnapshotPiece } from '../wire/generated/admin.ts';
import { ReconfType, RKVClient } from '../wire/generated/rkv.ts';
import { GRPC_MESSAGE_BYTES_DEFAULT } from '../wire/limits.ts';
import { type FailedCall, leaderInCall } from '../wire/outcome.ts';
import { refusalOfCall } from '../wire/requestRefusal.ts';
import { SESSION_METHOD } from '../wire/sessionCodec.ts';
import type { ClientEnvironment } from './environment.ts';
import { RefusedError, ServerUnreachableError, UnsupportedError } from './errors.ts';
import { grpcReason } from './grpcReason.ts';
import { SessionStream } from './sessionStream.ts';
import type { Transport } from './transport.ts';
import { UnaryLink } from './unaryLink.ts';

export interface GrpcTransportOptions {
  /** How commands travel: on one session stream, or as unary calls as the Go clients make them. */
  readonly rpc: 'stream' | 'unary';
  readonly environment: ClientEnvironment;
  /** Told once, for people: a server does not know session streams. */
  readonly notice?: (text: string) => void;
  /** Largest answer taken, bytes; default GRPC_MESSAGE_BYTES_DEFAULT. */
  readonly messageBytesMax?: number;
  /** Default: none. */
  readonly security?: Security;
}

const RECONF_METHOD = 'rkvpb.RKV/Reconf';
const REGISTER_METHOD = 'rkvpb.RKV/Register';
const TRANSFER_METHOD = 'rkvadmin.Admin/TransferLeadership';
const SNAPSHOT_METHOD = 'rkvadmin.Admin/SaveSnapshot';
const STAGES_METHOD = 'rkvadmin.Admin/MeasureStages';
const CLIENTS_METHOD = 'rkvadmin.Admin/ListClients';
/** How long a server that did not know session streams is asked by unary calls before a stream is tried again. */
const STREAM_RETRY_MS = 30_000;

/** The real network: gRPC, each link on a connection of its own. */
export function grpcTransport({
  rpc,
  environment,
  notice = () => {},
  messageBytesMax = GRPC_MESSAGE_BYTES_DEFAULT,
  security = NO_SECURITY,
}: GrpcTransportOptions): Transport {
  const options = clientChannelOptions(messageBytesMax);
  const open = new Set<Client>();
  /** Servers that did not know session streams, and when that was to be seen; by the environment's clock, ms. */
  const unaryOnly = new Map<string, number>();
  function speaksUnaryOnly(address: string): boolean {
    const seenMs = unaryOnly.get(address);
    if (seenMs === undefined) return false;
    // By then one of ours may have taken its place.
    if (environment.nowMs() - seenMs < STREAM_RETRY_MS) return true;
    unaryOnly.delete(address);
    return false;
  }
  let noticed = false;
  function noteUnaryOnly(address: string): void {
    unaryOnly.set(address, environment.nowMs());
    if (!noticed) notice(`${new UnsupportedError(address, 'rkvpb.RKV/Session').message}; using unary calls there`);
    noticed = true;
  }
  /** Runs one unary call on a connection of its own. */
  function once<C extends Client, R>(
    clientClass: ClientClass<C>,
    address: string,
    method: string,
    timeoutMs: number,
    call: (client: C, done: (error: ServiceError | null, response: R) => void) => void,
  ): Promise<R> {
    const client = openChannel(clientClass, address, options, security);
    open.add(client);
    return new Promise((resolve, reject) => {
      call(client, (error, response) => {
        open.delete(client);
        client.close();
        if (error === null) resolve(response);
        else reject(unaryError(address, method, timeoutMs, error));
      });
    });
  }
  const within = (timeoutMs: number) => ({ deadline: Date.now() + Math.ceil(timeoutMs) });

  return {
    open(address, listener) {
      const client =
        rpc === 'stream' && !speaksUnaryOnly(address)
          ? openChannel(Client, address, options, security)
          : openChannel(RKVClient, address, options, security);
      open.add(client);
      const release = () => {
        open.delete(client);
        client.close();
      };
      if (client instanceof RKVClient) return new UnaryLink(address, client, release, listener, environment);
      const { path, requestSerialize, responseDeserialize } = SESSION_METHOD;
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      // Ahead of the link, which opens another one when it hears of it.
      call.on('error', ({ code }: ServiceError) => {
        if (code === GrpcStatus.UNIMPLEMENTED) noteUnaryOnly(address);
      });
      return new SessionStream(address, call, release, listener, environment);
    },
    status: (address, timeoutMs) =>
      once(AdminClient, address, 'rkvadmin.Admin/Status', timeoutMs, (client, done) => {
        client.status({}, new Metadata(), within(timeoutMs), done);
      }),
    measureStages: (address, lastsMs, timeoutMs) =>
      once(AdminClient, address, STAGES_METHOD, timeoutMs, (client, done) => {
        client.measureStages({ lastsMs }, new Metadata(), within(timeoutMs), done);
      }),
    listClients: (address, most, timeoutMs) =>
      once(AdminClient, address, CLIENTS_METHOD, timeoutMs, (client, done) => {
        client.listClients({ most }, new Metadata(), within(timeoutMs), done);
      }),
    reconfigure: (address, { change, serverId, waitForLeadership }, timeoutMs) =>
      once(RKVClient, address, RECONF_METHOD, timeoutMs, (client, done) => {
        const request = { serverID: serverId, reconfType: change === 'add' ? ReconfType.ADD : ReconfType.REMOVE };
        if (waitForLeadership) client.reconfOnBecome(request, new Metadata(), within(timeoutMs), done);
        else client.reconf(request, new Metadata(), within(timeoutMs), done);
      }),
    async transferLeadership(address, to, timeoutMs) {
      await once(AdminClient, address, TRANSFER_METHOD, timeoutMs, (client, done) => {
        client.transferLeadership({ to }, new Metadata(), within(timeoutMs), done);
      });
    },
    async whoLeads(address, timeoutMs) {
      try {
        await once(RKVClient, address, REGISTER_METHOD, timeoutMs, (client, done) => {
          client.register({}, new Metadata(), within(timeoutMs), done);
        });
        return { leads: true, leader: 0 };
      } catch (error) {
        const leader = error instanceof RefusedError ? leaderInCall(error.cause as FailedCall) : undefined;
        if (leader === undefined) throw error;
        return { leads: false, leader };
      }
    },
    async saveSnapshot(address, take, silenceMs, signal) {
      const client = openChannel(AdminClient, address, options, security);
      open.add(client);
      const stream = client.saveSnapshot({});
      const cancel = () => stream.cancel();
      let isLate = false;
      const waitOn = () =>
        setTimeout(() => {
          isLate = true;
          cancel();
        }, silenceMs);
      let wait = waitOn();
      signal?.addEventListener('abort', cancel, { once: true });
      try {
        for await (const piece of stream as AsyncIterable<SnapshotPiece>) {
          clearTimeout(wait);
          await take(piece);
          wait = waitOn();
        }
      } catch (error) {
        if (!isServiceError(error)) throw error;
        const code = isLate ? GrpcStatus.DEADLINE_EXCEEDED : error.code;
        throw unaryError(address, SNAPSHOT_METHOD, silenceMs, Object.assign(error, { code }));
      } finally {
        clearTimeout(wait);
        signal?.removeEventListener('abort', cancel);
        cancel();
        open.delete(client);
        client.close();
      }
    },
    close() {
      for (const client of open) client.close();
      open.clear();
    },
  };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

/** Codes that say something about the way to the server rather than about the request. */
const UNREACHABLE: ReadonlySet<number> = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.CANCELLED,
  GrpcStatus.INTERNAL,
]);

function unaryError(address: string, method: string, timeoutMs: number, error: ServiceError): Error {
  if (error.code === GrpcStatus.UNIMPLEMENTED) return new UnsupportedError(address, method, { cause: error });
  if (error.code === GrpcStatus.DEADLINE_EXCEEDED) {
    // Not in gRPC's words: it tells how much of the time was left for this call, and not for what.
    const message = `${address}: no answer to ${method} within ${Math.ceil(timeoutMs)} ms`;
    return new ServerUnreachableError(address, message, { cause: error, isLate: true });
  }
  if (UNREACHABLE.has(error.code)) {
    return new ServerUnreachableError(address, `${address}: ${grpcReason(error)}`, { cause: error });
  }
  return new RefusedError(error.details, refusalOfCall(error), { cause: error });
}
