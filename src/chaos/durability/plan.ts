import { Random } from '../../simulator/random.ts';

export const SERVERS = 3;

/** Whom a blow hits: whoever leads when it comes, this server, or all at once. */
export type Victim = 'leader' | 'all' | number;

/** Something that ends servers: SIGKILL, or a disk that has no room left. They are started again once it is over. */
export interface Blow {
  readonly kind: 'kill' | 'fill';
  readonly victim: Victim;
  /** From when the one before was over. */
  readonly afterMs: number;
  /** How long they are down, or the disk is full. */
  readonly lastsMs: number;
  /** Of a disk that is filled: what is left at first. What servers write takes that. */
  readonly freeBytes: number;
}

/** What a seed means. When a blow comes is measured by the machine it runs on, so a repetition is alike, not the same. */
export interface DurabilityPlan {
  readonly seed: number;
  /** Of those that read and write few keys. */
  readonly clients: number;
  readonly keys: number;
  /** After so many entries servers take a snapshot. */
  readonly snapshotEntries: number;
  readonly blows: readonly Blow[];
}

/** From one blow to the next on average: some come while the cluster still gets over the one before. */
const AFTER_MEAN_MS = 700;
/** About an election timeout, and longer than what waits for a restart takes. */
const DOWN_MS_MAX = 1200;
/** What a leader writes in a second or two. */
const FREE_BYTES_MAX = 256 * 1024;

/** Half of the blows hit the leader, one in seven everybody. With `fills` half of them are full disks. */
export function drawDurability(seed: number, fills: boolean): DurabilityPlan {
  const random = new Random(seed).fork('durability');
  const blows = Array.from({ length: random.between(2, 4) }, (): Blow => {
    const kind = fills && random.chance(0.5) ? 'fill' : 'kill';
    const other = random.chance(2 / 7) ? 'all' : 1 + random.int(SERVERS);
    return {
      kind,
      victim: random.chance(0.5) ? 'leader' : other,
      afterMs: random.exponential(AFTER_MEAN_MS),
      lastsMs: random.int(DOWN_MS_MAX),
      freeBytes: random.pick([0, random.int(FREE_BYTES_MAX)]),
    };
  });
  return {
    seed,
    clients: random.between(2, 4),
    keys: random.between(2, 5),
    snapshotEntries: random.pick([100, 400, 1500]),
    blows,
  };
}

/** Values of all the ways in which they are stored: mostly small, some in several pages, few that go past the others. */
const LARGE_VALUE_BYTES = 300_000;

/** A value that is this key's alone. */
export function drawValue(key: string, random: Random): string {
  const length = random.chance(0.02) ? LARGE_VALUE_BYTES : random.chance(0.1) ? random.int(16_384) : random.int(100);
  return `${key}:`.padEnd(length, `${key}*`);
}

/** In a line, as it is told when it comes. */
export function describeBlow({ kind, victim, lastsMs, freeBytes }: Blow, hit: readonly number[]): string {
  const whom =
    victim === 'all' ? 'all servers' : `server ${hit.join(',')}${victim === 'leader' ? ' (the leader)' : ''}`;
  return kind === 'kill'
    ? `SIGKILL to ${whom}, down for ${lastsMs} ms`
    : `the disk of ${whom} is full but for ${freeBytes} bytes, for ${lastsMs} ms`;
}
