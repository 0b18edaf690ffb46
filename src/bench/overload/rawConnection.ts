import { connect, type Socket } from 'node:net';

const FRAME_HEADER_BYTES = 9;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const Frame = { Data: 0, Headers: 1, RstStream: 3, Settings: 4, Ping: 6, GoAway: 7, WindowUpdate: 8 } as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const MAX_CONCURRENT_STREAMS = 3;
const INITIAL_WINDOW_SIZE = 4;
const HEADER_TABLE_SIZE = 1;
const WINDOW_BYTES = 8 << 20;
const STREAMS_UNLIMITED = 1 << 20;
const OUT_BYTES = 64 * 1024;
/** Before a gRPC message. */
const PREFIX_BYTES = 5;
const NOTHING = Buffer.alloc(0);

/** How a call ended: with an answer, or not. The answer's message without gRPC's prefix. */
export type CallDone = (answer: Buffer | undefined) => void;

interface Call {
  readonly done: CallDone;
  data: Buffer | undefined;
}

/**
 * A connection that makes unary gRPC calls for a few µs each, frames written by hand: a load that comes from the same
 * machine must leave the machine to the servers. It keeps to the streams and windows that the server allows. It does not read
 * why a call failed: an answer has a message, a refusal has none.
 */
export class RawConnection {
  private readonly socket: Socket;
  private readonly authority: string;
  private readonly calls = new Map<number, Call>();
  private readonly headerBlocks = new Map<string, Buffer>();
  private waiting: { readonly path: string; readonly message: Buffer; readonly done: CallDone }[] = [];
  /** What is written in this turn. */
  private out: Buffer = Buffer.allocUnsafe(OUT_BYTES);
  private outBytes = 0;
  private rest: Buffer = Buffer.alloc(0);
  private nextStream = 1;
  private streamsMax = STREAMS_UNLIMITED;
  private ready = false;
  private sendWindow = 65_535;
  private received = 0;
  closed = false;

  constructor(host: string, port: number) {
    this.authority = `${host}:${port}`;
    this.socket = connect({ host, port, noDelay: true });
    this.socket.on('data', (bytes) => this.take(bytes));
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.failAll());
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(HEADER_TABLE_SIZE, 0);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 6);
    settings.writeUInt32BE(WINDOW_BYTES, 8);
    const update = Buffer.alloc(4);
    update.writeUInt32BE(WINDOW_BYTES);
    this.socket.write(
      Buffer.concat([PREFACE, frame(Frame.Settings, 0, 0, settings), frame(Frame.WindowUpdate, 0, 0, update)]),
    );
  }

  /** Calls that have no answer yet. */
  get open(): number {
    return this.calls.size + this.waiting.length;
  }

  /** `done` is never called within this call. */
  call(path: string, message: Buffer, done: CallDone): void {
    if (this.closed) {
      setImmediate(() => done(undefined));
      return;
    }
    if (this.waiting.length > 0 || !this.send(path, message, done)) this.waiting.push({ path, message, done });
  }

  /** False where the call has to wait. */
  private send(path: string, message: Buffer, done: CallDone): boolean {
    const bodyBytes = PREFIX_BYTES + message.length;
    if (!this.ready || this.calls.size >= this.streamsMax || this.sendWindow < bodyBytes) return false;
    this.sendWindow -= bodyBytes;
    const stream = this.nextStream;
    this.nextStream += 2;
    this.calls.set(stream, { done, data: undefined });
    const headers = this.headers(path);
    const out = this.room(2 * FRAME_HEADER_BYTES + headers.length + bodyBytes);
    let at = writeFrameHeader(out, this.outBytes, Frame.Headers, END_HEADERS, stream, headers.length);
    at += headers.copy(out, at);
    at = writeFrameHeader(out, at, Frame.Data, END_STREAM, stream, bodyBytes);
    out[at] = 0;
    out.writeUInt32BE(message.length, at + 1);
    this.outBytes = at + PREFIX_BYTES + message.copy(out, at + PREFIX_BYTES);
    return true;
  }

  private sendWaiting(): void {
    let sent = 0;
    for (; sent < this.waiting.length; sent++) {
      const { path, message, done } = this.waiting[sent]!;
      if (!this.send(path, message, done)) break;
    }
    if (sent > 0) this.waiting.splice(0, sent);
  }

  /** What is written in a turn leaves together. */
  private write(bytes: Buffer): void {
    this.outBytes += bytes.copy(this.room(bytes.length), this.outBytes);
  }

  private room(bytes: number): Buffer {
    if (this.outBytes + bytes > this.out.length) this.flush();
    if (bytes > this.out.length) this.out = Buffer.allocUnsafe(bytes);
    if (this.outBytes === 0) setImmediate(() => this.flush());
    return this.out;
  }

  private flush(): void {
    if (this.outBytes === 0) return;
    if (!this.closed) this.socket.write(this.out.subarray(0, this.outBytes));
    // What the socket still has must not change.
    if (this.socket.writableLength > 0) this.out = Buffer.allocUnsafe(OUT_BYTES);
    this.outBytes = 0;
  }

  private headers(path: string): Buffer {
    let block = this.headerBlocks.get(path);
    if (block === undefined) {
      // Indexed fields of HPACK's static table, and literals that are not to be indexed (RFC 7541 §6).
      block = Buffer.concat([
        Buffer.from([0x83, 0x86]),
        literal(0x04, path),
        literal(0x01, this.authority),
        literal(0x0f, 'application/grpc', 31),
        namedLiteral('te', 'trailers'),
      ]);
      this.headerBlocks.set(path, block);
    }
    return block;
  }

  private take(bytes: Buffer): void {
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    let at = 0;
    while (all.length - at >= FRAME_HEADER_BYTES) {
      const length = all.readUIntBE(at, 3);
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > all.length) break;
      this.takeFrame(all, at, end);
      at = end;
    }
    this.rest = at === all.length ? NOTHING : Buffer.from(all.subarray(at));
    if (this.received >= WINDOW_BYTES / 2) {
      const update = Buffer.alloc(4);
      update.writeUInt32BE(this.received);
      this.received = 0;
      this.write(frame(Frame.WindowUpdate, 0, 0, update));
    }
    this.sendWaiting();
  }

  private takeFrame(bytes: Buffer, at: number, end: number): void {
    const flags = bytes[at + 4]!;
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    const start = at + FRAME_HEADER_BYTES;
    switch (bytes[at + 3]) {
      case Frame.Data: {
        this.received += end - start;
        const call = this.calls.get(stream);
        if (call !== undefined) call.data = bytes.subarray(start, end);
        if ((flags & END_STREAM) !== 0) this.end(stream);
        break;
      }
      case Frame.Headers:
        if ((flags & END_STREAM) !== 0) this.end(stream);
        break;
      case Frame.RstStream:
        this.end(stream);
        break;
      case Frame.Settings:
        if ((flags & ACK) === 0) this.takeSettings(bytes.subarray(start, end));
        break;
      case Frame.Ping:
        if ((flags & ACK) === 0) this.write(frame(Frame.Ping, ACK, 0, bytes.subarray(start, end)));
        break;
      case Frame.WindowUpdate:
        if (stream === 0) this.sendWindow += bytes.readUInt32BE(start);
        break;
      case Frame.GoAway:
        this.socket.destroy();
        break;
    }
  }

  private takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) === MAX_CONCURRENT_STREAMS) this.streamsMax = payload.readUInt32BE(at + 2);
    }
    this.ready = true;
    this.write(frame(Frame.Settings, ACK, 0, Buffer.alloc(0)));
  }

  private end(stream: number): void {
    const call = this.calls.get(stream);
    if (call === undefined) return;
    this.calls.delete(stream);
    call.done(call.data?.subarray(PREFIX_BYTES));
  }

  private failAll(): void {
    if (this.closed) return;
    this.closed = true;
    const open = [...this.calls.values(), ...this.waiting];
    this.calls.clear();
    this.waiting = [];
    for (const { done } of open) done(undefined);
  }

  close(): void {
    this.socket.destroy();
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  payload.copy(bytes, writeFrameHeader(bytes, 0, type, flags, stream, payload.length));
  return bytes;
}

/** Returns where the payload belongs. */
function writeFrameHeader(
  bytes: Buffer,
  at: number,
  type: number,
  flags: number,
  stream: number,
  length: number,
): number {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(stream, at + 5);
  return at + FRAME_HEADER_BYTES;
}

/** A literal without indexing whose name stands in the static table at `index`, which is 15 and more where `index` is 0x0f. */
function literal(index: number, value: string, longIndex?: number): Buffer {
  const name = longIndex === undefined ? [index] : [0x0f, longIndex - 0x0f];
  return Buffer.concat([Buffer.from(name), text(value)]);
}

function namedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

/** Below 127 bytes, not Huffman-coded. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}
