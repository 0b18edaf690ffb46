import type { Socket } from 'node:net';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { frameBytes, settingsPayload, uint32Payload } from '../../net/http2/frame.ts';
import type { HeaderField } from '../../net/http2/headerField.ts';
import { HpackDecoder } from '../../net/http2/hpackDecoder.ts';
import { encodeFields } from '../../net/http2/hpackEncoder.ts';
import { Outbox } from '../../net/http2/outbox.ts';
import {
  Flag,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FrameType,
  PREFACE,
  Setting,
  WINDOW_BYTES_DEFAULT,
} from '../../net/http2/protocol.ts';

const WINDOW_BYTES = 8 << 20;
const STREAMS_UNLIMITED = 1 << 20;
/** Before a gRPC message. */
const PREFIX_BYTES = 5;
const NOTHING = Buffer.alloc(0);
/** Of the fields that say why a call failed. */
const TRAILERS_BYTES_MAX = 64 * 1024;

/** Why the server refused a call, by gRPC's code, and in its words. */
export interface CallRefusal {
  readonly code: number;
  readonly details: string;
}

/** Is told how its call ended: with an answer, or not. */
export interface CallOwner {
  /** Its request begins to be written: it waits for no stream any more. */
  left?(): void;
  /** `answer`: the message without gRPC's prefix. Without both, the connection or the stream was lost. */
  finished(answer: Buffer | undefined, refusal: CallRefusal | undefined): void;
}

/** A request that does not fit in one frame, or not in the windows, on its way. */
interface Upload {
  readonly stream: number;
  readonly body: Buffer;
  at: number;
  /** What the server takes of it now. */
  window: number;
}

/**
 * A connection that makes unary gRPC calls for a few µs each, frames written by hand: a load that comes from the same
 * machine must leave the machine to the servers. It keeps to the streams and windows that the server allows.
 */
export class RawConnection {
  private readonly socket: Socket;
  private readonly authority: string;
  private readonly calls = new Map<number, CallOwner>();
  /** Answers that have not ended, with gRPC's prefix. */
  private readonly answers = new Map<number, Buffer>();
  /** Header blocks of calls that may have failed. */
  private readonly trailers = new Map<number, Buffer>();
  private readonly headerBlocks = new Map<string, Buffer>();
  private waiting: { readonly path: string; readonly message: Buffer; readonly owner: CallOwner }[] = [];
  private readonly outbox = new Outbox();
  private rest: Buffer = Buffer.alloc(0);
  private nextStream = 1;
  private streamsMax = STREAMS_UNLIMITED;
  private ready = false;
  private sendWindow = WINDOW_BYTES_DEFAULT;
  private streamWindow = WINDOW_BYTES_DEFAULT;
  private upload: Upload | undefined;
  private received = 0;
  private readonly lost: (() => void) | undefined;
  private isGivenUp = false;
  closed = false;

  /** `lost` is told once when the connection has ended and all its calls know; not after `close`. */
  constructor(address: Address, lost?: () => void) {
    this.lost = lost;
    this.authority = formatAddress(address);
    this.socket = NO_SECURITY.dial(address);
    this.socket.on('data', (bytes) => this.take(bytes));
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.failAll());
    const settings = settingsPayload([
      [Setting.HeaderTableSize, 0],
      [Setting.InitialWindowSize, WINDOW_BYTES],
    ]);
    const update = frameBytes(FrameType.WindowUpdate, 0, 0, uint32Payload(WINDOW_BYTES));
    this.socket.write(Buffer.concat([PREFACE, frameBytes(FrameType.Settings, 0, 0, settings), update]));
  }

  /** Calls that have no answer yet. */
  get open(): number {
    return this.calls.size + this.waiting.length;
  }

  /** The owner is never told within this call. */
  call(path: string, message: Buffer, owner: CallOwner): void {
    if (this.closed) {
      setImmediate(() => owner.finished(undefined, undefined));
      return;
    }
    if (this.waiting.length > 0 || !this.send(path, message, owner)) this.waiting.push({ path, message, owner });
  }

  /** False where the call has to wait. */
  private send(path: string, message: Buffer, owner: CallOwner): boolean {
    const bodyBytes = PREFIX_BYTES + message.length;
    if (!this.ready || this.upload !== undefined || this.calls.size >= this.streamsMax) return false;
    const fits = bodyBytes <= FRAME_BYTES_MAX && bodyBytes <= this.streamWindow;
    if (fits && this.sendWindow < bodyBytes) return false;
    const stream = this.nextStream;
    this.nextStream += 2;
    this.calls.set(stream, owner);
    const { outbox } = this;
    const headers = this.headers(path);
    this.frame(FrameType.Headers, Flag.EndHeaders, stream, headers);
    if (!fits) {
      const body = Buffer.allocUnsafe(bodyBytes);
      body[0] = 0;
      body.writeUInt32BE(message.length, 1);
      body.set(message, PREFIX_BYTES);
      this.upload = { stream, body, at: 0, window: this.streamWindow };
      owner.left?.();
      this.goOn();
      return true;
    }
    this.sendWindow -= bodyBytes;
    outbox.frame(bodyBytes, FrameType.Data, Flag.EndStream, stream);
    outbox.byte(0);
    outbox.uint32(message.length);
    outbox.payload(message);
    owner.left?.();
    return true;
  }

  /** Sends what the windows allow of the request that is on its way. */
  private goOn(): void {
    const { upload } = this;
    if (upload === undefined) return;
    const { stream, body } = upload;
    while (upload.at < body.length) {
      const bytes = Math.min(FRAME_BYTES_MAX, body.length - upload.at, upload.window, this.sendWindow);
      if (bytes <= 0) return;
      const part = body.subarray(upload.at, upload.at + bytes);
      upload.at += bytes;
      upload.window -= bytes;
      this.sendWindow -= bytes;
      this.frame(FrameType.Data, upload.at === body.length ? Flag.EndStream : 0, stream, part);
    }
    this.upload = undefined;
  }

  private sendWaiting(): void {
    this.goOn();
    let sent = 0;
    for (; sent < this.waiting.length; sent++) {
      const { path, message, owner } = this.waiting[sent]!;
      if (!this.send(path, message, owner)) break;
    }
    if (sent > 0) this.waiting.splice(0, sent);
  }

  /** What is written in a turn leaves together. */
  private frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const { outbox } = this;
    if (outbox.bytes === 0) setImmediate(() => this.flush());
    outbox.frame(payload.length, type, flags, stream);
    outbox.payload(payload);
  }

  private flush(): void {
    if (!this.closed) this.outbox.flush(this.socket);
  }

  private headers(path: string): Buffer {
    let block = this.headerBlocks.get(path);
    if (block === undefined) {
      block = encodeFields([
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', path],
        [':authority', this.authority],
        ['content-type', 'application/grpc'],
        ['te', 'trailers'],
      ]);
      this.headerBlocks.set(path, block);
    }
    return block;
  }

  private take(bytes: Buffer): void {
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    let at = 0;
    while (all.length - at >= FRAME_HEADER_BYTES) {
      const length = (all[at]! << 16) | (all[at + 1]! << 8) | all[at + 2]!;
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > all.length) break;
      this.takeFrame(all, at, end);
      at = end;
    }
    this.rest = at === all.length ? NOTHING : Buffer.from(all.subarray(at));
    if (this.received >= WINDOW_BYTES / 2) {
      this.frame(FrameType.WindowUpdate, 0, 0, uint32Payload(this.received));
      this.received = 0;
    }
    this.sendWaiting();
  }

  private takeFrame(bytes: Buffer, at: number, end: number): void {
    const flags = bytes[at + 4]!;
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    const start = at + FRAME_HEADER_BYTES;
    switch (bytes[at + 3]) {
      case FrameType.Data: {
        this.received += end - start;
        const begun = this.answers.get(stream);
        const part = bytes.subarray(start, end);
        this.answers.set(stream, begun === undefined ? part : Buffer.concat([begun, part]));
        if ((flags & Flag.EndStream) !== 0) this.end(stream);
        break;
      }
      case FrameType.Headers:
        if ((flags & Flag.EndStream) === 0) break;
        // Of an answer with a message nobody reads on.
        if (!this.answers.has(stream)) this.trailers.set(stream, bytes.subarray(start, end));
        this.end(stream);
        break;
      case FrameType.ResetStream:
        this.end(stream);
        break;
      case FrameType.Settings:
        if ((flags & Flag.Ack) === 0) this.takeSettings(bytes.subarray(start, end));
        break;
      case FrameType.Ping:
        if ((flags & Flag.Ack) === 0) this.frame(FrameType.Ping, Flag.Ack, 0, bytes.subarray(start, end));
        break;
      case FrameType.WindowUpdate:
        if (stream === 0) this.sendWindow += bytes.readUInt32BE(start);
        else if (stream === this.upload?.stream) this.upload.window += bytes.readUInt32BE(start);
        break;
      case FrameType.GoAway:
        this.socket.destroy();
        break;
    }
  }

  private takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const name = payload.readUInt16BE(at);
      if (name === Setting.MaxConcurrentStreams) this.streamsMax = value;
      else if (name === Setting.InitialWindowSize) {
        if (this.upload !== undefined) this.upload.window += value - this.streamWindow;
        this.streamWindow = value;
      }
    }
    this.ready = true;
    this.frame(FrameType.Settings, Flag.Ack, 0, NOTHING);
  }

  private end(stream: number): void {
    const owner = this.calls.get(stream);
    if (owner === undefined) return;
    this.calls.delete(stream);
    if (stream === this.upload?.stream) this.upload = undefined;
    const answer = this.answers.get(stream);
    if (answer !== undefined) {
      this.answers.delete(stream);
      owner.finished(answer.subarray(PREFIX_BYTES), undefined);
      return;
    }
    const trailers = this.trailers.get(stream);
    this.trailers.delete(stream);
    owner.finished(undefined, trailers === undefined ? undefined : refusalIn(trailers));
  }

  private failAll(): void {
    if (this.closed) return;
    this.closed = true;
    const open = [...this.calls.values(), ...this.waiting.map(({ owner }) => owner)];
    this.calls.clear();
    this.answers.clear();
    this.waiting = [];
    for (const owner of open) owner.finished(undefined, undefined);
    if (!this.isGivenUp) this.lost?.();
  }

  close(): void {
    this.isGivenUp = true;
    this.socket.destroy();
  }
}

/** A block by itself can be read, for it refers to no table: the server was told that there is none. */
function refusalIn(block: Buffer): CallRefusal | undefined {
  const fields: HeaderField[] = [];
  try {
    new HpackDecoder(TRAILERS_BYTES_MAX).decode(block, fields);
  } catch {
    return undefined;
  }
  const textOf = (wanted: string) => fields.find(({ name }) => name === wanted)?.value;
  const code = textOf('grpc-status');
  return code === undefined ? undefined : { code: Number(code), details: unescaped(textOf('grpc-message') ?? '') };
}

/** gRPC's words are percent-encoded. */
function unescaped(details: string): string {
  try {
    return decodeURIComponent(details);
  } catch {
    return details;
  }
}
