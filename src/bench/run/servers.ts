import { readFileSync } from 'node:fs';
import type { RkvClient } from '../../client/rkvClient.ts';
import type { StatusResponse } from '../../wire/generated/admin.ts';

/** The status of every server that answers. */
export async function serverStatuses(client: RkvClient): Promise<StatusResponse[]> {
  const reports = await client.statuses();
  return reports.flatMap((report) => ('status' in report ? [report.status] : []));
}

/** The server that leads; of two that say so, the one of the later term. */
export function leaderOf(statuses: readonly StatusResponse[]): StatusResponse | undefined {
  return statuses.filter(({ role }) => role === 'leader').sort((a, b) => b.term - a.term)[0];
}

/** Pids by server id, of the servers that run on this machine. */
export function localPids(statuses: readonly StatusResponse[]): Map<number, number> {
  const local = statuses.filter(({ address, pid }) => isLoopback(address) && isServer(pid));
  return new Map(local.map(({ id, pid }) => [id, pid]));
}

/** Whether it is an address of this machine. */
export function isLoopback(address: string): boolean {
  return /^(127\.|localhost:|\[::1\]|:)/.test(address);
}

/** A port may be forwarded from another machine or container, where the same pid is something else. */
function isServer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('rkvd');
  } catch {
    return false;
  }
}
