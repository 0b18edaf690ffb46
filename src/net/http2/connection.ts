import type { Duplex } from 'node:stream';
import { settingsPayload } from './frame.ts';
import { FrameReader, type FrameTaker } from './frameReader.ts';
import { type FrameSource, FrameWriter } from './frameWriter.ts';
import { HeaderBlock } from './headerBlock.ts';
import { HpackDecoder } from './hpackDecoder.ts';
import { encodeFields } from './hpackEncoder.ts';
import {
  ConnectionError,
  ErrorCode,
  Flag,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FrameType,
  Setting,
  WINDOW_BYTES_DEFAULT,
} from './protocol.ts';
import { RecentIds } from './recentIds.ts';
import { areTrailers, RequestHead } from './requestHead.ts';
import { SendWindows } from './sendWindows.ts';
import { Http2Stream, STREAM_BYTES, type StreamConnection, type StreamReader } from './stream.ts';

/** What waits to be written: beyond this nothing is read. */
const READ_BACKLOG_BYTES_MAX = 512 * 1024;
/** A piece of input with more frames is the last of its turn: what others sent comes before the next. */
const FRAMES_A_TURN_MAX = 500;
/** Of all fields of a request, as RFC 9113, 10.5.1, counts them. */
const HEADER_LIST_BYTES_MAX = 16 * 1024;
/** Of a request that was answered before it was complete. */
const DROPPED_BYTES_MAX = 64 * 1024;
/** What it takes to remember that such a request is still coming. */
const DROPPED_STREAM_BYTES = 64;
/** How long the other end has to read why its connection ends. */
const LINGER_MS = 500;
const TABLE_BYTES_DEFAULT = 4096;
const EMPTY = Buffer.alloc(0);
const HEAD_TOO_LARGE = encodeFields([[':status', '431']]);

export interface ConnectionOptions {
  /** What the other end may send on a stream, and on all of them together, before it is taken. */
  readonly windowBytes: number;
  readonly streamsMax: number;
  /** Of the head of a request, as RFC 9113 counts them. Without it, HEADER_LIST_BYTES_MAX. */
  readonly headerListBytesMax?: number;
}

export interface ConnectionListener {
  /** A request came: it is to be opened or refused at once. `ended`: it has no body. The head is good until this returns. */
  request(connection: Http2Connection, id: number, head: RequestHead, ended: boolean): void;
  /** What was read at once brought so many requests that were refused unread. */
  refused(connection: Http2Connection, count: number): void;
  /** The head of a request was larger than is taken. */
  wasTooLarge?(): void;
  /** The connection makes this end hold `bytes` more, or less. */
  held(bytes: number): void;
  /** The other end gave up a stream, answered or not. */
  abandoned(connection: Http2Connection): void;
}

/**
 * The server's end of an HTTP/2 connection (RFC 9113), over any stream of bytes. Everything that the other end can make it
 * keep or do is bounded: streams, windows, header blocks and tables by what SETTINGS say; answers to what it sends by not
 * reading more while they are not read; the time that it takes from others by the frames of a turn.
 */
export class Http2Connection implements StreamConnection, FrameTaker, FrameSource {
  readonly options: ConnectionOptions;
  readonly writer: FrameWriter;
  readonly sendWindows: SendWindows;
  /** The other end answers when it is asked whether it is there. */
  awaitsPong = false;
  /** Of its streams, what waits in them, and what came in part. */
  private keptBytes = 0;
  private readonly socket: Duplex;
  private readonly listener: ConnectionListener;
  private readonly reader: FrameReader = new FrameReader(this);
  private readonly headerBlock: HeaderBlock;
  private readonly streams = new Map<number, Http2Stream>();
  /** Requests that are answered and still come, and how many of their bytes were dropped. */
  private readonly dropped = new Map<number, number>();
  private readonly decoder: HpackDecoder;
  private readonly head = new RequestHead();
  /** Whether what is in `head` is the head of a request. */
  private isRequest = false;
  private hasSettings = false;
  private isOver = false;
  private isForgotten = false;
  private isLeaving = false;
  private lastId = 0;
  private receiveWindow: number;
  private receivedBytes = 0;
  private readonly closedIds = new RecentIds();
  private readonly resetIds = new RecentIds();
  private refusedCount = 0;
  private isPaused = false;
  private isCrowded = false;
  private isBacklogged = false;

  constructor(socket: Duplex, options: ConnectionOptions, listener: ConnectionListener) {
    this.socket = socket;
    this.options = options;
    this.listener = listener;
    const { headerListBytesMax = HEADER_LIST_BYTES_MAX } = options;
    this.decoder = new HpackDecoder(headerListBytesMax);
    // So that what is a little too large is refused, and nothing else on the connection is.
    this.headerBlock = new HeaderBlock(2 * Math.max(HEADER_LIST_BYTES_MAX, headerListBytesMax));
    this.receiveWindow = options.windowBytes;
    this.writer = new FrameWriter(socket, this);
    this.sendWindows = new SendWindows(this.writer);
    const settings = settingsPayload([
      [Setting.MaxConcurrentStreams, options.streamsMax],
      [Setting.InitialWindowSize, options.windowBytes],
      [Setting.MaxHeaderListSize, headerListBytesMax],
    ]);
    this.writer.settings(0, settings);
    this.writer.windowUpdate(0, options.windowBytes - WINDOW_BYTES_DEFAULT);
    socket.on('error', () => {});
    socket.on('data', (piece: Buffer) => this.take(piece));
    socket.on('drain', () => this.drained());
    socket.on('end', () => this.left());
    socket.on('close', () => this.over());
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  /** Bytes that the other end makes this one hold: also what is written and was not taken by the network. */
  get heldBytes(): number {
    return this.isForgotten ? 0 : this.keptBytes + this.backlogBytes;
  }

  /** Streams that the other end counts as open. */
  get streamCount(): number {
    return this.streams.size + this.dropped.size;
  }

  openStreams(): Iterable<Http2Stream> {
    return this.streams.values();
  }

  /** Bytes that are written and that the network has not taken. */
  get backlogBytes(): number {
    return this.writer.backlogBytes;
  }

  // What comes in.

  private take(piece: Buffer): void {
    if (this.isOver) return;
    try {
      this.holdBack(this.reader.read(piece));
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.end(error.code, error.message);
    }
  }

  /** Reads no more for now where what was read took long, or where what it caused is not read. */
  private holdBack(frames: number): void {
    if (this.isOver) return;
    if (this.refusedCount > 0) {
      this.listener.refused(this, this.refusedCount);
      this.refusedCount = 0;
    }
    if (this.backlogBytes > READ_BACKLOG_BYTES_MAX) this.isBacklogged = true;
    if (frames > FRAMES_A_TURN_MAX && !this.isCrowded) {
      this.isCrowded = true;
      setImmediate(() => {
        this.isCrowded = false;
        this.readOn();
      });
    }
    if (this.isBacklogged || this.isCrowded) this.socket.pause();
  }

  private readOn(): void {
    if (!this.isBacklogged && !this.isCrowded && !this.isPaused) this.socket.resume();
  }

  /** Reads nothing more until `resume`: what comes waits with the other end. */
  pause(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.readOn();
  }

  takeFrame(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const id = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    const start = at + FRAME_HEADER_BYTES;
    const blockId = this.headerBlock.id;
    if (blockId !== 0 && (type !== FrameType.Continuation || id !== blockId)) {
      throw broken('a header block must be completed first');
    }
    if (!this.hasSettings) {
      if (type !== FrameType.Settings || (flags & Flag.Ack) !== 0) throw broken('SETTINGS must come first');
      this.hasSettings = true;
    }
    switch (type) {
      case FrameType.Data:
        this.takeData(id, flags, bytes, start, end);
        break;
      case FrameType.Headers:
        this.takeHeaders(id, flags, bytes, start, end);
        break;
      case FrameType.Continuation:
        this.takeContinuation(flags, bytes.subarray(start, end));
        break;
      case FrameType.ResetStream:
        this.takeReset(id, bytes, start, end);
        break;
      case FrameType.WindowUpdate:
        this.takeWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.Settings:
        this.takeSettings(id, flags, bytes, start, end);
        break;
      case FrameType.Ping:
        this.takePing(id, flags, bytes.subarray(start, end));
        break;
      case FrameType.Priority:
        this.takePriority(id, bytes, start, end);
        break;
      case FrameType.GoAway:
        // It will open no more streams, and closes the connection when it has its answers.
        if (id !== 0) throw broken('GOAWAY on a stream');
        break;
      case FrameType.PushPromise:
        throw broken('a client cannot push');
    }
  }

  private takeData(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    this.checkNotIdle(id);
    this.receiveWindow -= length;
    if (this.receiveWindow < 0) throw new ConnectionError(ErrorCode.FlowControlError, 'more than the window allows');
    // What a stream does not take is bounded by its own window, and does not hold up the others.
    this.receivedBytes += length;
    if (this.receivedBytes >= this.options.windowBytes / 4) {
      this.writer.windowUpdate(0, this.receivedBytes);
      this.receiveWindow += this.receivedBytes;
      this.receivedBytes = 0;
    }
    const isLast = (flags & Flag.EndStream) !== 0;
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.dropData(id, length, isLast);
      return;
    }
    let from = start;
    let to = end;
    if ((flags & Flag.Padded) !== 0) {
      if (length === 0 || bytes[start]! >= length) throw broken('padding is longer than its frame');
      to -= bytes[start]!;
      from++;
    }
    stream.receive(bytes.subarray(from, to), length, isLast);
  }

  private dropData(id: number, length: number, isLast: boolean): void {
    const before = this.dropped.get(id);
    if (before === undefined) {
      if (!this.resetIds.has(id)) this.resetStream(id, ErrorCode.StreamClosed);
    } else if (isLast) this.dropIsOver(id);
    else if (before + length <= DROPPED_BYTES_MAX) this.dropped.set(id, before + length);
    else {
      this.resetStream(id, ErrorCode.NoError);
      this.dropIsOver(id);
    }
  }

  private dropIsOver(id: number): void {
    if (this.dropped.delete(id)) this.hold(-DROPPED_STREAM_BYTES);
    this.closedIds.add(id);
    this.endIfLeft();
  }

  private takeHeaders(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    if ((id & 1) === 0) throw broken(`HEADERS on stream ${id}`);
    let from = start;
    let to = end;
    if ((flags & Flag.Padded) !== 0) {
      if (from === to) throw broken('padding is longer than its frame');
      to -= bytes[from++]!;
    }
    if ((flags & Flag.Priority) !== 0) {
      if (to - from < 5) throw new ConnectionError(ErrorCode.FrameSizeError, 'HEADERS are cut short');
      this.checkPriority(id, bytes, from);
      from += 5;
    }
    if (from > to) throw broken('padding is longer than its frame');
    const fragment = bytes.subarray(from, to);
    if ((flags & Flag.EndHeaders) !== 0) {
      this.takeBlock(id, flags, fragment);
      return;
    }
    this.headerBlock.begin(id, flags, fragment);
    this.hold(fragment.length);
  }

  private takeContinuation(flags: number, fragment: Buffer): void {
    const { headerBlock } = this;
    const { id } = headerBlock;
    if (id === 0) throw broken('CONTINUATION of nothing');
    this.hold(fragment.length);
    headerBlock.add(fragment);
    if ((flags & Flag.EndHeaders) === 0) return;
    this.hold(-headerBlock.bytes);
    this.takeBlock(id, headerBlock.flags, headerBlock.end());
  }

  private takeBlock(id: number, flags: number, block: Buffer): void {
    const { head } = this;
    // Also where nobody wants the fields: later blocks depend on this one.
    if (this.decoder.decode(block, head.fields)) this.isRequest = head.read();
    const ended = (flags & Flag.EndStream) !== 0;
    if (id <= this.lastId) {
      this.takeTrailers(id, ended);
      return;
    }
    this.lastId = id;
    if (this.isLeaving) return;
    if (this.streamCount >= this.options.streamsMax) this.resetStream(id, ErrorCode.RefusedStream);
    else if (this.decoder.wasTooLarge) {
      this.listener.wasTooLarge?.();
      this.refuseAll(id, HEAD_TOO_LARGE, ended);
    } else if (!this.isRequest || (ended && head.contentLength > 0)) this.resetStream(id, ErrorCode.ProtocolError);
    else this.listener.request(this, id, head, ended);
  }

  private takeTrailers(id: number, ended: boolean): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) {
      if (stream.hasRequestEnded) stream.reset(ErrorCode.StreamClosed);
      else if (!ended || !areTrailers(this.head.fields)) stream.reset(ErrorCode.ProtocolError);
      else stream.receiveEnd();
    } else if (this.dropped.has(id)) {
      if (ended) this.dropIsOver(id);
    } else if (this.resetIds.has(id)) {
      // The other end may not know yet.
    } else if (this.closedIds.has(id)) throw new ConnectionError(ErrorCode.StreamClosed, `stream ${id} is closed`);
    else throw broken(`stream ${id} comes after stream ${this.lastId}`);
  }

  private takeReset(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, 'RST_STREAM has 4 bytes');
    this.checkNotIdle(id);
    const stream = this.streams.get(id);
    if (stream !== undefined) stream.abandon();
    else if (this.dropped.has(id)) this.dropIsOver(id);
    // Of one that is over, without an error, it only says that no more of the answer is needed.
    if (stream !== undefined || bytes.readUInt32BE(start) !== ErrorCode.NoError) this.listener.abandoned(this);
  }

  private takeWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, 'WINDOW_UPDATE has 4 bytes');
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (id === 0) {
      if (increment === 0) throw broken('WINDOW_UPDATE by nothing');
      this.sendWindows.widen(increment);
      return;
    }
    this.checkNotIdle(id);
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (increment === 0) stream.reset(ErrorCode.ProtocolError);
    else if (!stream.widen(increment)) stream.reset(ErrorCode.FlowControlError);
    else this.sendWindows.noteDelta(stream.windowDelta);
  }

  private takeSettings(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (id !== 0) throw broken('SETTINGS on a stream');
    if ((flags & Flag.Ack) !== 0) {
      if (length !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, 'an acknowledgement is empty');
      return;
    }
    if (length % 6 !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, 'SETTINGS have 6 bytes each');
    for (let at = start; at < end; at += 6) this.takeSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.writer.settings(Flag.Ack, EMPTY);
  }

  private takeSetting(name: number, value: number): void {
    switch (name) {
      case Setting.HeaderTableSize:
        if (value < TABLE_BYTES_DEFAULT) this.writer.shrinkTable();
        break;
      case Setting.EnablePush:
        if (value > 1) throw broken('ENABLE_PUSH is 0 or 1');
        break;
      case Setting.InitialWindowSize:
        this.sendWindows.setStreamWindow(value);
        break;
      case Setting.MaxFrameSize:
        if (value < FRAME_BYTES_MAX || value > 0xffffff) throw broken('MAX_FRAME_SIZE is out of its range');
        break;
    }
  }

  private takePing(id: number, flags: number, payload: Buffer): void {
    if (id !== 0) throw broken('PING on a stream');
    if (payload.length !== 8) throw new ConnectionError(ErrorCode.FrameSizeError, 'PING has 8 bytes');
    if ((flags & Flag.Ack) !== 0) this.awaitsPong = false;
    else this.writer.ping(Flag.Ack, payload);
  }

  private takePriority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw broken('PRIORITY on no stream');
    if (end - start !== 5) throw new ConnectionError(ErrorCode.FrameSizeError, 'PRIORITY has 5 bytes');
    this.checkPriority(id, bytes, start);
  }

  private checkPriority(id: number, bytes: Buffer, at: number): void {
    if ((bytes.readUInt32BE(at) & 0x7fffffff) === id) throw broken(`stream ${id} depends on itself`);
  }

  private checkNotIdle(id: number): void {
    if (id === 0 || id > this.lastId || (id & 1) === 0) throw broken(`stream ${id} was never opened`);
  }

  // What the server does with a request.

  open(id: number, head: RequestHead, ended: boolean, reader: StreamReader): Http2Stream {
    const stream = new Http2Stream(this, id, reader, ended, head.contentLength);
    this.streams.set(id, stream);
    this.hold(STREAM_BYTES);
    return stream;
  }

  /** Answers without making a stream: `block` is all there is to the answer. What is to come of the request is dropped. */
  refuse(id: number, block: Buffer, ended: boolean): void {
    this.refusedCount++;
    this.writer.headers(id, block, true);
    if (ended) this.closedIds.add(id);
    else {
      this.dropped.set(id, 0);
      this.hold(DROPPED_STREAM_BYTES);
    }
  }

  /** Answers likewise, and says that nothing more of the request is wanted. */
  refuseAll(id: number, block: Buffer, ended: boolean): void {
    this.writer.headers(id, block, true);
    if (ended) this.closedIds.add(id);
    else this.resetStream(id, ErrorCode.NoError);
  }

  resetStream(id: number, code: ErrorCode): void {
    this.resetIds.add(id);
    this.writer.resetStream(id, code);
  }

  /** The other end made this one reset a stream that it had begun to serve: it abandons it in other words. */
  misused(): void {
    if (!this.isOver) this.listener.abandoned(this);
  }

  /** For a stream that ends, with what waits in it. */
  forget(stream: Http2Stream, waitingBytes: number): void {
    this.streams.delete(stream.id);
    this.sendWindows.forget(stream);
    this.closedIds.add(stream.id);
    this.hold(-STREAM_BYTES - waitingBytes);
    this.endIfLeft();
  }

  /** The connection makes this end hold so many bytes more, or less. */
  hold(bytes: number): void {
    if (bytes === 0 || this.isForgotten) return;
    this.keptBytes += bytes;
    this.listener.held(bytes);
  }

  // What goes out.

  /** Asks whether the other end is there; `awaitsPong` tells. */
  ping(): void {
    this.awaitsPong = true;
    this.writer.ping(0, Buffer.alloc(8));
  }

  flushing(): void {
    this.sendWindows.pumpIfDue();
  }

  backlogChanged(bytes: number): void {
    if (bytes > 0) this.listener.held(bytes);
  }

  private drained(): void {
    if (this.isOver) return;
    this.writer.drained();
    if (this.isBacklogged) {
      this.isBacklogged = false;
      this.readOn();
    }
    this.sendWindows.pumpSoon();
  }

  // How it ends.

  /** Takes no more requests; the connection ends when those it has are answered. */
  leave(code: ErrorCode = ErrorCode.NoError, why = ''): void {
    if (this.isLeaving || this.isOver) return;
    this.isLeaving = true;
    this.writer.goAway(this.lastId, code, why);
    this.endIfLeft();
  }

  private endIfLeft(): void {
    if (this.isLeaving && !this.isOver && this.streamCount === 0) this.finish();
  }

  /** Ends it at once, and says why in HTTP/2's words. */
  end(code: ErrorCode, why: string): void {
    if (this.isOver) return;
    this.writer.goAway(this.lastId, code, why);
    this.finish();
  }

  private finish(): void {
    const { socket } = this;
    this.writer.finish();
    this.over();
    socket.end();
    // Read on until the other end has seen it: to close what is unread would take back what was written.
    socket.resume();
    this.closeSoon();
  }

  /** The other end has closed the connection, and waits for nothing. */
  private left(): void {
    this.over();
    this.socket.end();
    this.closeSoon();
  }

  /** What it does not read until then is not kept for it. */
  private closeSoon(): void {
    setTimeout(() => this.socket.destroy(), LINGER_MS).unref();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const stream of [...this.streams.values()]) stream.abandon();
    this.sendWindows.close();
    this.dropped.clear();
    this.reader.close();
    this.headerBlock.close();
    this.writer.close();
    this.hold(-this.keptBytes);
    this.isForgotten = true;
  }
}

function broken(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.ProtocolError, what);
}
