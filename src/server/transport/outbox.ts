import { varintSize, writeVarint } from '../../bytes/varint.ts';
import { IN_ORDER_BYTES_MAX } from '../../consensus/parts/transit.ts';
import { FRAME_BYTES, FrameKind, HEADER_BYTES, newFrame, sealFrame } from '../../wire/peerFrames.ts';
import { OPENING_VERSION } from '../../wire/peerVersions.ts';
import { isSmall, type Outgoing, partOf } from './outgoing.ts';

/** Bytes that may wait in a link; what comes on top is dropped, as a network would. */
export const LINK_BYTES_MAX = 64 * 1024 * 1024;
/** Of what overtakes the rest, which has room of its own: heartbeats are not dropped because large entries wait. */
export const OVERTAKING_BYTES_MAX = 1024 * 1024;

const NOTHING: Outgoing = new Uint8Array(0);

/**
 * The engine messages that wait for one peer, and the frames that they leave in. Messages leave in order, several small ones in
 * one frame and a large one in many; but one that may overtake others goes before them where they are many bytes.
 */
export class Outbox {
  private readonly overtaking: Uint8Array[] = [];
  private ordered: Outgoing[] = [];
  /** Messages before this position have left. */
  private head = 0;
  /** Bytes of the message at `head` that have left. */
  private sentOfHead = 0;
  private orderedBytes = 0;
  private overtakingBytes = 0;
  /** Of the link that the frames are for. */
  version = OPENING_VERSION;

  get waitingBytes(): number {
    return this.orderedBytes + this.overtakingBytes;
  }

  /** Whether one more message is taken; asked before it is encoded. */
  hasRoom(mayOvertake: boolean): boolean {
    return mayOvertake ? this.overtakingBytes <= OVERTAKING_BYTES_MAX : this.orderedBytes <= LINK_BYTES_MAX;
  }

  add(message: Outgoing, mayOvertake: boolean): void {
    if (mayOvertake && this.orderedBytes > IN_ORDER_BYTES_MAX && isSmall(message)) {
      this.overtaking.push(message);
      this.overtakingBytes += message.length;
    } else {
      this.ordered.push(message);
      this.orderedBytes += message.length;
    }
  }

  /** A frame of what goes before all else, in one piece of memory or more; undefined where there is nothing. */
  nextOvertaking(): readonly Uint8Array[] | undefined {
    if (this.overtaking.length === 0) return undefined;
    const messages = fitting(this.overtaking, 0);
    this.overtaking.splice(0, messages.length);
    for (const { length } of messages) this.overtakingBytes -= length;
    return [messagesFrame(messages, this.version)];
  }

  /** A frame of the others; undefined where none waits. */
  nextOrdered(): readonly Uint8Array[] | undefined {
    const message = this.ordered[this.head];
    if (message === undefined) return undefined;
    if (!isSmall(message)) return this.nextPiece(message);
    const messages = fitting(this.ordered, this.head);
    for (const { length } of messages) this.orderedBytes -= length;
    this.advance(messages.length);
    return [messagesFrame(messages, this.version)];
  }

  /** The piece itself is not copied. */
  private nextPiece(message: Outgoing): readonly Uint8Array[] {
    const from = this.sentOfHead;
    const to = Math.min(message.length, from + FRAME_BYTES);
    const lengthBytes = from === 0 ? varintSize(message.length) : 0;
    const kind = from === 0 ? FrameKind.LargeBegin : FrameKind.LargeMore;
    const head = newFrame(kind, this.version, lengthBytes + to - from, lengthBytes);
    if (from === 0) writeVarint(head, HEADER_BYTES, message.length);
    const piece = partOf(message, from, to);
    this.orderedBytes -= to - from;
    if (to === message.length) this.advance(1);
    else this.sentOfHead = to;
    return [sealFrame(head, piece), ...piece];
  }

  private advance(count: number): void {
    this.sentOfHead = 0;
    // Let go of what has left.
    this.ordered.fill(NOTHING, this.head, this.head + count);
    this.head += count;
    if (this.head === this.ordered.length) {
      this.ordered = [];
      this.head = 0;
    } else if (this.head > 64 && this.head * 2 > this.ordered.length) {
      this.ordered = this.ordered.slice(this.head);
      this.head = 0;
    }
  }

  clear(): void {
    this.overtaking.length = 0;
    this.ordered = [];
    this.head = 0;
    this.sentOfHead = 0;
    this.orderedBytes = 0;
    this.overtakingBytes = 0;
  }
}

/** The messages from `from` on that fit in one frame: the first, which is small, at least. */
function fitting(messages: readonly Outgoing[], from: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let bytes = 0;
  for (let at = from; at < messages.length; at++) {
    const message = messages[at]!;
    bytes += varintSize(message.length) + message.length;
    if (!isSmall(message) || (bytes > FRAME_BYTES && found.length > 0)) break;
    found.push(message);
  }
  return found;
}

function messagesFrame(messages: readonly Uint8Array[], version: number): Buffer {
  let bytes = 0;
  for (const { length } of messages) bytes += varintSize(length) + length;
  const frame = newFrame(FrameKind.Messages, version, bytes);
  let at = HEADER_BYTES;
  for (const message of messages) {
    at = writeVarint(frame, at, message.length);
    frame.set(message, at);
    at += message.length;
  }
  return sealFrame(frame);
}
