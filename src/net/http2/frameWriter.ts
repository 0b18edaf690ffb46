import type { Duplex } from 'node:stream';
import { goAwayPayload } from './frame.ts';
import { Outbox } from './outbox.ts';
import { type ErrorCode, Flag, FrameType } from './protocol.ts';

/** Whose frames are written. */
export interface FrameSource {
  /** All that the turn has written is about to leave; it may write more. */
  flushing(): void;
  /** What is written and was not taken by the network is so many bytes more, or less. */
  backlogChanged(bytes: number): void;
}

/** Writes frames (RFC 9113, 6), each kind in its form. All that a turn has written leaves at once, at its end. */
export class FrameWriter {
  private readonly socket: Duplex;
  private readonly source: FrameSource;
  private readonly outbox = new Outbox();
  private mustShrinkTable = false;
  private isDue = false;
  private isClosed = false;
  private notedBacklogBytes = 0;

  constructor(socket: Duplex, source: FrameSource) {
    this.socket = socket;
    this.source = source;
  }

  /** Bytes that are written and that the network has not taken. */
  get backlogBytes(): number {
    return this.socket.writableLength + this.outbox.bytes;
  }

  /** The next header block says that we keep no table (RFC 7541, 4.2). */
  shrinkTable(): void {
    this.mustShrinkTable = true;
  }

  headers(id: number, block: Buffer, ends: boolean): void {
    const { outbox } = this;
    const flags = Flag.EndHeaders | (ends ? Flag.EndStream : 0);
    if (this.mustShrinkTable) {
      this.mustShrinkTable = false;
      outbox.frame(block.length + 1, FrameType.Headers, flags, id);
      outbox.byte(0x20);
    } else outbox.frame(block.length, FrameType.Headers, flags, id);
    outbox.payload(block);
    this.flushSoon();
  }

  /** The header of a DATA frame; its payload follows by `payload`. */
  data(id: number, length: number): void {
    this.outbox.frame(length, FrameType.Data, 0, id);
    this.flushSoon();
  }

  payload(bytes: Buffer): void {
    this.outbox.payload(bytes);
  }

  windowUpdate(id: number, bytes: number): void {
    this.outbox.frame(4, FrameType.WindowUpdate, 0, id);
    this.outbox.uint32(bytes);
    this.flushSoon();
  }

  resetStream(id: number, code: ErrorCode): void {
    this.outbox.frame(4, FrameType.ResetStream, 0, id);
    this.outbox.uint32(code);
    this.flushSoon();
  }

  settings(flags: number, payload: Buffer): void {
    this.frame(FrameType.Settings, flags, payload);
  }

  ping(flags: number, payload: Buffer): void {
    this.frame(FrameType.Ping, flags, payload);
  }

  goAway(lastId: number, code: ErrorCode, why: string): void {
    this.frame(FrameType.GoAway, 0, goAwayPayload(lastId, code, why));
  }

  /** One of the connection as a whole. */
  private frame(type: number, flags: number, payload: Buffer): void {
    this.outbox.frame(payload.length, type, flags, 0);
    this.outbox.payload(payload);
    this.flushSoon();
  }

  flushSoon(): void {
    if (this.isDue || this.isClosed) return;
    this.isDue = true;
    if (due.length === 0) process.nextTick(flushDue);
    due.push(this);
  }

  flush(): void {
    this.isDue = false;
    if (this.isClosed) return;
    this.source.flushing();
    // What the network does not take now is gathered here: handed over piece by piece it would take many times as much.
    if (!this.socket.writableNeedDrain) this.outbox.flush(this.socket);
    this.noteBacklog();
  }

  /** The network has taken what it was given. */
  drained(): void {
    this.noteBacklog();
    if (this.outbox.bytes > 0) this.flushSoon();
  }

  private noteBacklog(): void {
    const bytes = this.backlogBytes;
    this.source.backlogChanged(bytes - this.notedBacklogBytes);
    this.notedBacklogBytes = bytes;
  }

  /** Hands over what is written now, whatever the network takes: nothing follows it. */
  finish(): void {
    this.outbox.flush(this.socket);
  }

  /** Nothing more leaves by itself. */
  close(): void {
    this.isClosed = true;
  }
}

const due: FrameWriter[] = [];

function flushDue(): void {
  // Flushing can make others due, which is then their turn.
  for (const writer of due.splice(0)) writer.flush();
}
