import { crc32 } from 'node:zlib';
import { ByteReader, MalformedBytesError } from '../bytes/byteReader.ts';
import { THE_GROUP } from './group.ts';
import { OPENING_VERSION } from './peerVersions.ts';

/**
 * The frames that our servers send each other on a connection of their own (docs/peers.md). Each is a header and a payload:
 *
 * | bytes | what |
 * |---|---|
 * | 4 | bytes of the payload, big-endian like all that follow |
 * | 1 | version: of the link (peerVersions.ts), in the frames with which every link begins OPENING_VERSION |
 * | 1 | kind |
 * | 2 | 0 |
 * | 4 | group: which of the servers' logs the messages are of (group.ts); 0 in frames about the link itself |
 * | 4 | CRC-32 (zlib's) of the twelve bytes before it and the payload |
 */

/** What both ends send first. No HTTP/2 (`PRI`), no TLS (0x16) and no text begins like that. */
export const PEER_PREFACE = Buffer.from('89524b560d0a1a0a', 'hex');

export const FrameKind = {
  /** The dialler's first frame, and no other. */
  Hello: 1,
  Welcome: 2,
  /** The link ends, and why. */
  Refusal: 3,
  /** One or more engine messages, each with its length in front. */
  Messages: 4,
  /** The beginning of a message that is too large for one frame, with its whole length in front. */
  LargeBegin: 5,
  /** More of it. Between two of these other messages may go. */
  LargeMore: 6,
  Ping: 7,
  Pong: 8,
  /** How many bytes of frames the acceptor has taken in so far: 8 bytes. */
  Taken: 9,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export const HEADER_BYTES = 16;
const CHECKED_BYTES = 12;
/** Engine messages in one frame take about this much: what an urgent one waits for at most, once it is at the socket. */
export const FRAME_BYTES = 64 * 1024;
/** Payloads are never larger: what fills a frame, and the lengths in front. */
export const PAYLOAD_BYTES_MAX = FRAME_BYTES + 64;
/**
 * Of an engine message: one entry always fits, however large `-maxgrpc` lets a command be. Entries in one are far less as a rule
 * (`maxMessageBytes` of the engines' settings), and snapshots go in chunks.
 */
export const MESSAGE_BYTES_MAX = 1024 * 1024 * 1024;
const KIND_MAX = FrameKind.Taken;
/** Of the kinds that carry engine messages. */
const GROUP_KINDS: ReadonlySet<number> = new Set([FrameKind.Messages, FrameKind.LargeBegin, FrameKind.LargeMore]);

/** Bytes that are not a frame, or not one that belongs here. */
export class MalformedFrameError extends Error {
  override readonly name = 'MalformedFrameError';
}

/**
 * A frame of a link of this version, whose payload is to be written at HEADER_BYTES, or the first `hereBytes` of it where the rest stays
 * where it is; `sealFrame` makes it whole.
 */
export function newFrame(kind: FrameKind, version: number, payloadBytes: number, hereBytes = payloadBytes): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + hereBytes);
  frame.writeUInt32BE(payloadBytes, 0);
  frame[4] = version;
  frame[5] = kind;
  frame[6] = 0;
  frame[7] = 0;
  frame.writeUInt32BE(THE_GROUP, 8);
  return frame;
}

/** `rest`: what of the payload stays where it is. */
export function sealFrame(frame: Buffer, rest: readonly Uint8Array[] = []): Buffer {
  let sum = checksum(frame);
  for (const part of rest) sum = crc32(part, sum);
  frame.writeUInt32BE(sum, CHECKED_BYTES);
  return frame;
}

/** Without a version it is one with which links begin. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array, version = OPENING_VERSION): Buffer {
  const frame = newFrame(kind, version, payload.length);
  frame.set(payload, HEADER_BYTES);
  return sealFrame(frame);
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(HEADER_BYTES), crc32(frame.subarray(0, CHECKED_BYTES)));
}

export function encodeTaken(bytes: number, version: number): Buffer {
  const frame = newFrame(FrameKind.Taken, version, 8);
  frame.writeBigUInt64BE(BigInt(bytes), HEADER_BYTES);
  return sealFrame(frame);
}

/** Throws MalformedFrameError. */
export function decodeTaken(payload: Uint8Array): number {
  if (payload.length !== 8) throw new MalformedFrameError(`a Taken of ${payload.length} bytes, expected 8`);
  const bytes = new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0);
  if (bytes > Number.MAX_SAFE_INTEGER) throw new MalformedFrameError(`a Taken of ${bytes}`);
  return Number(bytes);
}

const PING_NAME_BYTES = 4;

/** A ping that has a name, and the pong that repeats it. `name`: below 2^32. */
export function encodePing(kind: typeof FrameKind.Ping | typeof FrameKind.Pong, name: number, version: number): Buffer {
  const frame = newFrame(kind, version, PING_NAME_BYTES);
  frame.writeUInt32BE(name, HEADER_BYTES);
  return sealFrame(frame);
}

/** Throws MalformedFrameError. */
export function decodePing(payload: Uint8Array): number {
  if (payload.length !== PING_NAME_BYTES) {
    throw new MalformedFrameError(`the name of a ping has ${payload.length} bytes, expected ${PING_NAME_BYTES}`);
  }
  return new DataView(payload.buffer, payload.byteOffset, PING_NAME_BYTES).getUint32(0);
}

/** The messages of a frame, views of its bytes. Throws MalformedFrameError. */
export function decodeMessages(payload: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(payload);
  const messages: Uint8Array[] = [];
  try {
    while (reader.pos < reader.end) messages.push(reader.view());
  } catch (error) {
    throw notMessages(error);
  }
  return messages;
}

/** The length of a large message, and its first piece. Throws MalformedFrameError. */
export function decodeLargeBegin(payload: Uint8Array): { readonly totalBytes: number; readonly piece: Uint8Array } {
  const reader = new ByteReader(payload);
  try {
    const totalBytes = reader.varint();
    return { totalBytes, piece: payload.subarray(reader.pos) };
  } catch (error) {
    throw notMessages(error);
  }
}

function notMessages(error: unknown): unknown {
  return error instanceof MalformedBytesError ? new MalformedFrameError(`not messages: ${error.message}`) : error;
}

/**
 * Finds the frames in bytes that come in pieces cut anywhere. Keeps what is no whole frame yet, and nothing else. A payload is a view
 * that stays as it is, but that of a large message's piece (LargeBegin, LargeMore): who takes it copies it at once, for it may be put
 * together where the one before it was. Memory touched for the first time is slow, and such frames come by the hundred.
 */
export class FrameReader {
  /** A longer payload is malformed as soon as its header is here. */
  payloadBytesMax: number;
  /** A frame of another version is malformed as soon as its header is here; what follows the frame that is being taken, first. */
  version = OPENING_VERSION;
  private readonly take: (kind: FrameKind, payload: Uint8Array, group: number) => void;
  private partial: Buffer | undefined;
  private partialBytes = 0;
  /** Where pieces of large messages are put together. */
  private shared: Buffer | undefined;

  constructor(payloadBytesMax: number, take: (kind: FrameKind, payload: Uint8Array, group: number) => void) {
    this.payloadBytesMax = payloadBytesMax;
    this.take = take;
  }

  /** Bytes kept of a frame that is not whole. */
  get heldBytes(): number {
    return this.partialBytes;
  }

  /** Throws MalformedFrameError, and what `take` throws; what follows cannot be read then. */
  push(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      if (this.partial !== undefined || piece.length - at < HEADER_BYTES) {
        at = this.gather(piece, at);
        continue;
      }
      const frameBytes = this.frameBytes(piece, at);
      if (frameBytes > piece.length - at) at = this.gather(piece, at);
      else {
        this.whole(piece.subarray(at, at + frameBytes));
        at += frameBytes;
      }
    }
  }

  private gather(piece: Buffer, from: number): number {
    let at = from;
    this.partial ??= Buffer.allocUnsafe(HEADER_BYTES);
    if (this.partialBytes < HEADER_BYTES) {
      at = this.fill(piece, at, HEADER_BYTES);
      if (this.partialBytes < HEADER_BYTES) return at;
      const frame = this.room(this.frameBytes(this.partial, 0), this.partial[5]!);
      this.partial.copy(frame);
      this.partial = frame;
    }
    at = this.fill(piece, at, this.partial.length);
    if (this.partialBytes < this.partial.length) return at;
    const frame = this.partial;
    this.partial = undefined;
    this.partialBytes = 0;
    this.whole(frame);
    return at;
  }

  private room(bytes: number, kind: number): Buffer {
    if (kind !== FrameKind.LargeBegin && kind !== FrameKind.LargeMore) return Buffer.allocUnsafe(bytes);
    if (this.shared === undefined || this.shared.length < bytes) {
      this.shared = Buffer.allocUnsafeSlow(HEADER_BYTES + this.payloadBytesMax);
    }
    return this.shared.subarray(0, bytes);
  }

  private fill(piece: Buffer, at: number, upTo: number): number {
    const copied = piece.copy(this.partial!, this.partialBytes, at, at + upTo - this.partialBytes);
    this.partialBytes += copied;
    return at + copied;
  }

  private frameBytes(bytes: Buffer, at: number): number {
    const version = bytes[at + 4]!;
    const kind = bytes[at + 5]!;
    const payloadBytes = bytes.readUInt32BE(at);
    if (version !== this.version) {
      throw new MalformedFrameError(`a frame of peer protocol version ${version}, expected ${this.version}`);
    }
    if (kind < 1 || kind > KIND_MAX || bytes.readUInt16BE(at + 6) !== 0) {
      throw new MalformedFrameError(`a frame of unknown kind ${kind}`);
    }
    const group = bytes.readUInt32BE(at + 8);
    if (group !== 0 && !GROUP_KINDS.has(kind)) {
      throw new MalformedFrameError(`a frame of kind ${kind} and group ${group}, expected 0`);
    }
    if (payloadBytes > this.payloadBytesMax) {
      throw new MalformedFrameError(`a frame of ${payloadBytes} bytes, expected at most ${this.payloadBytesMax}`);
    }
    return HEADER_BYTES + payloadBytes;
  }

  private whole(frame: Buffer): void {
    if (frame.readUInt32BE(CHECKED_BYTES) !== checksum(frame)) {
      throw new MalformedFrameError('the checksum of a frame does not fit its bytes');
    }
    // Views of a plain Uint8Array cost a third of views of a Buffer.
    const payload = new Uint8Array(frame.buffer, frame.byteOffset + HEADER_BYTES, frame.length - HEADER_BYTES);
    this.take(frame[5] as FrameKind, payload, frame.readUInt32BE(8));
  }
}
