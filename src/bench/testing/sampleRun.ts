import { latencyHistogram } from '../../client/load/latencyRecorder.ts';
import { latencyUs, mergeRepeats } from '../merge.ts';
import type { RepeatHistograms } from '../results/repeatHistograms.ts';
import {
  type Incident,
  type IncidentKind,
  type Recovery,
  type RepeatRecord,
  type RunRecord,
  SCHEMA_VERSION,
} from '../results/schema.ts';

/** Histograms of a repeat whose writes took the given times, µs. */
export function sampleHistograms(writesUs: readonly number[], startedAtMs = 0): RepeatHistograms {
  const writes = latencyHistogram();
  for (const us of writesUs) writes.recordValue(us);
  return { startedAtMs, windowMs: 1000, writes, reads: latencyHistogram() };
}

export function sampleIncident(kind: IncidentKind, what: string, atMs = 500, untilMs: number | null = null): Incident {
  return { kind, atMs, untilMs, server: null, what };
}

/** Of a repeat of so many seconds. */
export function sampleTimeline(seconds: number): RepeatRecord['timeline'] {
  return Array.from({ length: seconds }, (_, second) => ({
    second,
    writes: 1000 + second,
    reads: 0,
    failed: 0,
    dropped: 0,
    p50Us: 500,
    p99Us: 900,
    maxUs: 1000,
  }));
}

/** How a leader's end was got over. */
export function sampleRecovery(changes: Partial<Recovery> = {}): Recovery {
  return {
    faultAtMs: 1000,
    detectMs: 1100,
    successorMs: 1200,
    firstWriteMs: 1400,
    gapMs: 1300,
    leaderlessMs: 1150,
    fullRateMs: 0,
    isFullRateReached: true,
    ratePerSecondBefore: 100,
    catchUpMs: null,
    operatorMs: null,
    failed: 0,
    slow: 4,
    ...changes,
  };
}

/** A repeat of one second that went well. */
export function sampleRepeat(writesUs: readonly number[], changes: Partial<RepeatRecord> = {}): RepeatRecord {
  const { writes, reads } = sampleHistograms(writesUs);
  const settings = { batch: 'true', entriesPerMessage: '64' };
  const server = { backend: 'gorums', effectiveSettings: settings, cpuSeconds: 0.5, residentBytesMax: 1 << 26 };
  return {
    startedAt: '2030-01-02T03:04:05.000Z',
    interrupted: false,
    windowMs: 1000,
    issued: writesUs.length,
    writes: writesUs.length,
    reads: 0,
    failed: 0,
    dropped: 0,
    writesPerSecond: writesUs.length,
    readsPerSecond: 0,
    writeLatencyUs: latencyUs(writes),
    readLatencyUs: latencyUs(reads),
    errorsByKind: {},
    lagUsMax: 0,
    client: { retries: 0, linksLost: 0, stalls: 0, notLeader: 0 },
    timeline: [],
    servers: [
      { id: 1, address: '127.0.0.1:9201', role: 'leader', ...server },
      { id: 2, address: '127.0.0.1:9202', role: 'follower', ...server },
    ],
    leader: 1,
    benchCpuSeconds: 0.25,
    generator: { processes: 1, cpuShareMax: 0.24, loopDelayUs: { p99: 1100, max: 3200 }, limitedBy: [] },
    benchCpuUsPerCommand: 8,
    serversCpuUsPerCommand: 40,
    othersCpuShare: 0.01,
    incidents: [],
    verification: {
      status: 'verified',
      acknowledgedWrites: writesUs.length,
      appliedEntries: writesUs.length,
      keysRead: 3,
      problems: [],
    },
    ...changes,
  };
}

/** A run of one such repeat. */
export function sampleRun(name: string, writesUs: readonly number[], changes: Partial<RunRecord> = {}): RunRecord {
  const repeats = [sampleRepeat(writesUs)];
  return {
    schemaVersion: SCHEMA_VERSION,
    name,
    startedAt: repeats[0]!.startedAt,
    interrupted: false,
    settings: {
      cluster: {
        kind: 'own',
        servers: 2,
        backend: 'gorums',
        batch: true,
        entriesPerMsg: 64,
        heartbeat: '20ms',
        election: '1s',
        checkQuorum: false,
      },
      load: {
        clients: 2,
        ratePerClient: null,
        timeMs: 1000,
        warmupMs: 0,
        reads: 0,
        payloadBytes: 16,
        keyspace: 100,
        zipfS: 1.1,
        zipfV: 4,
        seed: 1,
        rpc: 'stream',
      },
      repeats: 1,
    },
    machine: {
      cpuModel: 'Sample CPU',
      cores: 2,
      memoryBytes: 2 ** 32,
      platform: 'linux x64',
      kernel: '6.1',
      node: 'v20.20.0',
    },
    disk: { fileSystem: 'ext4', inMemory: false, syncUs: { count: 10, p50: 250, p99: 1200, max: 1500 } },
    versions: { rkv: '0.1.0' },
    git: { commit: 'abcdef0123456789', dirty: false },
    repeats,
    merged: mergeRepeats(repeats, [sampleHistograms(writesUs)]),
    verdict: { passed: true, verified: true, problems: [], warnings: [] },
    ...changes,
  };
}

/**
 * Runs that were made together in so many rounds, the first 1,000 inserts a second and the others `factors` of it; each
 * round is a little faster than the one before, and each figure a little off.
 */
export function seriesOf(factors: readonly number[], rounds: number): RunRecord[] {
  return factors.map((factor, at) => {
    const all = Array.from({ length: rounds }, (_, round) => {
      const share = factor * 1.05 ** round * (1 + 0.01 * (((7 * round + 3 * at) % 5) - 2));
      const us = Array.from({ length: Math.round(1000 * share) }, (_, i) => Math.round((800 + i) / share));
      return { repeat: sampleRepeat(us, { round, writesPerSecond: 1000 * share }), histograms: sampleHistograms(us) };
    });
    const repeats = all.map(({ repeat }) => repeat);
    const run = sampleRun(`run-${at + 1}`, []);
    return {
      ...run,
      series: { id: 'together' },
      settings: { ...run.settings, repeats: rounds },
      repeats,
      merged: mergeRepeats(
        repeats,
        all.map(({ histograms }) => histograms),
      ),
    };
  });
}
