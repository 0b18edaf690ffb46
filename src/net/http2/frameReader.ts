import { ConnectionError, ErrorCode, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, PREFACE } from './protocol.ts';

const EMPTY = Buffer.alloc(0);

/** Who is given the frames. */
export interface FrameTaker {
  /** Takes no more once it is not. */
  readonly isOpen: boolean;
  /** A whole frame, header included, from `at` to `end`; good until this returns. */
  takeFrame(bytes: Buffer, at: number, end: number): void;
  /** A frame that comes in pieces takes so many bytes more, or less. */
  hold(bytes: number): void;
}

/** Finds the frames in what comes from a client, where they lie (RFC 9113, 3.4 and 4.1). */
export class FrameReader {
  private readonly taker: FrameTaker;
  private prefaceAt = 0;
  /** A frame that is not complete: as much room as is known to be needed, and how much of it is there. */
  private partial: Buffer = EMPTY;
  private partialBytes = 0;

  constructor(taker: FrameTaker) {
    this.taker = taker;
  }

  /** Returns how many frames lay whole in the piece. Throws ConnectionError where it is not HTTP/2, and what the taker throws. */
  read(piece: Buffer): number {
    const { taker } = this;
    let at = this.prefaceAt < PREFACE.length ? this.readPreface(piece) : 0;
    let frames = 0;
    if (this.partialBytes > 0) at = this.complete(piece, at);
    while (piece.length - at >= FRAME_HEADER_BYTES && taker.isOpen) {
      const end = at + FRAME_HEADER_BYTES + lengthOf(piece, at);
      if (end > piece.length) break;
      taker.takeFrame(piece, at, end);
      at = end;
      frames++;
    }
    if (at < piece.length && taker.isOpen) this.complete(piece, at);
    return frames;
  }

  private readPreface(piece: Buffer): number {
    const length = Math.min(PREFACE.length - this.prefaceAt, piece.length);
    if (PREFACE.compare(piece, 0, length, this.prefaceAt, this.prefaceAt + length) !== 0) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'not HTTP/2');
    }
    this.prefaceAt += length;
    return length;
  }

  /** Gathers a frame that comes in several pieces. Returns where the next one begins. */
  private complete(piece: Buffer, start: number): number {
    let at = start;
    if (this.partialBytes === 0) this.partial = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    while (at < piece.length) {
      const length = Math.min(this.partial.length - this.partialBytes, piece.length - at);
      piece.copy(this.partial, this.partialBytes, at, at + length);
      this.partialBytes += length;
      at += length;
      if (this.partialBytes < this.partial.length) return at;
      const whole = FRAME_HEADER_BYTES + lengthOf(this.partial, 0);
      if (this.partial.length === whole) {
        const { partial } = this;
        if (whole > FRAME_HEADER_BYTES) this.taker.hold(-whole);
        this.partial = EMPTY;
        this.partialBytes = 0;
        this.taker.takeFrame(partial, 0, whole);
        return at;
      }
      const room = Buffer.allocUnsafe(whole);
      this.partial.copy(room);
      this.partial = room;
      this.taker.hold(whole);
    }
    return at;
  }

  /** Forgets a frame that is not complete; nothing more comes. */
  close(): void {
    this.partial = EMPTY;
  }
}

function lengthOf(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length > FRAME_BYTES_MAX) throw new ConnectionError(ErrorCode.FrameSizeError, `a frame of ${length} bytes`);
  return length;
}
