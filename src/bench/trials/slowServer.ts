import { Socket } from 'node:net';

/**
 * `node --import slowServer.js rkvd …`: a server that is slower than it is, by a known amount of work: for every byte that it reads, from
 * clients and from servers, its thread does nothing for so many nanoseconds more. A command is as many bytes each time, so this is a share of what it
 * takes; how much throughput falls by it is measured (calibration.ts). For trials of the bench alone: nothing of it is in rkvd.
 */
export const DELAY_VARIABLE = 'RKV_TRIALS_DELAY_NS_PER_BYTE';

/** Shorter pauses are saved up: to look at the clock takes part of them. */
const PAUSE_NS_MIN = 5000n;

function slowReads(nsPerByte: number): void {
  const push = Socket.prototype.push;
  let owedNs = 0n;
  Socket.prototype.push = function (this: Socket, piece: unknown, encoding?: BufferEncoding) {
    if (piece instanceof Uint8Array) {
      owedNs += BigInt(Math.round(piece.length * nsPerByte));
      if (owedNs >= PAUSE_NS_MIN) {
        pause(owedNs);
        owedNs = 0n;
      }
    }
    return push.call(this, piece, encoding);
  };
}

function pause(ns: bigint): void {
  const untilNs = process.hrtime.bigint() + ns;
  while (process.hrtime.bigint() < untilNs);
}

const nsPerByte = Number(process.env[DELAY_VARIABLE] ?? 0);
if (nsPerByte > 0) slowReads(nsPerByte);
