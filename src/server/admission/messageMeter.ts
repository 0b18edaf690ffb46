/** A gRPC message begins with a flag byte and its length, four bytes, big-endian. */
const PREFIX_BYTES = 5;

/**
 * Follows the messages in a stream's data without keeping any of it: how much of an unfinished message was taken in. gRPC
 * gathers a message in memory until it is whole, so these are the bytes that a client which stops half way makes us hold.
 */
export class MessageMeter {
  /** Bytes of the message that is not whole yet. */
  unfinishedBytes = 0;
  /** Bytes of all whole messages so far, prefixes included. */
  wholeBytes = 0;
  /** The length that the largest message announced. */
  largestBytes = 0;
  private messageBytes = 0;

  /** The next piece of the stream, cut anywhere. */
  take(piece: Uint8Array): void {
    const { length } = piece;
    let pos = 0;
    while (pos < length) {
      while (this.unfinishedBytes < PREFIX_BYTES && pos < length) {
        const byte = piece[pos++]!;
        this.messageBytes = this.unfinishedBytes === 0 ? 0 : this.messageBytes * 256 + byte;
        this.unfinishedBytes++;
      }
      if (this.unfinishedBytes < PREFIX_BYTES) return;
      if (this.messageBytes > this.largestBytes) this.largestBytes = this.messageBytes;
      const missing = this.messageBytes + PREFIX_BYTES - this.unfinishedBytes;
      const here = Math.min(missing, length - pos);
      this.unfinishedBytes += here;
      pos += here;
      if (here < missing) return;
      this.wholeBytes += this.unfinishedBytes;
      this.unfinishedBytes = 0;
    }
  }
}
