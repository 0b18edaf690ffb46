import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { refuseStream } from '../admission/connection.ts';

/** What the handler of a unary call is given; gRPC's own calls are that too. */
export interface UnaryCall {
  readonly request: Buffer;
  /** `address:port` of the other end. */
  getPeer(): string;
}

export interface UnaryError {
  readonly code: status;
  readonly details: string;
}

export type UnaryDone = (error: UnaryError | null, response?: Buffer | null, trailers?: OutgoingHttpHeaders) => void;
export type UnaryHandler = (call: UnaryCall, done: UnaryDone) => void;

export interface UnaryCallsOptions {
  readonly requestBytesMax: number;
  readonly nowMs: () => number;
}

/** Calls that are taken and not answered. What comes on top would wait for long, and is refused at once. */
export const UNARY_OPEN_MAX = 2048;
/** Calls are refused while one that was taken waits for this long: they would wait as long, or longer. */
export const UNARY_AGE_MS_MAX = 500;
/** A turn of the event loop takes no more calls after this long: the peers' heartbeats come with the next. */
export const UNARY_TURN_MS_MAX = 200;
/** So many may be open however long they take: a burst, or a slow disk, is no overload. */
export const UNARY_OPEN_ALWAYS = 1024;
/** Of a request that is refused before it is read. */
const DROPPED_BYTES_MAX = 64 * 1024;
const PREFIX_BYTES = 5;
const OVERLOADED: UnaryError = {
  code: status.RESOURCE_EXHAUSTED,
  details: 'the server has too much to do; try again later',
};
const RESPONSE = { ':status': 200, 'content-type': 'application/grpc+proto' };
const TRAILERS = { 'grpc-status': '0' };

/**
 * Clients' unary calls, on HTTP/2 streams themselves: grpc-js spends as much on a call again as HTTP/2 does. Calls that are not
 * going to be served soon are refused before they are read, so that they cost as little as possible: that is what
 * remains to be done of the work that nobody can do.
 */
export class UnaryCalls {
  private readonly options: UnaryCallsOptions;
  /** In the order in which they were taken. */
  private readonly open = new Set<OpenCall>();
  private handlers: ReadonlyMap<string, UnaryHandler> = new Map();
  private refusal: () => UnaryError | undefined = () => undefined;
  /** When the first call of this turn of the event loop came. */
  private turnStartMs: number | undefined;

  constructor(options: UnaryCallsOptions) {
    this.options = options;
  }

  /**
   * From now on these methods are served, each by its path; until then, gRPC has them too. `refusal`: why calls are
   * refused before they are read, such as who leads instead; the same object as long as it is the same.
   */
  serve(handlers: ReadonlyMap<string, UnaryHandler>, refusal: () => UnaryError | undefined): void {
    this.handlers = handlers;
    this.refusal = refusal;
  }

  /** Goes between an HTTP/2 server and gRPC, which keeps every other call. */
  takeFrom(server: Http2Server): void {
    const others = server.listeners('stream') as ((stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void)[];
    server.removeAllListeners('stream');
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      if (this.take(stream, headers)) return;
      for (const other of others) other.call(server, stream, headers);
    });
  }

  private take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const handler = this.handlers.get(headers[':path'] as string);
    if (handler === undefined || headers['content-type']?.startsWith('application/grpc') !== true) return false;
    // Refused at the door.
    if (stream.closed || stream.destroyed || stream.headersSent) return true;
    stream.on('error', () => {});
    const nowMs = this.options.nowMs();
    const refusal = this.refusal() ?? this.overload(nowMs);
    if (refusal === undefined) this.begin(stream, handler, nowMs);
    else refuseUnread(stream, refusal);
    return true;
  }

  private overload(nowMs: number): UnaryError | undefined {
    this.noteTurn(nowMs);
    const { size } = this.open;
    if (size < UNARY_OPEN_ALWAYS) return undefined;
    if (size >= UNARY_OPEN_MAX || nowMs - this.turnStartMs! > UNARY_TURN_MS_MAX) return OVERLOADED;
    for (const { startMs } of this.open) return nowMs - startMs > UNARY_AGE_MS_MAX ? OVERLOADED : undefined;
    return undefined;
  }

  /** Immediates run once all that came in this turn is handled. */
  private noteTurn(nowMs: number): void {
    if (this.turnStartMs !== undefined) return;
    this.turnStartMs = nowMs;
    setImmediate(() => {
      this.turnStartMs = undefined;
    });
  }

  private begin(stream: ServerHttp2Stream, handler: UnaryHandler, nowMs: number): void {
    const call = new OpenCall(stream, nowMs, () => this.open.delete(call));
    this.open.add(call);
    call.read(this.options.requestBytesMax, handler);
  }
}

/** One call, from its first byte to its answer. */
class OpenCall implements UnaryCall {
  readonly startMs: number;
  request: Buffer = Buffer.alloc(0);
  private readonly stream: ServerHttp2Stream;
  private readonly ended: () => void;
  private isOpen = true;

  constructor(stream: ServerHttp2Stream, startMs: number, ended: () => void) {
    this.stream = stream;
    this.startMs = startMs;
    this.ended = ended;
    stream.on('close', () => this.end());
  }

  getPeer(): string {
    const socket = (this.stream.session as ServerHttp2Session | undefined)?.socket;
    return `${socket?.remoteAddress}:${socket?.remotePort}`;
  }

  read(bytesMax: number, handler: UnaryHandler): void {
    const { stream } = this;
    const pieces: Buffer[] = [];
    let size = 0;
    let needed = PREFIX_BYTES;
    stream.on('data', (piece: Buffer) => {
      if (!this.isOpen) return;
      pieces.push(piece);
      size += piece.length;
      if (needed === PREFIX_BYTES && size >= PREFIX_BYTES) {
        const length = (pieces.length === 1 ? piece : Buffer.concat(pieces)).readUInt32BE(1);
        needed = PREFIX_BYTES + length;
        if (length > bytesMax) {
          this.fail(status.RESOURCE_EXHAUSTED, `Received message larger than max (${length} vs ${bytesMax})`);
          return;
        }
      }
      if (size > needed) this.fail(status.INVALID_ARGUMENT, 'a unary call has one message, and this one has more');
    });
    stream.on('end', () => {
      if (!this.isOpen) return;
      const body = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size);
      if (size < needed || size < PREFIX_BYTES) this.fail(status.INVALID_ARGUMENT, 'the message is cut short');
      else if (body[0] !== 0) this.fail(status.UNIMPLEMENTED, 'the message is compressed');
      else {
        this.request = body.subarray(PREFIX_BYTES);
        handler(this, (error, response, trailers) => this.done(error, response, trailers));
      }
    });
    // The door left it paused.
    stream.resume();
  }

  private done(error: UnaryError | null, response?: Buffer | null, trailers?: OutgoingHttpHeaders): void {
    if (!this.isOpen) return;
    if (error !== null) {
      this.fail(error.code, error.details);
      return;
    }
    const { stream } = this;
    this.end();
    if (stream.closed || stream.destroyed) return;
    const message = response ?? Buffer.alloc(0);
    const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
    frame[0] = 0;
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, PREFIX_BYTES);
    stream.respond(RESPONSE, { waitForTrailers: true });
    stream.on('wantTrailers', () =>
      stream.sendTrailers(trailers === undefined ? TRAILERS : { ...TRAILERS, ...trailers }),
    );
    stream.end(frame);
  }

  private fail(code: status, details: string): void {
    this.end();
    const { stream } = this;
    if (stream.closed || stream.destroyed) return;
    if (stream.readableEnded) stream.respond(refusalHeaders({ code, details }), { endStream: true });
    else refuseStream(stream, code, details);
  }

  private end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.ended();
  }
}

/**
 * To reset the stream as well would make HTTP/2 write at once, for each of thousands: what is still to come of the request is
 * dropped, as long as it is little.
 */
function refuseUnread(stream: ServerHttp2Stream, refusal: UnaryError): void {
  stream.respond(refusalHeaders(refusal), { endStream: true });
  let droppedBytes = 0;
  stream.on('data', (piece: Buffer) => {
    droppedBytes += piece.length;
    if (droppedBytes > DROPPED_BYTES_MAX && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.resume();
}

/** The same refusal is mostly given again and again. */
let lastRefusal: { readonly refusal: UnaryError; readonly headers: OutgoingHttpHeaders } | undefined;

function refusalHeaders(refusal: UnaryError): OutgoingHttpHeaders {
  if (lastRefusal?.refusal !== refusal) {
    const { code, details } = refusal;
    const headers = { ...RESPONSE, 'grpc-status': String(code), 'grpc-message': encodeURI(details) };
    lastRefusal = { refusal, headers };
  }
  return lastRefusal.headers;
}
