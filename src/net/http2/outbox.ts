import type { Duplex } from 'node:stream';
import { writeFrameHeader } from './frame.ts';
import { FRAME_HEADER_BYTES } from './protocol.ts';

const SLAB_BYTES = 64 * 1024;
const SPARE_SLABS_MAX = 16;
/** Payloads up to this are copied beside the frames around them; larger ones go as they are. */
const COPIED_BYTES_MAX = 2048;

/** Slabs that are not in use. Most writes are over when `write` returns, so a few serve all connections. */
const spareSlabs: Buffer[] = [];

/** What a connection writes in a turn, in as few pieces as can be: small frames stand one behind the other in a slab. */
export class Outbox {
  /** Bytes that wait for the next flush. */
  bytes = 0;
  private pieces: Buffer[] = [];
  private slabs: Buffer[] = [];
  private slab: Buffer | undefined;
  private used = 0;
  /** Where in the slab begins what is in no piece yet. */
  private start = 0;

  frame(length: number, type: number, flags: number, stream: number): void {
    writeFrameHeader(this.room(FRAME_HEADER_BYTES), this.used, length, type, flags, stream);
    this.advance(FRAME_HEADER_BYTES);
  }

  uint32(value: number): void {
    this.room(4).writeUInt32BE(value, this.used);
    this.advance(4);
  }

  byte(value: number): void {
    this.room(1)[this.used] = value;
    this.advance(1);
  }

  payload(bytes: Buffer): void {
    const { length } = bytes;
    if (length <= COPIED_BYTES_MAX) {
      this.room(length).set(bytes, this.used);
      this.advance(length);
      return;
    }
    this.cut();
    this.pieces.push(bytes);
    this.bytes += length;
  }

  private advance(bytes: number): void {
    this.used += bytes;
    this.bytes += bytes;
  }

  private room(bytes: number): Buffer {
    if (this.slab !== undefined && this.used + bytes <= SLAB_BYTES) return this.slab;
    this.cut();
    this.slab = spareSlabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.slabs.push(this.slab);
    this.used = 0;
    this.start = 0;
    return this.slab;
  }

  private cut(): void {
    if (this.slab === undefined || this.used === this.start) return;
    this.pieces.push(this.slab.subarray(this.start, this.used));
    this.start = this.used;
  }

  /** Hands all of it to the socket, in one write. */
  flush(socket: Duplex): void {
    this.cut();
    const { slabs } = this;
    // A few bytes that wait behind others would each keep a slab.
    const isBehind = socket.writableLength > 0;
    const pieces = isBehind ? this.pieces.map((piece) => this.outOfSlab(piece)) : this.pieces;
    this.pieces = [];
    this.slabs = [];
    this.slab = undefined;
    this.bytes = 0;
    if (pieces.length === 1) socket.write(pieces[0]!);
    else if (pieces.length > 1) {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
    // What the socket still has must not change.
    if (socket.writableLength > 0 && !isBehind) return;
    for (const slab of slabs) if (spareSlabs.length < SPARE_SLABS_MAX) spareSlabs.push(slab);
  }

  private outOfSlab(piece: Buffer): Buffer {
    return this.slabs.some(({ buffer }) => buffer === piece.buffer) ? Buffer.from(piece) : piece;
  }
}
