import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlannedRun } from '../plan/plan.ts';
import type { RepeatRecord } from '../results/schema.ts';
import { measureOnce, type Progress, type WindowObserver } from '../run/measure.ts';
import type { Interrupts } from '../run/target.ts';
import { type Breakdown, breakdownOf, together } from './breakdown.ts';
import type { CpuProfile } from './cpuProfile.ts';
import { Modules } from './modules.ts';
import { type Profiled, Profiling, type ProfilingOptions } from './profiling.ts';
import { BENCH_STAGES, SERVER_STAGES } from './stages.ts';
import { CallCounting, type CallCounts } from './systemCalls.ts';

export interface ProfileContext {
  readonly interrupts: Interrupts;
  readonly progress: (title: string) => Progress & { end(): void };
}

/** The servers that led and those that followed, and what made the load. */
export interface ByRole<T> {
  readonly leader: T;
  /** All of them together. */
  readonly followers: T;
  readonly bench: T;
}

/** A run whose profiles were taken. */
export interface ProfiledRun {
  readonly record: RepeatRecord;
  readonly breakdowns: ByRole<Breakdown>;
  /** By a name of the process, such as `server-2-leader`. */
  readonly profiles: ReadonlyMap<string, CpuProfile>;
}

/** A run whose system calls were counted. */
export interface CountedRun {
  readonly record: RepeatRecord;
  readonly calls: ByRole<CallCounts>;
}

/** No server led at the end of a run, so there is nobody to tell of. */
export class NoLeaderError extends Error {
  override readonly name = 'NoLeaderError';
}

/** A run as rkv-bench makes it. This and those below are undefined where they were interrupted. */
export function plainRun(run: PlannedRun, context: ProfileContext): Promise<RepeatRecord | undefined> {
  return watched(run, 'without profiles', context);
}

/** Rejects with what measuring and profiling reject with. */
export async function profiledRun(
  run: PlannedRun,
  options: ProfilingOptions,
  context: ProfileContext,
): Promise<ProfiledRun | undefined> {
  const profiling = new Profiling(options);
  let record: RepeatRecord | undefined;
  try {
    record = await watched(run, 'with profiles', context, profiling);
  } finally {
    profiling.close();
  }
  const { profiled } = profiling;
  if (record === undefined || profiled === undefined) return undefined;
  const modules = new Modules();
  const servers = new Map(
    [...profiled.servers].map(([id, process]) => [id, breakdownOf(process, SERVER_STAGES, modules)]),
  );
  const bench = together(profiled.bench.map((process) => breakdownOf(process, BENCH_STAGES, modules)));
  return { record, breakdowns: { ...byRole(record, servers, together), bench }, profiles: named(record, profiled) };
}

function named({ leader }: RepeatRecord, { servers, bench }: Profiled): Map<string, CpuProfile> {
  const roleOf = (id: number) => (id === leader ? 'leader' : 'follower');
  return new Map([
    ...[...servers].map(([id, { profile }]) => [`server-${id}-${roleOf(id)}`, profile] as const),
    ...bench.map(({ profile }, at) => [at === 0 ? 'bench' : `bench-worker-${at}`, profile] as const),
  ]);
}

/** Rejects with what measuring rejects with, and StraceError. */
export async function countedRun(
  run: PlannedRun,
  strace: string,
  context: ProfileContext,
): Promise<CountedRun | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'rkv-calls-'));
  const counting = new CallCounting(strace, folder);
  try {
    const record = await watched(run, 'counting system calls', context, counting);
    if (record === undefined) return undefined;
    const { counted } = counting;
    return { record, calls: { ...byRole(record, counted, addedUp), bench: counted.get(BENCH)! } };
  } finally {
    await counting.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Among the servers' ids, this process. */
const BENCH = 0;

async function watched(
  run: PlannedRun,
  title: string,
  { interrupts, progress: progressOf }: ProfileContext,
  observer?: WindowObserver,
): Promise<RepeatRecord | undefined> {
  if (interrupts.stop.aborted) return undefined;
  const progress = progressOf(title);
  try {
    const measured = await measureOnce(run, 0, progress, interrupts, observer === undefined ? {} : { observer });
    return interrupts.stop.aborted ? undefined : measured?.record;
  } finally {
    progress.end();
  }
}

function byRole<T>(
  { leader, servers }: RepeatRecord,
  byId: ReadonlyMap<number, T>,
  added: (all: readonly T[]) => T,
): Omit<ByRole<T>, 'bench'> {
  const led = leader === null ? undefined : byId.get(leader);
  if (led === undefined) throw new NoLeaderError('no server led at the end of the run');
  const followers = servers.flatMap(({ id }) => (id === leader ? [] : (byId.get(id) ?? [])));
  return { leader: led, followers: added(followers) };
}

function addedUp(all: readonly CallCounts[]): CallCounts {
  const sums = new Map<string, number>();
  for (const counts of all) for (const [name, calls] of counts) sums.set(name, (sums.get(name) ?? 0) + calls);
  return sums;
}
