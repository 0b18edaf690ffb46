import { ByteReader, MalformedEntryError, varintSize, writeVarint } from '../consensus/entryCodec.ts';
import { Hello } from './generated/peer.ts';

/** Frames of `rkvpeer.Peer/Stream` (proto/peer.proto), read and written without copies where they carry messages. */
export const PEER_PROTOCOL_VERSION = 3;
const HELLO_TAG = 0x0a;
const MESSAGES_TAG = 0x12;

/** Bytes that are not a Frame. */
export class MalformedFrameError extends Error {
  override readonly name = 'MalformedFrameError';
}

export interface FrameView {
  readonly hello: Hello | undefined;
  /** Views of the frame's bytes. */
  readonly messages: readonly Uint8Array[];
}

export function encodeFrame(messages: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const message of messages) size += 1 + varintSize(message.length) + message.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const message of messages) {
    bytes[at] = MESSAGES_TAG;
    at = writeVarint(bytes, at + 1, message.length);
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

export function encodeHello(hello: Hello): Buffer {
  const body = Hello.encode(hello).finish();
  const bytes = Buffer.allocUnsafe(1 + varintSize(body.length) + body.length);
  bytes[0] = HELLO_TAG;
  bytes.set(body, writeVarint(bytes, 1, body.length));
  return bytes;
}

/** Throws MalformedFrameError. */
export function decodeFrame(buffer: Buffer): FrameView {
  // Views of a plain Uint8Array cost a third of views of a Buffer.
  const reader = new ByteReader(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length));
  let hello: Hello | undefined;
  const messages: Uint8Array[] = [];
  try {
    while (reader.pos < reader.end) {
      const tag = reader.varint();
      if (tag === MESSAGES_TAG) messages.push(reader.view());
      else if (tag === HELLO_TAG) hello = decodeHello(reader.view());
      else reader.skip(tag);
    }
  } catch (error) {
    if (error instanceof MalformedEntryError) throw new MalformedFrameError(`not a Frame: ${error.message}`);
    throw error;
  }
  return { hello, messages };
}

function decodeHello(bytes: Uint8Array): Hello {
  try {
    return Hello.decode(bytes);
  } catch (cause) {
    throw new MalformedFrameError(`not a Hello: ${(cause as Error).message}`, { cause });
  }
}
