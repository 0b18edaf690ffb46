import { readdirSync, readFileSync } from 'node:fs';

/** Connections taken where no descriptor limit is known, and at most however high it is. */
const CONNECTIONS_MAX = 16_384;
/** Fewer could not serve the peers and one client. */
const CONNECTIONS_MIN = 4;
/** Kept for the store (a table, its log, the manifest and a compaction's output at a time), logs, metrics and the CSV files. */
const KEPT_DESCRIPTORS = 20;
/** Each peer may have its streams to us counted twice while it reconnects, and ours to it likewise. */
const DESCRIPTORS_PER_PEER = 3;

/** How many connections may be open at once so that `softLimit` leaves enough descriptors for everything else; never more than `most`. */
export function connectionsFor(
  softLimit: number | undefined,
  inUse: number,
  peers: number,
  most = CONNECTIONS_MAX,
): number {
  if (softLimit === undefined) return most;
  const left = softLimit - inUse - KEPT_DESCRIPTORS - DESCRIPTORS_PER_PEER * peers;
  return Math.min(most, Math.max(CONNECTIONS_MIN, left));
}

/** The soft limit on open files; undefined where the system does not tell or has none. */
export function descriptorLimit(): number | undefined {
  try {
    return parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return undefined;
  }
}

export function parseDescriptorLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}

/** Descriptors open in this process; a guess where the system does not tell. */
export function descriptorsInUse(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 32;
  }
}
