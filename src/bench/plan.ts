import { ENGINE_NAMES } from '../consensus/engines.ts';
import { formatDuration } from '../goflags/goValues.ts';
import { ROUNDS_MIN_FOR_PRECISION } from './compare/precision.ts';
import type { RunSettings } from './results/schema.ts';

/** What a person asked for, one value parsed at a time. Undefined where it was not said. A list of several values is an axis. */
export interface BenchRequest {
  readonly backends?: readonly string[] | undefined;
  readonly batches?: readonly boolean[] | undefined;
  readonly entriesPerMsg?: readonly number[] | undefined;
  readonly servers?: number | undefined;
  readonly heartbeatMs?: number | undefined;
  readonly electionMs?: number | undefined;
  readonly checkQuorum?: boolean | undefined;
  readonly distanceMs?: number | undefined;
  /** Server programs; one that stands there twice is measured twice, to see what chance does. */
  readonly rkvds?: readonly string[] | undefined;
  readonly cluster?: readonly string[] | undefined;
  readonly dataDirectory?: string | undefined;
  readonly clients: readonly number[];
  readonly throughputs?: readonly number[] | undefined;
  readonly timeMs: number;
  readonly warmupMs: number;
  readonly reads: readonly number[];
  readonly payloads: readonly number[];
  readonly keyspace: number;
  readonly zipfS: number;
  readonly zipfV: number;
  readonly seed: number;
  readonly rpc: 'stream' | 'unary';
  readonly rounds: number;
  /** Half the width of a ratio's interval that is narrow enough, as a share. */
  readonly precision?: number | undefined;
  readonly roundsMax: number;
  readonly name?: string | undefined;
}

/** One run: a cluster's settings under one load. */
export interface PlannedRun {
  readonly name: string;
  readonly settings: RunSettings;
  /** Folder beneath which an own cluster keeps its data while it runs; undefined: the system's temporary folder. */
  readonly dataDirectory: string | undefined;
}

/** Runs that are measured together, in rounds. */
export interface BenchPlan {
  readonly runs: readonly PlannedRun[];
  readonly rounds: Rounds;
}

/** How many rounds: so many, or until the intervals are as narrow as asked for. */
export type Rounds =
  | { readonly kind: 'fixed'; readonly count: number }
  | { readonly kind: 'precision'; readonly share: number; readonly countMax: number };

/** Settings that cannot be measured together, or at all. The message has one line a problem. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** Room for what tells one value from another: the original's least payload too. */
const PAYLOAD_BYTES_MIN = 16;
const CLIENTS_MAX = 100_000;
const SERVERS_MAX = 64;
const ROUNDS_MAX = 1000;
/** Of one plan: a minute each, these take more than two days. */
const RUNS_MAX = 3000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The runs that a request asks for: every combination of the values that its axes have. Throws PlanError. */
export function planBench(request: BenchRequest, now: Date): BenchPlan {
  const problems = [...loadProblems(request), ...clusterProblems(request), ...roundProblems(request)];
  if (problems.length > 0) throw new PlanError(problems.join('\n'));
  const clusters = plannedClusters(request);
  const loads = plannedLoads(request);
  const count = clusters.length * loads.length;
  if (count > RUNS_MAX) throw new PlanError(`expected at most ${RUNS_MAX} configurations, got ${count}`);
  const isOne = request.name !== undefined && count === 1;
  const stem = request.name ?? timestamp(now);
  const runs = clusters.flatMap((cluster) =>
    loads.map((load) => ({
      name: (isOne ? [stem] : [stem, ...cluster.labels, ...load.labels]).join('-'),
      settings: { cluster: cluster.value, load: load.value, repeats: request.rounds },
      dataDirectory: request.dataDirectory,
    })),
  );
  return { runs, rounds: plannedRounds(request) };
}

function plannedRounds({ rounds, precision, roundsMax }: BenchRequest): Rounds {
  return precision === undefined
    ? { kind: 'fixed', count: rounds }
    : { kind: 'precision', share: precision, countMax: roundsMax };
}

/** A value of several, and how a run's name tells it from the others. */
interface Labelled<T> {
  readonly value: T;
  readonly labels: readonly string[];
}

/** The values of an axis, each once; they need a label where there are several. */
function axis<T>(values: readonly T[], label: (value: T, at: number) => string): Labelled<T>[] {
  const each = [...new Set(values)];
  return each.map((value, at) => ({ value, labels: each.length > 1 ? [label(value, at)] : [] }));
}

function plannedClusters(request: BenchRequest): Labelled<RunSettings['cluster']>[] {
  if (request.cluster !== undefined) {
    return [{ value: { kind: 'running', addresses: [...request.cluster] }, labels: ['running'] }];
  }
  const asked = request.backends ?? ['gorums'];
  const backends = asked.includes('all') ? ENGINE_NAMES : ENGINE_NAMES.filter((backend) => asked.includes(backend));
  // Not by `axis`: the same program twice is two configurations.
  const programs = (request.rkvds ?? [undefined]).map((value, at, all) => ({
    value,
    labels: all.length > 1 ? [`rkvd${at + 1}`] : [],
  }));
  const batches = axis(request.batches ?? [true], (batch) => (batch ? 'batch' : 'nobatch'));
  const entries = axis(request.entriesPerMsg ?? [64], String);
  return backends.flatMap((backend) =>
    programs.flatMap((program) =>
      batches.flatMap((batch) =>
        entries.map((entriesPerMsg) => ({
          value: {
            kind: 'own' as const,
            servers: request.servers ?? 3,
            backend,
            batch: batch.value,
            entriesPerMsg: entriesPerMsg.value,
            heartbeat: formatDuration(request.heartbeatMs ?? 20),
            election: formatDuration(request.electionMs ?? 1000),
            checkQuorum: request.checkQuorum ?? false,
            ...(request.distanceMs === undefined ? {} : { distance: formatDuration(request.distanceMs) }),
            ...(program.value === undefined ? {} : { rkvd: program.value }),
          },
          labels: [backend, ...program.labels, ...batch.labels, ...entriesPerMsg.labels],
        })),
      ),
    ),
  );
}

function plannedLoads(request: BenchRequest): Labelled<RunSettings['load']>[] {
  const { timeMs, warmupMs, keyspace, zipfS, zipfV, seed, rpc } = request;
  const clients = axis(request.clients, (count) => `c${count}`);
  const rates = axis<number | null>(request.throughputs ?? [null], (rate) => `t${rate}`);
  const payloads = axis(request.payloads, (bytes) => `p${bytes}`);
  const reads = axis(request.reads, (share) => `r${share}`);
  return clients.flatMap((count) =>
    rates.flatMap((rate) =>
      payloads.flatMap((payload) =>
        reads.map((share) => ({
          value: {
            clients: count.value,
            ratePerClient: rate.value,
            timeMs,
            warmupMs,
            reads: share.value,
            payloadBytes: payload.value,
            keyspace,
            zipfS,
            zipfV,
            seed,
            rpc,
          },
          labels: [...count.labels, ...rate.labels, ...payload.labels, ...share.labels],
        })),
      ),
    ),
  );
}

function loadProblems(request: BenchRequest): string[] {
  const badOf = <T>(values: readonly T[], good: (value: T) => boolean) =>
    values.length === 0 ? ['none'] : values.filter((value) => !good(value));
  const badClients = badOf(request.clients, (count) => isWhole(count, 1, CLIENTS_MAX));
  const badRates = badOf(request.throughputs ?? [1], (rate) => rate > 0 && Number.isFinite(rate));
  const badReads = badOf(request.reads, (share) => share >= 0 && share <= 1);
  const badPayloads = badOf(request.payloads, (bytes) => isWhole(bytes, PAYLOAD_BYTES_MIN, 1 << 27));
  const checks: [boolean, string][] = [
    [badClients.length === 0, `--clients: expected 1 to ${CLIENTS_MAX}, got ${badClients[0]}`],
    [badRates.length === 0, `--throughput: expected requests per second of each client, above 0, got ${badRates[0]}`],
    [request.timeMs > 0, '--time: expected a duration above 0, such as 10s'],
    [request.warmupMs >= 0, '--warmup: expected a duration from 0, such as 2s'],
    [badReads.length === 0, `--reads: expected a fraction of lookups from 0 to 1, got ${badReads[0]}`],
    [
      badPayloads.length === 0,
      `--payload: expected at least ${PAYLOAD_BYTES_MIN} bytes and at most 128 MiB, got ${badPayloads[0]}`,
    ],
    [
      isWhole(request.keyspace, 1, 2 ** 31 - 1),
      `--keyspace: expected a number of keys from 1, got ${request.keyspace}`,
    ],
    [
      request.zipfS > 1 && Number.isFinite(request.zipfS),
      `--zipfs: expected an exponent above 1, got ${request.zipfS}`,
    ],
    [request.zipfV >= 1 && Number.isFinite(request.zipfV), `--zipfv: expected an offset from 1, got ${request.zipfV}`],
    [Number.isSafeInteger(request.seed), `--seed: expected a whole number, got ${request.seed}`],
    [
      request.name === undefined || NAME.test(request.name),
      `--name: expected letters, digits, dots, dashes and underscores, got "${request.name}"`,
    ],
  ];
  return failed(checks);
}

function roundProblems({ rounds, precision, roundsMax }: BenchRequest): string[] {
  return failed([
    [isWhole(rounds, 1, ROUNDS_MAX), `--runs: expected 1 to ${ROUNDS_MAX}, got ${rounds}`],
    [
      precision === undefined || (precision > 0 && precision < 1),
      `--precision: expected a share above 0 % and below 100 %, such as 3%, got ${precision === undefined ? '' : `${precision * 100}%`}`,
    ],
    [
      isWhole(roundsMax, ROUNDS_MIN_FOR_PRECISION, ROUNDS_MAX),
      `--runs-max: expected ${ROUNDS_MIN_FOR_PRECISION} to ${ROUNDS_MAX}, got ${roundsMax}`,
    ],
    [precision === undefined || rounds === 1, '--runs: --precision decides how many rounds there are'],
  ]);
}

function clusterProblems(request: BenchRequest): string[] {
  const heartbeatMs = request.heartbeatMs ?? 20;
  const electionMs = request.electionMs ?? 1000;
  const unknown = (request.backends ?? []).filter(
    (name) => name !== 'all' && !ENGINE_NAMES.some((each) => each === name),
  );
  const checks: [boolean, string][] = [
    [unknown.length === 0, `--backend: expected ${ENGINE_NAMES.join(', ')} or all, got "${unknown.join(', ')}"`],
    [request.backends?.length !== 0, '--backend: expected at least one'],
    [
      (request.entriesPerMsg ?? [64]).length > 0 &&
        (request.entriesPerMsg ?? []).every((entries) => isWhole(entries, 1, 2 ** 31)),
      `--entriespermsg: expected whole numbers from 1, got "${request.entriesPerMsg?.join(',')}"`,
    ],
    [
      request.distanceMs === undefined || (request.distanceMs > 0 && request.distanceMs < electionMs / 4),
      `--distance: expected a duration above 0 and below a quarter of the election timeout of ${formatDuration(electionMs)}, got ${formatDuration(request.distanceMs ?? 0)}`,
    ],
    [isWhole(request.servers ?? 3, 1, SERVERS_MAX), `--servers: expected 1 to ${SERVERS_MAX}, got ${request.servers}`],
    [
      heartbeatMs >= 1 && heartbeatMs < electionMs,
      `--heartbeat: expected at least 1ms and less than the election timeout of ${formatDuration(electionMs)}, got ${formatDuration(heartbeatMs)}`,
    ],
  ];
  const ownOnly = {
    '--backend': request.backends,
    '--batch': request.batches,
    '--entriespermsg': request.entriesPerMsg,
    '--servers': request.servers,
    '--heartbeat': request.heartbeatMs,
    '--election': request.electionMs,
    '--checkquorum': request.checkQuorum,
    '--datadir': request.dataDirectory,
    '--distance': request.distanceMs,
    '--rkvd': request.rkvds,
  };
  if (request.cluster !== undefined) {
    for (const [flag, value] of Object.entries(ownOnly)) {
      checks.push([
        value === undefined,
        `${flag}: the cluster that --cluster names runs already, with its own settings`,
      ]);
    }
  }
  return failed(checks);
}

function failed(checks: readonly [boolean, string][]): string[] {
  return checks.filter(([good]) => !good).map(([, problem]) => problem);
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

/** `20261123-185400`, in UTC. */
function timestamp(now: Date): string {
  const [day, time] = now.toISOString().split('T');
  return `${day!.replaceAll('-', '')}-${time!.slice(0, 8).replaceAll(':', '')}`;
}
