/**
 * The window of append messages on their way to one follower, oldest first: for each the index of its last entry and the
 * bytes it carries. Full when the number of messages or the sum of bytes reaches its limit; the last message may overshoot
 * the byte limit, so that one message always fits.
 */
export class Inflights {
  private readonly maxMessages: number;
  private readonly maxBytes: number;
  private lastIndexes: number[] = [];
  private sizes: number[] = [];
  /** Messages before this position of the arrays are acknowledged. */
  private head = 0;
  private bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.maxMessages = maxMessages;
    this.maxBytes = maxBytes;
  }

  get count(): number {
    return this.lastIndexes.length - this.head;
  }

  get full(): boolean {
    return this.count >= this.maxMessages || this.bytes >= this.maxBytes;
  }

  /** A message that ends with entry `lastIndex` was sent. The window must not be full. */
  add(lastIndex: number, bytes: number): void {
    if (this.full) throw new RangeError('adding a message to a full window');
    this.lastIndexes.push(lastIndex);
    this.sizes.push(bytes);
    this.bytes += bytes;
  }

  /** Frees all messages that end at or before `index`. */
  freeUpTo(index: number): void {
    while (this.head < this.lastIndexes.length && this.lastIndexes[this.head]! <= index) {
      this.bytes -= this.sizes[this.head]!;
      this.head++;
    }
    // So each message is moved once at the most, as far as that goes by the count.
    if (this.head * 2 > this.lastIndexes.length) this.compact();
  }

  reset(): void {
    this.lastIndexes = [];
    this.sizes = [];
    this.head = 0;
    this.bytes = 0;
  }

  private compact(): void {
    this.lastIndexes.splice(0, this.head);
    this.sizes.splice(0, this.head);
    this.head = 0;
  }
}
