import type { Duplex } from 'node:stream';
import { type ServiceDefinition, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { FLOW_CONTROL_WINDOW_BYTES } from '../endpoints/flowControl.ts';
import { type ConnectionListener, Http2Connection } from '../http2/connection.ts';
import type { RequestHead } from '../http2/requestHead.ts';
import type { CallAdmission, ConnectionGuard, Method, ServiceOptions } from './method.ts';
import { type CallConnection, ServerCall } from './serverCall.ts';
import { encodingRefusal, errorBlock, httpBlock, refusalBlock } from './status.ts';
import { parseTimeoutMs } from './timeout.ts';

const NO_GRPC = httpBlock(415);
const NO_POST = httpBlock(405);
const BAD_ENCODING = encodingRefusal({
  code: status.UNIMPLEMENTED,
  details: 'requests are taken uncompressed only: what a compressed one takes in memory is not known before',
});
const BAD_TIMEOUT = errorBlock({ code: status.INTERNAL, details: 'grpc-timeout cannot be read' }, true);
const CONTENT_TYPE = /^application\/grpc(?:[+;]|$)/;

export interface GrpcServerOptions {
  /** Of a message where its service says nothing else. */
  readonly messageBytesMax: number;
  /** Of the head of a request. */
  readonly headerBytesMax?: number;
}

/**
 * A gRPC server over HTTP/2 connections of our own. Services and their handlers are those of @grpc/grpc-js. A call that is
 * refused costs an answer that was encoded before: it is decided by its head, and nothing is made for it.
 */
export class GrpcServer {
  private readonly methods = new Methods();
  private readonly options: GrpcServerOptions;

  constructor(options: GrpcServerOptions) {
    this.options = options;
  }

  /** As of grpc-js's server. What the implementation lacks is answered with UNIMPLEMENTED. */
  addService(
    service: ServiceDefinition,
    implementation: UntypedServiceImplementation,
    options: ServiceOptions = {},
  ): void {
    for (const [name, definition] of Object.entries(service)) {
      const handler = implementation[name] ?? implementation[definition.originalName ?? ''];
      if (handler === undefined) continue;
      const { path, requestStream, responseStream, requestDeserialize, responseSerialize } = definition;
      this.methods.set(path, {
        messageBytesMax: this.options.messageBytesMax,
        ...options,
        path,
        requestStream,
        responseStream,
        deserialize: requestDeserialize,
        serialize: responseSerialize,
        handler,
      });
    }
  }

  /**
   * For services that are slow to make and seldom asked for: `add` adds what has paths that begin with `prefix`, on the first
   * call of such a path. That call, and all that comes meanwhile, waits for it.
   */
  addWhenAsked(prefix: string, add: () => void): void {
    this.methods.addWhenAsked(prefix, add);
  }

  /** Serves a connection from its first byte on. */
  accept(socket: Duplex, guard: ConnectionGuard, streamsMax: number): Http2Connection {
    const { headerBytesMax } = this.options;
    const head = headerBytesMax === undefined ? {} : { headerListBytesMax: headerBytesMax };
    const options = { windowBytes: FLOW_CONTROL_WINDOW_BYTES, streamsMax, ...head };
    return new Http2Connection(socket, options, new GrpcConnection(this.methods, guard));
  }
}

/** What may be called, by path. */
class Methods {
  private readonly byPath = new Map<string, Method>();
  private readonly notMade = new Map<string, () => void>();

  set(path: string, method: Method): void {
    this.byPath.set(path, method);
  }

  addWhenAsked(prefix: string, add: () => void): void {
    this.notMade.set(prefix, add);
  }

  get(path: string): Method | undefined {
    return this.byPath.get(path) ?? this.made(path);
  }

  private made(path: string): Method | undefined {
    for (const [prefix, add] of this.notMade) {
      if (!path.startsWith(prefix)) continue;
      this.notMade.delete(prefix);
      add();
      return this.byPath.get(path);
    }
    return undefined;
  }
}

/** The calls of one connection. */
class GrpcConnection implements ConnectionListener, CallConnection {
  readonly guard: ConnectionGuard;
  private readonly methods: Methods;
  /** Whose method was called last of those that were refused. */
  private refusing: CallAdmission | undefined;

  constructor(methods: Methods, guard: ConnectionGuard) {
    this.methods = methods;
    this.guard = guard;
  }

  request(connection: Http2Connection, id: number, head: RequestHead, hasEnded: boolean): void {
    const method = this.methods.get(head.path);
    const refusal = this.guard.refusal(method) ?? method?.admission?.refusal();
    if (refusal !== undefined) {
      this.refusing = method?.admission;
      connection.refuse(id, refusalBlock(refusal), hasEnded);
      return;
    }
    const timeoutMs = head.grpcTimeout === '' ? undefined : parseTimeoutMs(head.grpcTimeout);
    const block = whatIsWrong(head, method, timeoutMs);
    if (block !== undefined) {
      connection.refuseAll(id, block, hasEnded);
      return;
    }
    const call = new ServerCall(method!, this, head.fields.slice());
    call.begin(connection.open(id, head, hasEnded, call), hasEnded, timeoutMs);
  }

  refused(connection: Http2Connection, count: number): void {
    this.refusing?.refused(connection, count);
  }

  wasTooLarge(): void {
    this.guard.wasTooLarge?.();
  }

  held(bytes: number): void {
    this.guard.held(bytes);
  }

  abandoned(): void {
    this.guard.abandoned();
  }
}

function whatIsWrong(
  { contentType, method: verb, path, grpcEncoding, grpcTimeout }: RequestHead,
  method: Method | undefined,
  timeoutMs: number | undefined,
): Buffer | undefined {
  if (!CONTENT_TYPE.test(contentType)) return NO_GRPC;
  if (verb !== 'POST') return NO_POST;
  if (method === undefined) {
    const details = `The server does not implement the method ${path}`;
    return errorBlock({ code: status.UNIMPLEMENTED, details }, true);
  }
  if (grpcEncoding !== '' && grpcEncoding !== 'identity') return BAD_ENCODING;
  if (grpcTimeout !== '' && timeoutMs === undefined) return BAD_TIMEOUT;
  return undefined;
}
