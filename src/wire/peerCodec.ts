import { Hello, Refusal, Welcome } from './generated/peer.ts';
import { encodeFrame, FrameKind, MalformedFrameError, PEER_PROTOCOL_VERSION } from './peerFrames.ts';

/** The frames with which a link between two servers begins, and ends. */

export type { Hello, Refusal, Welcome } from './generated/peer.ts';

export function encodeHello(hello: Omit<Hello, 'version'>): Buffer {
  return encodeFrame(FrameKind.Hello, Hello.encode({ version: PEER_PROTOCOL_VERSION, ...hello }).finish());
}

export function encodeWelcome(welcome: Omit<Welcome, 'version'>): Buffer {
  return encodeFrame(FrameKind.Welcome, Welcome.encode({ version: PEER_PROTOCOL_VERSION, ...welcome }).finish());
}

export function encodeRefusal(refusal: Refusal): Buffer {
  return encodeFrame(FrameKind.Refusal, Refusal.encode(refusal).finish());
}

/** These throw MalformedFrameError. */
export const decodeHello = (payload: Uint8Array): Hello => decoded('a Hello', () => Hello.decode(payload));
export const decodeWelcome = (payload: Uint8Array): Welcome => decoded('a Welcome', () => Welcome.decode(payload));
export const decodeRefusal = (payload: Uint8Array): Refusal => decoded('a Refusal', () => Refusal.decode(payload));

function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new MalformedFrameError(`not ${what}: ${(cause as Error).message}`, { cause });
  }
}
