import { randomBytes } from 'node:crypto';
import type { SecondRow } from '../../client/load/latencyRecorder.ts';
import type { LoadSink } from '../../client/load/loadGenerator.ts';
import { diskFacts, machineFacts } from '../facts/machine.ts';
import { type CpuSample, residentBytesMax, sampleCpu } from '../facts/processTimes.ts';
import { limitsOf } from '../generatorLimits.ts';
import { added, latencyUs } from '../merge.ts';
import type { PlannedRun } from '../plan/plan.ts';
import type { RepeatHistograms } from '../results/repeatHistograms.ts';
import type {
  DiskFacts,
  GeneratorRecord,
  Incident,
  Recovery,
  RepeatRecord,
  RunSettings,
  SecondRecord,
  ServerRecord,
  StagesRecord,
} from '../results/schema.ts';
import type { SystemClient } from '../systems/system.ts';
import type { Generated, Generator } from './generator.ts';
import type { GeneratorFigures } from './generatorWatch.ts';
import { LocalGenerator } from './localGenerator.ts';
import { leaderOf, localPids } from './servers.ts';
import { type Interrupts, openTarget, startsServers, type Target } from './target.ts';
import { verify } from './verify.ts';
import { distanceMsOf, Watching } from './watching.ts';
import { WorkerGenerator } from './workerGenerator.ts';
import { markFrom } from './writeAudit.ts';

/** Told of a run's course, for people. */
export interface Progress {
  phase(
    phase: 'starting' | 'connecting' | 'filling' | 'warming-up' | 'measuring' | 'verifying' | 'stopping',
    durationMs?: number,
  ): void;
  second(row: SecondRow): void;
}

/** Looks at the processes of a run while it is measured. What either rejects with ends the run. */
export interface WindowObserver {
  /** The load has warmed up and waits for this. `pids` of the servers by id. */
  begin(pids: ReadonlyMap<number, number>, target: Target): Promise<void>;
  /** All that was asked in the window is answered. */
  end(): Promise<void>;
}

export interface MeasureOptions {
  /** The original's CSV files of clients and servers are there then. */
  readonly csvFolder?: string | undefined;
  readonly observer?: WindowObserver | undefined;
  /** Told of what is measured; not where processes of their own make the load. */
  readonly sink?: LoadSink | undefined;
}

/** One repeat of a run, measured. */
export interface Measurement {
  readonly record: RepeatRecord;
  readonly histograms: RepeatHistograms;
  readonly disk: DiskFacts | null;
}

/**
 * Measures a run once, on servers of its own that end with it, or on those that run. Where it is interrupted, what was
 * measured until then; undefined where that is nothing. Rejects where the servers do not come up or accept no session.
 */
export async function measureOnce(
  run: PlannedRun,
  repeat: number,
  progress: Progress,
  interrupts: Interrupts,
  options: MeasureOptions = {},
): Promise<Measurement | undefined> {
  const { stop, hurry } = interrupts;
  const { csvFolder, observer, sink } = options;
  progress.phase(startsServers(run.settings.cluster) ? 'starting' : 'connecting');
  let target: Target;
  try {
    target = await openTarget(run, interrupts, csvFolder);
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
  const { load } = run.settings;
  let watching: Watching;
  try {
    watching = new Watching(target, run.settings);
  } catch (error) {
    await target.stop();
    throw error;
  }
  const client = target.system.newClient(target.addresses, {
    rpc: load.rpc,
    hasLookups: load.reads > 0,
    onNotice: (text) => watching.notice(text),
  });
  const hurryUp = () => {
    client.close();
    void target.stopNow();
  };
  hurry.addEventListener('abort', hurryUp, { once: true });
  try {
    return await driveTarget({
      settings: run.settings,
      repeat,
      target,
      client,
      watching,
      progress,
      csvFolder,
      observer,
      sink,
      interrupts,
    });
  } finally {
    if (target.own) progress.phase('stopping');
    watching.close();
    client.close();
    await target.stop();
    hurry.removeEventListener('abort', hurryUp);
  }
}

interface Drive {
  readonly settings: RunSettings;
  readonly repeat: number;
  readonly target: Target;
  readonly client: SystemClient;
  readonly watching: Watching;
  readonly progress: Progress;
  /** For the original's CSV files; undefined where nobody wants them. */
  readonly csvFolder: string | undefined;
  readonly observer: WindowObserver | undefined;
  readonly sink: LoadSink | undefined;
  readonly interrupts: Interrupts;
}

async function driveTarget(drive: Drive): Promise<Measurement | undefined> {
  const { target } = drive;
  const disk = target.dataDirectory === undefined ? null : await diskFacts(target.dataDirectory);
  const generator = newGenerator(drive);
  try {
    const driven = await driveBy(generator, drive);
    return driven === undefined ? undefined : { ...driven, disk };
  } finally {
    generator.close();
  }
}

async function driveBy(generator: Generator, drive: Drive): Promise<Omit<Measurement, 'disk'> | undefined> {
  const { settings, target, client, watching, progress, interrupts } = drive;
  const { load } = settings;
  if (!(await generator.open())) return undefined;
  const before = await client.statuses();
  if (load.workload !== undefined) progress.phase('filling');
  await generator.fill();
  if (load.warmupMs > 0) {
    progress.phase('warming-up', load.warmupMs);
    await generator.warmUp(load.warmupMs);
  }
  if (interrupts.stop.aborted) return undefined;

  progress.phase('measuring', load.timeMs);
  const measured = await measureWindow(drive, generator, localPids(before));

  progress.phase('verifying');
  const appliedBefore = leaderOf(before)?.appliedIndex ?? 0;
  const verification = await verify({
    client,
    audit: generator.audit,
    own: target.own,
    hadFaults: watching.schedule !== undefined,
    appliedBefore,
  });
  const record = await repeatRecord(drive, measured, verification);
  const { writes, reads, service, summary, startedAtMs } = measured.generated;
  const windowMs = summary.issuedUntilMs - summary.startedMs;
  return { record, histograms: { startedAtMs, windowMs, writes, reads, service } };
}

function newGenerator({ settings, repeat, target, client, watching, csvFolder, sink, interrupts }: Drive): Generator {
  const { load, cluster } = settings;
  if (load.workers !== undefined) {
    return new WorkerGenerator({
      workers: load.workers,
      cluster: cluster.kind,
      addresses: target.addresses,
      credentials: target.credentials,
      load,
      seed: load.seed + repeat,
      csvFolder,
      distanceMs: distanceMsOf(cluster),
      interrupts,
      onNotice: (what) => watching.notice(what),
      onStalling: () => watching.stalling(),
      onStall: ({ fromMs, untilMs }) => watching.stalled(fromMs, untilMs),
    });
  }
  const signal = interrupts.stop;
  const mark = markFrom(randomBytes(8));
  return new LocalGenerator({
    load,
    client,
    seed: load.seed + repeat,
    part: 0,
    parts: 1,
    mark,
    sinks: sink === undefined ? watching.sinks : [...watching.sinks, sink],
    csvFolder,
    signal,
  });
}

interface Measured {
  readonly generated: Generated;
  readonly pids: ReadonlyMap<number, number>;
  readonly cpuBefore: CpuSample;
  readonly cpuAfter: CpuSample;
  readonly incidents: readonly Incident[];
  readonly recovery: Recovery | undefined;
  /** By server id. */
  readonly stages: ReadonlyMap<number, StagesRecord>;
}

async function measureWindow(
  { settings: { load }, target, client, watching, progress, observer }: Drive,
  generator: Generator,
  pids: ReadonlyMap<number, number>,
): Promise<Measured> {
  await client.beginStages(load.timeMs);
  await observer?.begin(pids, target);
  const cpuBefore = sampleCpu(pids);
  const generated = await generator.measure((row) => progress.second(row));
  const cpuAfter = sampleCpu(pids);
  await observer?.end();
  const stages = await client.endStages();
  const { startedMs, issuedUntilMs } = generated.summary;
  const recovery = await watching.schedule?.end(issuedUntilMs);
  const incidents = watching.end(startedMs);
  return { generated, pids, cpuBefore, cpuAfter, incidents, recovery, stages };
}

async function repeatRecord(
  { repeat, client, interrupts }: Drive,
  measured: Measured,
  verification: RepeatRecord['verification'],
): Promise<RepeatRecord> {
  const { generated } = measured;
  const { summary, writes, reads } = generated;
  const statuses = await client.statuses();
  const windowMs = summary.issuedUntilMs - summary.startedMs;
  const perSecond = (count: number) => (windowMs > 0 ? Math.round((count / windowMs) * 10_000) / 10 : 0);
  return {
    startedAt: new Date(generated.startedAtMs).toISOString(),
    round: repeat,
    interrupted: interrupts.stop.aborted,
    windowMs: Math.round(windowMs),
    issued: summary.issued,
    writes: writes.totalCount,
    reads: reads.totalCount,
    failed: summary.failed,
    dropped: summary.dropped,
    writesPerSecond: perSecond(generated.answeredWrites),
    readsPerSecond: perSecond(generated.answeredReads),
    writeLatencyUs: latencyUs(writes),
    readLatencyUs: latencyUs(reads),
    errorsByKind: Object.fromEntries(generated.failuresByKind),
    lagUsMax: Math.round(summary.lagMsMax * 1000),
    client: generated.mended,
    timeline: generated.seconds.map(secondRecord),
    servers: statuses.map((status) => ({
      id: status.id,
      address: status.address,
      backend: status.backend,
      role: status.role,
      effectiveSettings: status.settings,
      ...processRecord(status.id, measured),
      stages: measured.stages.get(status.id) ?? null,
    })),
    leader: leaderOf(statuses)?.id ?? null,
    ...cpuRecord(measured),
    generator: generatorRecord(generated),
    incidents: [...measured.incidents],
    ...(measured.recovery === undefined ? {} : { recovery: measured.recovery }),
    verification,
  };
}

function secondRecord(row: SecondRow): SecondRecord {
  const { second, writes, reads, failed, dropped, latencyUsP50, latencyUsP99, latencyUsMax } = row;
  return { second, writes, reads, failed, dropped, p50Us: latencyUsP50, p99Us: latencyUsP99, maxUs: latencyUsMax };
}

function processRecord(id: number, measured: Measured): Pick<ServerRecord, 'cpuSeconds' | 'residentBytesMax'> {
  const { pids, cpuBefore, cpuAfter } = measured;
  const pid = pids.get(id);
  const from = cpuBefore.servers.get(id);
  const to = cpuAfter.servers.get(id);
  return {
    cpuSeconds: from === undefined || to === undefined ? null : rounded(to - from),
    residentBytesMax: (pid === undefined ? undefined : residentBytesMax(pid)) ?? null,
  };
}

function cpuRecord({ cpuBefore, cpuAfter, pids, generated }: Measured) {
  const bench = cpuAfter.bench - cpuBefore.bench + generated.otherCpuSeconds;
  let servers = 0;
  for (const [id, to] of cpuAfter.servers) servers += to - (cpuBefore.servers.get(id) ?? to);
  const commands = generated.writes.totalCount + generated.reads.totalCount;
  const perCommand = (seconds: number) => (commands === 0 ? null : rounded((seconds * 1e6) / commands));
  return {
    benchCpuSeconds: rounded(bench),
    benchCpuUsPerCommand: perCommand(bench),
    // A server that was started anew, or is not there, would be missing from the sum.
    serversCpuUsPerCommand: pids.size > 0 && cpuAfter.servers.size === pids.size ? perCommand(servers) : null,
    othersCpuShare: othersShare(cpuBefore, cpuAfter, bench + servers),
  };
}

function othersShare(before: CpuSample, after: CpuSample, oursSeconds: number): number | null {
  if (before.machine === undefined || after.machine === undefined) return null;
  const capacitySeconds = ((after.atMs - before.atMs) / 1000) * machineFacts().cores;
  const others = after.machine - before.machine - oursSeconds;
  return rounded(Math.min(1, Math.max(0, others / capacitySeconds)));
}

function generatorRecord({ figures, writes, reads }: Generated): GeneratorRecord {
  const late = added(figures.flatMap(({ sentLate }) => sentLate ?? []));
  const usAt = (percentile: number) => late.getValueAtPercentile(percentile);
  const most = (of: (each: GeneratorFigures) => number) => Math.max(...figures.map(of));
  const noted = {
    processes: figures.length,
    cpuShareMax: rounded(most(({ cpuShare }) => cpuShare)),
    loopDelayUs: {
      p99: most(({ loopDelayUsP99 }) => loopDelayUsP99),
      max: most(({ loopDelayUsMax }) => loopDelayUsMax),
    },
    ...(late.totalCount === 0 ? {} : { sentLateUs: { p50: usAt(50), p99: usAt(99), max: late.maxValue } }),
  };
  return { ...noted, limitedBy: limitsOf(noted, latencyUs(added([writes, reads])).p99) };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
