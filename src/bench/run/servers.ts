import type { ServerStatus } from '../systems/system.ts';

/** The server that leads; of two that say so, the one of the later term. */
export function leaderOf(statuses: readonly ServerStatus[]): ServerStatus | undefined {
  return statuses.filter(({ role }) => role === 'leader').sort((a, b) => b.term - a.term)[0];
}

/** Pids by server id, of the servers whose process can be seen. */
export function localPids(statuses: readonly ServerStatus[]): Map<number, number> {
  return new Map(statuses.flatMap(({ id, pid }) => (pid === undefined ? [] : [[id, pid] as const])));
}
