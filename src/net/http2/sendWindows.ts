import type { FrameWriter } from './frameWriter.ts';
import { ConnectionError, ErrorCode, WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MAX } from './protocol.ts';

/** What waits to be written: beyond this no more answers are handed over. */
const SEND_BACKLOG_BYTES_MAX = 256 * 1024;

/** A stream that may have to wait. */
export interface WindowedSender {
  /** Sends what may be sent. */
  pump(): void;
}

/** How much the other end lets this one send (RFC 9113, 5.2), and the streams that have more to send than that. */
export class SendWindows {
  private readonly writer: FrameWriter;
  private connectionBytes = WINDOW_BYTES_DEFAULT;
  /** Of a stream that is new. */
  private streamBytes = WINDOW_BYTES_DEFAULT;
  /** By how much a stream's window was wider than that, the most of all. */
  private deltaMax = 0;
  private readonly waiting = new Set<WindowedSender>();
  private pumpDue = false;

  constructor(writer: FrameWriter) {
    this.writer = writer;
  }

  /** Of a stream whose window differs by so much from the one that new streams have. */
  ofStream(delta: number): number {
    return this.streamBytes + delta;
  }

  /** What such a stream may send now. */
  mayBeSent(delta: number): number {
    const roomBytes = SEND_BACKLOG_BYTES_MAX - this.writer.backlogBytes;
    return Math.min(this.streamBytes + delta, this.connectionBytes, roomBytes);
  }

  sent(bytes: number): void {
    this.connectionBytes -= bytes;
  }

  /** It is pumped when there may be room. */
  wait(stream: WindowedSender): void {
    this.waiting.add(stream);
  }

  forget(stream: WindowedSender): void {
    this.waiting.delete(stream);
  }

  /** Throws ConnectionError where it becomes wider than may be. */
  widen(bytes: number): void {
    this.connectionBytes += bytes;
    if (this.connectionBytes > WINDOW_BYTES_MAX) throw tooWide();
    this.pumpSoon();
  }

  /** A stream's window has been widened to this. */
  noteDelta(delta: number): void {
    if (delta > this.deltaMax) this.deltaMax = delta;
  }

  /** Of all streams. Throws likewise. */
  setStreamWindow(bytes: number): void {
    if (bytes + this.deltaMax > WINDOW_BYTES_MAX) throw tooWide();
    this.streamBytes = bytes;
    this.pumpSoon();
  }

  /** There may be room for those that wait: they send with what the turn has written. */
  pumpSoon(): void {
    if (this.waiting.size === 0) return;
    this.pumpDue = true;
    this.writer.flushSoon();
  }

  pumpIfDue(): void {
    if (!this.pumpDue) return;
    this.pumpDue = false;
    const streams = [...this.waiting];
    this.waiting.clear();
    for (const stream of streams) stream.pump();
  }

  close(): void {
    this.waiting.clear();
  }
}

function tooWide(): ConnectionError {
  return new ConnectionError(ErrorCode.FlowControlError, 'a window is larger than may be');
}
