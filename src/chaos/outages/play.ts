import { setTimeout as pause } from 'node:timers/promises';
import { findLeader, type ServerReport } from '../../supervisor/cluster.ts';
import type { RunningCluster } from '../../supervisor/launcher.ts';
import type { Writers } from '../writers.ts';
import type { OutageCase } from './cases.ts';

/** What one play of a case came to, times in ms. */
export interface Play {
  /** The longest that the client which fared worst waited for an acknowledgement, while the fault lasted. */
  readonly waitedMs: number;
  /** From the fault's beginning until another one was followed by a majority; undefined where nobody else led. */
  readonly otherLeadsMs: number | undefined;
  /** By how many the term had grown when the fault ended. */
  readonly terms: number;
  /** What the server that was hit took itself for then. */
  readonly roleAtEnd: string;
  /** From the fault's end until that server took part again and had all that was committed. */
  readonly backMs: number;
}

const POLL_MS = 10;
const BACK_MS_MAX = 60_000;
/** Writes of each client before a play begins: it has found the leader then. */
const WARM_UP_WRITES = 20;

/** Lets the fault of a case last for so long, and watches. Throws FaultError where it cannot be brought about. */
export async function playOutage(
  cluster: RunningCluster,
  writers: Writers,
  { fault }: OutageCase,
  lastsMs: number,
): Promise<Play> {
  await writers.served(WARM_UP_WRITES);
  const before = findLeader(await cluster.status());
  const { servers } = (await cluster.faults.begin({ what: fault }))!;
  const beganMs = performance.now();
  const hit = servers[0]!;
  let otherLeadsMs: number | undefined;
  let reports: readonly ServerReport[] = [];
  while (performance.now() - beganMs < lastsMs) {
    reports = await cluster.status();
    const leader = findLeader(reports);
    if (leader !== undefined && leader.id !== before?.id) otherLeadsMs ??= performance.now() - beganMs;
    await pause(POLL_MS);
  }
  const waitedMs = writers.longestWaitMs(beganMs, performance.now());
  const term = Math.max(...reports.map((report) => report.term ?? 0));
  await cluster.faults.heal();
  const endedMs = performance.now();
  return {
    waitedMs,
    otherLeadsMs,
    terms: term - (before?.term ?? term),
    roleAtEnd: roleOf(reports[hit - 1]!),
    backMs: await untilBack(cluster, hit, endedMs),
  };
}

/** A leader that knows that it is not followed says that it knows of no leader. */
function roleOf({ role = 'no answer', leader }: ServerReport): string {
  return role === 'leader' && leader === 0 ? 'leader without a quorum' : role;
}

async function untilBack(cluster: RunningCluster, hit: number, endedMs: number): Promise<number> {
  while (performance.now() - endedMs < BACK_MS_MAX) {
    const reports = await cluster.status();
    const leader = findLeader(reports);
    const { role, appliedIndex = 0, term } = reports[hit - 1]!;
    const takesPart = role === 'follower' || role === 'leader';
    if (takesPart && term === leader?.term && appliedIndex >= (leader?.commitIndex ?? Number.POSITIVE_INFINITY)) break;
    if (takesPart && leader?.id === hit) break;
    await pause(POLL_MS);
  }
  return performance.now() - endedMs;
}
