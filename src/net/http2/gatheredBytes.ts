const CAPACITY_MIN = 1024;
const EMPTY = Buffer.alloc(0);

/**
 * Bytes that came in pieces and wait for more, or for their reader, copied together: a piece by itself would keep an object and
 * all that came with it in one read, however small it is.
 */
export class GatheredBytes {
  length = 0;
  private start = 0;
  private room: Buffer = EMPTY;

  /** What it takes in memory. */
  get capacity(): number {
    return this.room.length;
  }

  /** `most`: as many bytes as will be here at any time, where that is known. */
  append(piece: Buffer, most = Number.POSITIVE_INFINITY): void {
    const needed = this.length + piece.length;
    if (this.start + needed > this.room.length) {
      const grown = Math.max(CAPACITY_MIN, needed, Math.min(2 * needed, most));
      const room = Buffer.allocUnsafeSlow(grown);
      this.room.copy(room, 0, this.start, this.start + this.length);
      this.room = room;
      this.start = 0;
    }
    piece.copy(this.room, this.start + this.length);
    this.length = needed;
  }

  /** The first bytes, `most` at most; they are not changed any more. */
  take(most: number): Buffer {
    const length = Math.min(most, this.length);
    const bytes = this.room.subarray(this.start, this.start + length);
    this.start += length;
    this.length -= length;
    if (this.length === 0) this.clear();
    return bytes;
  }

  /** All of it, without taking it. */
  peek(): Buffer {
    return this.room.subarray(this.start, this.start + this.length);
  }

  clear(): void {
    this.room = EMPTY;
    this.start = 0;
    this.length = 0;
  }
}
