import { Hello, Refusal, Welcome } from './generated/peer.ts';
import { encodeFrame, FrameKind, MalformedFrameError } from './peerFrames.ts';
import { OPENING_VERSION, toldVersions, type VersionRange } from './peerVersions.ts';

/** The frames with which a link between two servers begins, and ends. */

export type { Hello, Refusal, Welcome } from './generated/peer.ts';

/** As versions said it that speak one alone. */
const OPENING: VersionRange = { oldest: OPENING_VERSION, newest: OPENING_VERSION };

/** `speaks`: what the dialler speaks. */
export function encodeHello(hello: Omit<Hello, 'version' | 'newest'>, speaks = OPENING): Buffer {
  return encodeFrame(FrameKind.Hello, Hello.encode({ ...toldVersions(speaks), ...hello }).finish());
}

/** `speaks`: what the acceptor speaks. */
export function encodeWelcome(welcome: Omit<Welcome, 'version' | 'newest'>, speaks = OPENING): Buffer {
  return encodeFrame(FrameKind.Welcome, Welcome.encode({ ...toldVersions(speaks), ...welcome }).finish());
}

/** `version`: of the link, once it was taken up. */
export function encodeRefusal(refusal: Refusal, version = OPENING_VERSION): Buffer {
  return encodeFrame(FrameKind.Refusal, Refusal.encode(refusal).finish(), version);
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
