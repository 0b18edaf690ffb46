import { readFileSync } from 'node:fs';
import { isPortFree } from './freePorts.ts';

/** Below are the ports of known services, our own defaults (9201 and up) among them. */
const FIRST_PORT = 10_000;
const LAST_PORT = 65_535;
/** With fewer than these below it, what is above the ephemeral range is better. */
const ROOM_MIN = 1000;

/** First and last port that the system gives to outgoing connections. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** RFC 6335's, which systems keep to that do not say. */
const USUAL_RANGE: PortRange = { first: 49_152, last: LAST_PORT };

/** No port is to be had that could be kept. */
export class NoPortError extends Error {
  override readonly name = 'NoPortError';
}

/** Where a server's port would sooner or later be taken by somebody's outgoing connection while the server is down. */
export function ephemeralRange(path = '/proc/sys/net/ipv4/ip_local_port_range'): PortRange {
  try {
    const [first, last] = readFileSync(path, 'latin1').trim().split(/\s+/).map(Number);
    return Number.isSafeInteger(first) && Number.isSafeInteger(last) ? { first: first!, last: last! } : USUAL_RANGE;
  } catch {
    return USUAL_RANGE;
  }
}

export interface PortChoice {
  /** Others are to have them. */
  readonly taken?: ReadonlySet<number>;
  readonly ephemeral?: PortRange;
  readonly isFree?: (port: number) => Promise<boolean>;
  /** Where the search begins, 0 to 1: two that look at the same time seldom find the same. */
  readonly random?: () => number;
}

/**
 * Finds ports of 127.0.0.1 that are free now and that can be kept: none of those that the system gives away by itself. They are below
 * that range, or above it where there is no room below. Throws NoPortError.
 */
export async function choosePorts(
  count: number,
  { taken = new Set(), ephemeral = ephemeralRange(), isFree = isPortFree, random = Math.random }: PortChoice = {},
): Promise<number[]> {
  const [from, to] =
    ephemeral.first - FIRST_PORT >= ROOM_MIN ? [FIRST_PORT, ephemeral.first - 1] : [ephemeral.last + 1, LAST_PORT];
  const room = Math.max(0, to - from + 1);
  const start = Math.floor(random() * room);
  const chosen: number[] = [];
  for (let i = 0; i < room && chosen.length < count; i++) {
    const port = from + ((start + i) % room);
    if (!taken.has(port) && (await isFree(port))) chosen.push(port);
  }
  if (chosen.length < count) {
    throw new NoPortError(
      `no ${count} free ports outside the range of outgoing connections (${ephemeral.first} to ${ephemeral.last}): name them in the cluster file`,
    );
  }
  return chosen;
}
