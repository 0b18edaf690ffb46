import type { Happening } from './happenings.ts';
import { findLeader, findServingLeader, isLevel, type ServerSample } from './samples.ts';

/**
 * What a play came to. "The fault" is the first step that changes anything for the cluster. What did not come about before the play
 * was over counts with the time until then.
 */
export interface Measurements extends ClusterMeasurements {
  /** From the fault to the first acknowledgement of a write that was sent after it. */
  readonly firstWriteMs: number;
  /** The longest time since the fault that nobody had a write acknowledged. */
  readonly gapMs: number;
  /** The same of the client that fared worst. */
  readonly waitMs: number;
  /** Writes that clients gave up. */
  readonly givenUp: number;
}

/** What a play came to for the servers, whatever load they had. */
export interface ClusterMeasurements {
  /** How much of the time since the fault nobody led whom a majority followed. */
  readonly leaderlessMs: number;
  /** From the fault until another server led; null where none did. */
  readonly successorMs: number | null;
  /** From when a server was let back until it took part and had what was committed then: the longest; null where none was away. */
  readonly catchUpMs: number | null;
  /** From when an operator asked for a change of the members or a transfer until it was done: the longest; null where nobody did. */
  readonly operatorMs: number | null;
  /** By how many the term grew. */
  readonly terms: number;
  /** What the server that was hit first took itself for when it was let back, or in the end; null where no fault hit one. */
  readonly roleAtEnd: string | null;
}

type Sample = Extract<Happening, { kind: 'sample' }>;
type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

/** Of a play that lasted so long. */
export function measure(happenings: readonly Happening[], lastsMs: number): Measurements {
  const all = <K extends Happening['kind']>(kind: K) => happenings.filter((each) => each.kind === kind) as Of<K>[];
  const writes = all('acknowledged');
  const fromMs = findFault(happenings)?.atMs ?? 0;
  const first = writes.find(({ sentMs }) => sentMs >= fromMs);
  const clients = [...new Set([...writes, ...all('given-up')].map(({ client }) => client))];
  const waits = clients.map((client) =>
    longestGapMs(
      writes.filter((each) => each.client === client),
      fromMs,
      lastsMs,
    ),
  );
  return {
    ...measureCluster(happenings, lastsMs),
    firstWriteMs: (first?.atMs ?? lastsMs) - fromMs,
    gapMs: longestGapMs(writes, fromMs, lastsMs),
    waitMs: Math.max(lastsMs - fromMs > 0 && clients.length === 0 ? lastsMs - fromMs : 0, ...waits),
    givenUp: all('given-up').length,
  };
}

/** Of a play that lasted so long: what its steps and what servers said of themselves come to. */
export function measureCluster(happenings: readonly Happening[], lastsMs: number): ClusterMeasurements {
  const samples = happenings.filter((each) => each.kind === 'sample');
  const fault = findFault(happenings);
  const fromMs = fault?.atMs ?? 0;
  const before = lastAt(samples, fromMs);
  return {
    leaderlessMs: leaderlessMs(samples, fromMs, lastsMs),
    successorMs: successorMs(samples, fromMs, before),
    catchUpMs: catchUpMs(happenings, samples, lastsMs),
    operatorMs: operatorMs(happenings, lastsMs),
    terms: Math.max(0, highestTerm(samples.at(-1)) - highestTerm(before ?? samples[0])),
    roleAtEnd: roleAtEnd(happenings, samples, fault),
  };
}

/** The first step that changed anything for the cluster. */
export function findFault(happenings: readonly Happening[]): Of<'step'> | undefined {
  return happenings.find((each): each is Of<'step'> => each.kind === 'step' && each.disturbs);
}

/**
 * From the fault until a server that it did not hit stopped following the leader that it hit: knew of no leader or of another, or stood for
 * election. Null where it hit no leader.
 */
export function detectedMs(happenings: readonly Happening[]): number | null {
  const fault = findFault(happenings);
  if (fault === undefined) return null;
  const samples = happenings.filter((each) => each.kind === 'sample');
  const former = findLeader(lastAt(samples, fault.atMs)?.servers ?? []);
  if (former === undefined || !fault.servers.includes(former.id)) return null;
  const noticed = samples.find(
    ({ atMs, servers }) =>
      atMs >= fault.atMs &&
      servers.some(
        ({ id, term, leader }) =>
          !fault.servers.includes(id) &&
          // Others follow nobody anyway.
          (former.voters?.includes(id) ?? false) &&
          term !== undefined &&
          (leader !== former.id || term > former.term!),
      ),
  );
  return noticed === undefined ? null : noticed.atMs - fault.atMs;
}

function longestGapMs(writes: readonly { readonly atMs: number }[], fromMs: number, lastsMs: number): number {
  let longestMs = 0;
  let lastMs = fromMs;
  for (const { atMs } of writes) {
    if (atMs <= fromMs || atMs > lastsMs) continue;
    longestMs = Math.max(longestMs, atMs - lastMs);
    lastMs = atMs;
  }
  return Math.max(longestMs, lastsMs - lastMs);
}

function lastAt(samples: readonly Sample[], atMs: number): Sample | undefined {
  return samples.findLast((sample) => sample.atMs <= atMs);
}

/** Each sample holds until the next one. */
function leaderlessMs(samples: readonly Sample[], fromMs: number, lastsMs: number): number {
  let sumMs = 0;
  for (const [i, { atMs, servers }] of samples.entries()) {
    const untilMs = Math.min(samples[i + 1]?.atMs ?? lastsMs, lastsMs);
    if (untilMs > fromMs && findServingLeader(servers) === undefined) sumMs += untilMs - Math.max(atMs, fromMs);
  }
  return sumMs;
}

function successorMs(samples: readonly Sample[], fromMs: number, before: Sample | undefined): number | null {
  const former = before === undefined ? undefined : findLeader(before.servers)?.id;
  for (const { atMs, servers } of samples) {
    if (atMs < fromMs) continue;
    const leader = findLeader(servers);
    if (leader !== undefined && leader.id !== former) return atMs - fromMs;
  }
  return null;
}

function highestTerm(sample: Sample | undefined): number {
  return Math.max(0, ...(sample?.servers ?? []).map(({ term }) => term ?? 0));
}

/** A server that is hit again before it is level again was not let back for good: that return does not count. */
function catchUpMs(happenings: readonly Happening[], samples: readonly Sample[], lastsMs: number): number | null {
  const times: number[] = [];
  for (const back of happenings) {
    if (back.kind !== 'back') continue;
    const goalIndex = highestCommit(samples, back.atMs);
    for (const id of back.servers) {
      const hitAgain = happenings.find(
        (each) => each.kind === 'step' && each.disturbs && each.atMs > back.atMs && each.servers.includes(id),
      );
      const level = samples.find(({ askedMs, servers }) => {
        const own = servers.find((server) => server.id === id);
        // What was asked before may be answered as it was then.
        return askedMs >= back.atMs && isLevel(own, findLeader(servers), goalIndex);
      });
      if (hitAgain !== undefined && (level === undefined || level.atMs > hitAgain.atMs)) continue;
      times.push((level?.atMs ?? lastsMs) - back.atMs);
    }
  }
  return times.length === 0 ? null : Math.max(...times);
}

function highestCommit(samples: readonly Sample[], untilMs: number): number {
  let highest = 0;
  for (const { atMs, servers } of samples) {
    if (atMs > untilMs) break;
    for (const { commitIndex } of servers) highest = Math.max(highest, commitIndex ?? 0);
  }
  return highest;
}

function operatorMs(happenings: readonly Happening[], lastsMs: number): number | null {
  const times = happenings.flatMap((asked) => {
    if (asked.kind !== 'asked') return [];
    const ended = happenings.find((each) => each.kind === 'step-over' && each.step === asked.step);
    const failed = happenings.some((each) => each.kind === 'step-failed' && each.step === asked.step);
    return failed ? [] : [(ended?.atMs ?? lastsMs) - asked.atMs];
  });
  return times.length === 0 ? null : Math.max(...times);
}

function roleAtEnd(
  happenings: readonly Happening[],
  samples: readonly Sample[],
  fault: Of<'step'> | undefined,
): string | null {
  if (fault === undefined) return null;
  const { atMs, forMs = Number.POSITIVE_INFINITY, servers } = fault;
  const [hit] = servers;
  if (hit === undefined) return null;
  const back = happenings.find((each) => each.kind === 'back' && each.servers.includes(hit));
  // A fault is told to be over after it is, and by then its server may be another already.
  const endMs = Math.min(back?.atMs ?? Number.POSITIVE_INFINITY, atMs + forMs);
  return roleOf(lastAt(samples, endMs)?.servers.find(({ id }) => id === hit));
}

/** A leader that knows that it is not followed says that it knows of no leader. */
function roleOf(sample: ServerSample | undefined): string {
  const role = sample?.role ?? 'no answer';
  return role === 'leader' && sample!.leader === 0 ? 'leader without a quorum' : role;
}
