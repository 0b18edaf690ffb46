import type { Socket } from 'node:net';
import { PEER_PREFACE } from '../../wire/peerFrames.ts';

/** Who connects speaks first, and at once. What has not told in this time what it speaks is left to HTTP/2. */
export const SNIFF_MS_MAX = 2000;

/**
 * Looks at the first bytes of a connection: one of our servers begins with PEER_PREFACE, which is taken off; anything else is
 * handed on as it came, and `other` is told how it begins. A socket that ends before that is handed to nobody.
 */
export function sniff(socket: Socket, peer: () => void, other: (beginning: Buffer | undefined) => void): void {
  let seen: Buffer | undefined;
  const timer = setTimeout(() => decide(false), SNIFF_MS_MAX);
  timer.unref();
  const leave = () => {
    clearTimeout(timer);
    socket.off('readable', look);
    socket.off('close', leave);
  };
  const decide = (isPeer: boolean) => {
    leave();
    if (socket.destroyed) return;
    const rest = isPeer ? seen!.subarray(PEER_PREFACE.length) : seen;
    if (rest !== undefined && rest.length > 0) socket.unshift(rest);
    if (isPeer) peer();
    else other(seen);
  };
  const look = () => {
    const piece = socket.read() as Buffer | null;
    if (piece === null) return;
    seen = seen === undefined ? piece : Buffer.concat([seen, piece]);
    const common = Math.min(seen.length, PEER_PREFACE.length);
    const mayBePeer = seen.compare(PEER_PREFACE, 0, common, 0, common) === 0;
    if (!mayBePeer || common === PEER_PREFACE.length) decide(mayBePeer);
  };
  socket.on('error', () => {});
  socket.on('readable', look);
  socket.on('close', leave);
}
