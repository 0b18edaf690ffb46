import { randomBytes } from 'node:crypto';
import { LatencyCsv } from '../../client/load/latencyCsv.ts';
import { LatencyRecorder, type SecondRow } from '../../client/load/latencyRecorder.ts';
import {
  type LoadSession,
  type LoadSummary,
  openSessions,
  type Pace,
  runLoad,
} from '../../client/load/loadGenerator.ts';
import { ServiceRecorder } from '../../client/load/serviceRecorder.ts';
import { zipfWorkload } from '../../client/load/workload.ts';
import { makeFolders } from '../../files/folders.ts';
import { diskFacts, machineFacts } from '../facts/machine.ts';
import { type CpuSample, residentBytesMax, sampleCpu } from '../facts/processTimes.ts';
import { latencyUs } from '../merge.ts';
import type { PlannedRun } from '../plan/plan.ts';
import type { RepeatHistograms } from '../results/repeatHistograms.ts';
import type {
  DiskFacts,
  Incident,
  LoadSettings,
  Recovery,
  RepeatRecord,
  SecondRecord,
  ServerRecord,
  StagesRecord,
} from '../results/schema.ts';
import type { SystemClient } from '../systems/system.ts';
import { leaderOf, localPids } from './servers.ts';
import { type Interrupts, openTarget, startsServers, type Target } from './target.ts';
import { verify } from './verify.ts';
import { Watching } from './watching.ts';
import { WindowCounter } from './windowCounter.ts';
import { markFrom, WriteAudit } from './writeAudit.ts';

/** Told of a run's course, for people. */
export interface Progress {
  phase(
    phase: 'starting' | 'connecting' | 'warming-up' | 'measuring' | 'verifying' | 'stopping',
    durationMs?: number,
  ): void;
  second(row: SecondRow): void;
}

/** One repeat of a run, measured. */
export interface Measurement {
  readonly record: RepeatRecord;
  readonly histograms: RepeatHistograms;
  readonly disk: DiskFacts | null;
}

/**
 * Measures a run once, on servers of its own that end with it, or on those that run. Where it is interrupted, what was
 * measured until then; undefined where that is nothing. With `csvFolder` the original's CSV files of clients and servers are there then.
 * Rejects where the servers do not come up or accept no session.
 */
export async function measureOnce(
  run: PlannedRun,
  repeat: number,
  progress: Progress,
  interrupts: Interrupts,
  csvFolder?: string,
): Promise<Measurement | undefined> {
  const { stop, hurry } = interrupts;
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
    return await driveTarget({ load, repeat, target, client, watching, progress, csvFolder, signal: stop });
  } finally {
    if (target.own) progress.phase('stopping');
    watching.close();
    client.close();
    await target.stop();
    hurry.removeEventListener('abort', hurryUp);
  }
}

interface Drive {
  readonly load: LoadSettings;
  readonly repeat: number;
  readonly target: Target;
  readonly client: SystemClient;
  readonly watching: Watching;
  readonly progress: Progress;
  /** For the original's CSV files; undefined where nobody wants them. */
  readonly csvFolder: string | undefined;
  readonly signal: AbortSignal;
}

async function driveTarget(drive: Drive): Promise<Measurement | undefined> {
  const { load, target, client, watching, progress, signal } = drive;
  const disk = target.dataDirectory === undefined ? null : await diskFacts(target.dataDirectory);
  const sessions = await openSessionsUnless(signal, client, load.clients);
  if (sessions === undefined) return undefined;
  const before = await client.statuses();
  const audit = newAudit(load, drive.repeat);
  if (load.warmupMs > 0) {
    progress.phase('warming-up', load.warmupMs);
    await runLoad({ ...loadOptions(drive, sessions, audit), durationMs: load.warmupMs, sinks: [audit] });
  }
  if (signal.aborted) return undefined;

  progress.phase('measuring', load.timeMs);
  const measured = await measureWindow(drive, sessions, audit, localPids(before));

  progress.phase('verifying');
  const appliedBefore = leaderOf(before)?.appliedIndex ?? 0;
  const verification = await verify({
    client,
    audit,
    own: target.own,
    hadFaults: watching.schedule !== undefined,
    appliedBefore,
  });
  const record = await repeatRecord(drive, measured, verification);
  const { recorder, service, summary, startedAtMs } = measured;
  const windowMs = summary.issuedUntilMs - summary.startedMs;
  return {
    record,
    histograms: { startedAtMs, windowMs, writes: recorder.writes, reads: recorder.reads, service: service?.times },
    disk,
  };
}

/** Servers that do not answer keep a registration waiting for long; nothing is lost by giving it up. */
async function openSessionsUnless(signal: AbortSignal, client: SystemClient, clients: number) {
  const giveUp = () => client.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await openSessions(client, clients);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function newAudit(load: LoadSettings, repeat: number): WriteAudit {
  const { keyspace, zipfS, zipfV, payloadBytes, seed } = load;
  const workload = zipfWorkload({ keyspace, zipfS, zipfV, payloadBytes, seed: seed + repeat });
  return new WriteAudit(workload, { mark: markFrom(randomBytes(8)), keyspace, payloadBytes });
}

function loadOptions({ load, client, signal }: Drive, sessions: readonly LoadSession[], audit: WriteAudit) {
  const pace: Pace =
    load.ratePerClient === null ? { kind: 'closed' } : { kind: 'open', ratePerClient: load.ratePerClient };
  return { client, sessions, workload: audit.workload, pace, reads: load.reads, signal };
}

interface Measured {
  readonly startedAtMs: number;
  readonly summary: LoadSummary;
  readonly recorder: LatencyRecorder;
  /** Of an open loop. */
  readonly service: ServiceRecorder | undefined;
  readonly counter: WindowCounter;
  readonly pids: ReadonlyMap<number, number>;
  readonly cpuBefore: CpuSample;
  readonly cpuAfter: CpuSample;
  readonly incidents: readonly Incident[];
  readonly recovery: Recovery | undefined;
  /** By server id. */
  readonly stages: ReadonlyMap<number, StagesRecord>;
  /** Of the client, from the start of the window. */
  readonly mended: RepeatRecord['client'];
}

async function measureWindow(
  drive: Drive,
  sessions: readonly LoadSession[],
  audit: WriteAudit,
  pids: ReadonlyMap<number, number>,
): Promise<Measured> {
  const { load, client, watching, progress, csvFolder, signal } = drive;
  const recorder = new LatencyRecorder((row) => progress.second(row));
  const counter = new WindowCounter(load.timeMs, signal);
  const csv = csvFolder === undefined ? undefined : new LatencyCsv(performance.timeOrigin);
  const service = load.ratePerClient === null ? undefined : new ServiceRecorder();
  const more = [service, csv].filter((sink) => sink !== undefined);
  await client.beginStages(load.timeMs);
  const countersBefore = { ...client.counters };
  const startedAtMs = Date.now();
  const cpuBefore = sampleCpu(pids);
  const summary = await runLoad({
    ...loadOptions(drive, sessions, audit),
    durationMs: load.timeMs,
    sinks: [audit, recorder, counter, ...watching.sinks, ...more],
  });
  const cpuAfter = sampleCpu(pids);
  const stages = await client.endStages();
  const recovery = await watching.schedule?.end(summary.issuedUntilMs);
  const incidents = watching.end(summary.startedMs);
  if (csv !== undefined) await writeLatencies(csv, csvFolder!);
  recorder.finish();
  const { retries, linksLost, stalls, notLeader } = client.counters;
  const mended = {
    retries: retries - countersBefore.retries,
    linksLost: linksLost - countersBefore.linksLost,
    stalls: stalls - countersBefore.stalls,
    notLeader: notLeader - countersBefore.notLeader,
  };
  return {
    startedAtMs,
    summary,
    recorder,
    service,
    counter,
    pids,
    cpuBefore,
    cpuAfter,
    incidents,
    recovery,
    stages,
    mended,
  };
}

/** As `rkvctl` writes them. */
async function writeLatencies(csv: LatencyCsv, folder: string): Promise<void> {
  makeFolders(folder);
  await csv.write(folder);
}

async function repeatRecord(
  { repeat, client, signal }: Drive,
  measured: Measured,
  verification: RepeatRecord['verification'],
): Promise<RepeatRecord> {
  const { summary, recorder, counter } = measured;
  const statuses = await client.statuses();
  const windowMs = summary.issuedUntilMs - summary.startedMs;
  const perSecond = (count: number) => (windowMs > 0 ? Math.round((count / windowMs) * 10_000) / 10 : 0);
  return {
    startedAt: new Date(measured.startedAtMs).toISOString(),
    round: repeat,
    interrupted: signal.aborted,
    windowMs: Math.round(windowMs),
    issued: summary.issued,
    writes: recorder.writes.totalCount,
    reads: recorder.reads.totalCount,
    failed: summary.failed,
    dropped: summary.dropped,
    writesPerSecond: perSecond(counter.writes),
    readsPerSecond: perSecond(counter.reads),
    writeLatencyUs: latencyUs(recorder.writes),
    readLatencyUs: latencyUs(recorder.reads),
    errorsByKind: Object.fromEntries(recorder.failuresByKind),
    lagUsMax: Math.round(summary.lagMsMax * 1000),
    client: measured.mended,
    timeline: recorder.seconds.map(secondRecord),
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

function cpuRecord({ cpuBefore, cpuAfter, pids, recorder }: Measured) {
  const bench = cpuAfter.bench - cpuBefore.bench;
  let servers = 0;
  for (const [id, to] of cpuAfter.servers) servers += to - (cpuBefore.servers.get(id) ?? to);
  const commands = recorder.writes.totalCount + recorder.reads.totalCount;
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

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
