import { GatheredBytes } from '../http2/gatheredBytes.ts';

/** A gRPC message begins with a flag byte and its length, four bytes, big-endian. */
const PREFIX_BYTES = 5;

export interface MessageSink {
  message(bytes: Buffer): void;
  /** A message of `bytes` bytes begins: whether it may come. Nothing more is taken where it may not. */
  begins(bytes: number, isCompressed: boolean): boolean;
  /** What is kept of unfinished messages takes so many bytes more, or less. */
  kept(bytes: number): void;
}

/** Cuts a stream's bytes into messages. What came of an unfinished one is kept, and no more. */
export class MessageReader {
  private readonly sink: MessageSink;
  private gathered: GatheredBytes | undefined;
  /** Of the message that is under way, with its prefix; the prefix alone while its length is not known. */
  private neededBytes = PREFIX_BYTES;
  private isOver = false;

  constructor(sink: MessageSink) {
    this.sink = sink;
  }

  /** Whether a message has begun and is not whole. */
  get isUnfinished(): boolean {
    return this.gathered !== undefined && this.gathered.length > 0;
  }

  /** The next piece, cut anywhere. */
  take(piece: Buffer): void {
    let rest = piece;
    while (rest.length > 0 && !this.isOver) {
      if (this.isUnfinished || rest.length < PREFIX_BYTES) rest = this.gather(rest);
      else if (!this.begin(rest)) return;
      else if (rest.length >= this.neededBytes) rest = this.complete(rest);
      else rest = this.gather(rest);
    }
  }

  /** `bytes` begin with a whole prefix. */
  private begin(bytes: Buffer): boolean {
    const length = bytes.readUInt32BE(1);
    if (this.sink.begins(length, bytes[0] !== 0)) {
      this.neededBytes = PREFIX_BYTES + length;
      return true;
    }
    this.stop();
    return false;
  }

  /** `bytes` begin with a whole message. Returns what is behind it. */
  private complete(bytes: Buffer): Buffer {
    const end = this.neededBytes;
    this.neededBytes = PREFIX_BYTES;
    this.sink.message(bytes.subarray(PREFIX_BYTES, end));
    return bytes.subarray(end);
  }

  /** Keeps what belongs to the message under way. Returns what does not. */
  private gather(bytes: Buffer): Buffer {
    this.gathered ??= new GatheredBytes();
    const { gathered } = this;
    const missing = this.neededBytes - gathered.length;
    const here = bytes.length <= missing ? bytes : bytes.subarray(0, missing);
    const before = gathered.capacity;
    gathered.append(here, this.neededBytes);
    this.sink.kept(gathered.capacity - before);
    if (gathered.length === this.neededBytes) this.go(gathered);
    return bytes.subarray(here.length);
  }

  /** As much is there as was needed: the prefix, or all. */
  private go(gathered: GatheredBytes): void {
    if (this.neededBytes === PREFIX_BYTES) {
      if (!this.begin(gathered.peek())) return;
      if (this.neededBytes > PREFIX_BYTES) return;
    }
    const whole = gathered.peek();
    this.drop();
    this.complete(whole);
  }

  private drop(): void {
    const capacity = this.gathered?.capacity ?? 0;
    this.gathered?.clear();
    if (capacity > 0) this.sink.kept(-capacity);
  }

  /** Forgets what it has, and takes nothing more. */
  stop(): void {
    this.isOver = true;
    this.drop();
  }
}

/** A message as it travels. */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  writePrefix(bytes, message.length);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** What goes before a message. */
export function prefixOf(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES);
  writePrefix(bytes, message.length);
  return bytes;
}

function writePrefix(bytes: Buffer, length: number): void {
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
}
