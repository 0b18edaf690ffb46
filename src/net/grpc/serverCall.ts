import { EventEmitter } from 'node:events';
import { Metadata, status } from '@grpc/grpc-js';
import { FieldKind, type HeaderField } from '../http2/headerField.ts';
import { ErrorCode } from '../http2/protocol.ts';
import type { Http2Stream, StreamReader } from '../http2/stream.ts';
import { framed, MessageReader, type MessageSink, prefixOf } from './messageReader.ts';
import type { ConnectionGuard, Method } from './method.ts';
import { errorBlock, type GrpcError, okBlock, RESPONSE_BLOCK, refusalBlock } from './status.ts';
import { coarseMs } from './timeout.ts';

/** A handler that has more than this unsent is told to wait for 'drain'. */
const UNSENT_BYTES_MAX = 64 * 1024;
/** Messages up to this length are copied: larger ones have room of their own already. */
const COPIED_BYTES_MAX = 16 * 1024;
const CUT_SHORT: GrpcError = { code: status.INVALID_ARGUMENT, details: 'the message is cut short' };
const SECOND_MESSAGE: GrpcError = {
  code: status.INVALID_ARGUMENT,
  details: 'this call has one message, and this one has more',
};
const COMPRESSED: GrpcError = { code: status.UNIMPLEMENTED, details: 'the message is compressed' };
const EXPIRED: GrpcError = { code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded' };

/** What calls of one connection share. */
export interface CallConnection {
  readonly guard: ConnectionGuard;
}

/** How a unary handler answers. */
export type UnaryDone = (error: GrpcError | null, response?: unknown, trailers?: Metadata) => void;

/**
 * One call, as handlers made for @grpc/grpc-js expect it: `request`, or 'data' and 'end'; `write`, 'drain' and `end`, or an
 * 'error' emitted with a status; 'cancelled' where the other end is gone, and 'close' in every case.
 */
export class ServerCall extends EventEmitter implements StreamReader, MessageSink {
  /** Of a call with one request message: that. */
  request: unknown = undefined;
  cancelled = false;
  readonly connection: CallConnection;
  private readonly method: Method;
  private readonly fields: readonly HeaderField[];
  private readonly reader = new MessageReader(this);
  private stream!: Http2Stream;
  private requestBytes: Buffer | undefined;
  private isKept = false;
  private isAnswered = false;
  private isPausedNow = false;
  private needsDrain = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(method: Method, connection: CallConnection, fields: readonly HeaderField[]) {
    super();
    this.method = method;
    this.connection = connection;
    this.fields = fields;
  }

  /** The call begins. `hasEnded`: its request has no body. */
  begin(stream: Http2Stream, hasEnded: boolean, timeoutMs: number | undefined): void {
    this.stream = stream;
    if (timeoutMs !== undefined) this.timer = setTimeout(() => this.expire(), coarseMs(timeoutMs));
    if (this.method.requestStream) {
      this.method.admission?.begin(this);
      this.invoke();
    }
    if (hasEnded) this.receivedAll();
  }

  /** Nothing is done before the whole request is there. */
  get needsAll(): boolean {
    return !this.method.requestStream;
  }

  // What handlers ask.

  get metadata(): Metadata {
    const metadata = new Metadata();
    for (const { name, value, kind } of this.fields) {
      if (kind !== FieldKind.Regular) continue;
      metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
    }
    return metadata;
  }

  /** The other end may go on sending, up to its window; nothing comes until `resume`. */
  pause(): this {
    this.isPausedNow = true;
    this.stream.pause();
    return this;
  }

  resume(): this {
    this.isPausedNow = false;
    this.stream.resume();
    return this;
  }

  isPaused(): boolean {
    return this.isPausedNow;
  }

  /** A message of the request has begun to come, and is not whole. */
  get isInMessage(): boolean {
    return this.reader.isUnfinished;
  }

  /** `sent` is called once the network has it. False: the handler should wait for 'drain'. */
  write(message: unknown, sent?: () => void): boolean {
    if (this.isAnswered) return false;
    const { stream } = this;
    stream.respond(RESPONSE_BLOCK);
    this.send(message, sent);
    this.needsDrain = stream.unsentBytes > UNSENT_BYTES_MAX;
    return !this.needsDrain;
  }

  private send(message: unknown, sent?: () => void): void {
    const { stream } = this;
    const bytes = this.method.serialize(message);
    if (bytes.length <= COPIED_BYTES_MAX) {
      stream.send(framed(bytes), sent);
      return;
    }
    // Many that wait to be read would each be there twice until the copied one is collected.
    stream.send(prefixOf(bytes));
    stream.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), sent);
  }

  end(trailers?: Metadata): this {
    if (this.isAnswered) return this;
    this.answered();
    this.stream.respond(RESPONSE_BLOCK);
    this.stream.finish(okBlock(trailers));
    return this;
  }

  /** A handler that emits an 'error' ends the call with it. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'error') return super.emit(event, ...args);
    this.fail(args[0] as GrpcError);
    return this.listenerCount('error') > 0 && super.emit('error', ...args);
  }

  // What comes in.

  received(piece: Buffer, isLast: boolean): void {
    this.reader.take(piece);
    if (isLast || this.requestBytes === undefined || this.isKept) return;
    this.isKept = true;
    if (this.requestBytes.length <= COPIED_BYTES_MAX) this.requestBytes = Buffer.from(this.requestBytes);
    this.kept(this.requestBytes.length);
  }

  receivedAll(): void {
    if (this.isAnswered) return;
    if (this.reader.isUnfinished) this.fail(CUT_SHORT);
    else if (this.method.requestStream) this.emit('end');
    else if (this.requestBytes === undefined) this.fail(CUT_SHORT);
    else this.invokeWith(this.requestBytes);
  }

  begins(bytes: number, isCompressed: boolean): boolean {
    const { messageBytesMax, limitName } = this.method;
    if (bytes > messageBytesMax) {
      const hint = limitName === undefined ? '' : `: see ${limitName}`;
      // As gRPC says it, so that clients know it for what it is.
      const details = `Received message larger than max (${bytes} vs ${messageBytesMax})${hint}`;
      this.connection.guard.wasTooLarge?.();
      this.fail({ code: status.RESOURCE_EXHAUSTED, details });
    } else if (isCompressed) this.fail(COMPRESSED);
    return !this.isAnswered;
  }

  message(bytes: Buffer): void {
    if (this.method.requestStream) {
      const message = this.deserialized(bytes);
      if (!this.isAnswered) this.emit('data', message);
    } else if (this.requestBytes === undefined) this.requestBytes = bytes;
    else this.fail(SECOND_MESSAGE);
  }

  kept(bytes: number): void {
    this.stream.keep(bytes);
  }

  private deserialized(bytes: Buffer): unknown {
    try {
      return this.method.deserialize(bytes);
    } catch (error) {
      const details = `Error deserializing request: ${(error as Error).message}`;
      this.fail({ code: status.INTERNAL, details });
      return undefined;
    }
  }

  private invokeWith(bytes: Buffer): void {
    if (this.isKept) this.kept(-bytes.length);
    this.requestBytes = undefined;
    // It takes a place only now: heads without bodies would take all of them for nothing, and bodies can come all at once.
    const { admission } = this.method;
    const refusal = admission?.refusal();
    if (refusal !== undefined) {
      this.endWith(refusalBlock(refusal));
      return;
    }
    admission?.begin(this);
    this.request = this.deserialized(bytes);
    if (!this.isAnswered) this.invoke();
  }

  private invoke(): void {
    const { handler, responseStream } = this.method;
    const handle = handler as unknown as (call: ServerCall, done?: UnaryDone) => void;
    try {
      if (responseStream) handle(this);
      else handle(this, (error, response, trailers) => this.done(error, response, trailers));
    } catch (error) {
      const details = `Server method handler threw error ${(error as Error).message}`;
      this.fail({ code: status.UNKNOWN, details });
    }
  }

  // How it ends.

  private done(error: GrpcError | null, response: unknown, trailers: Metadata | undefined): void {
    if (this.isAnswered) return;
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.answered();
    this.stream.respond(RESPONSE_BLOCK);
    this.send(response);
    this.stream.finish(okBlock(trailers));
  }

  private fail(error: GrpcError): void {
    if (!this.isAnswered) this.endWith(errorBlock(error, !this.stream.hasAnswered));
  }

  private endWith(block: Buffer): void {
    this.answered();
    this.reader.stop();
    this.stream.resume();
    this.stream.finish(block);
  }

  private answered(): void {
    this.isAnswered = true;
    clearTimeout(this.timer);
    this.method.admission?.end(this);
  }

  private expire(): void {
    if (this.isAnswered) return;
    this.fail(EXPIRED);
    this.cancel();
  }

  private cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.emit('cancelled', 'cancelled');
  }

  sentAll(): void {
    if (!this.needsDrain) return;
    this.needsDrain = false;
    this.emit('drain');
  }

  closed(isAbandoned: boolean): void {
    if (!this.isAnswered) this.answered();
    this.reader.stop();
    if (isAbandoned) this.cancel();
    this.emit('close');
  }

  /** By name where the answer has not begun; where it has, HTTP/2's code says the same to gRPC. */
  letGo(why: string): void {
    if (this.stream.hasAnswered) this.stream.reset(ErrorCode.EnhanceYourCalm);
    else this.fail(this.connection.guard.lettingGo(why));
  }
}
