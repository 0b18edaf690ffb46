import type { Workload } from '../../client/load/workload.ts';

/** A workload that is only asked for values, all the same: the test says which key a request is about. */
export function valuesOnly(payloadBytes: number): Workload {
  return {
    nextKey: () => 0,
    keyText: String,
    keyBytes: () => new Uint8Array(),
    nextValue: () => new Uint8Array(payloadBytes).fill(0x78),
    random: () => 0,
  };
}
