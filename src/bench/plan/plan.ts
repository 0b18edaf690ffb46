import { type KeyDistribution, WORKLOAD_NAMES, type WorkloadName, YCSB, YCSB_NAMES } from '../../client/load/ycsb.ts';
import { formatDuration } from '../../goflags/goValues.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import { defaultText, settingTexts } from '../../settings/values.ts';
import { durationMs } from '../../yaml/values.ts';
import { ROUNDS_MIN_FOR_PRECISION } from '../compare/precision.ts';
import type { LoadSettings, RunSettings } from '../results/schema.ts';
import { defaultFields, isOfEtcd } from '../results/settingFields.ts';
import { type Axis, axisOf, type Configuration, configurationsOf, type Levels } from './axes.ts';
import { type Schedule, type ScheduleCluster, scheduleProblems } from './schedule.ts';
import { type AskedSettings, type BenchSettingName, settingAxes, settingProblems } from './settingAxes.ts';
import { type BenchTarget, etcdProblems, targetConfigurations, targetLabel } from './targets.ts';

/** What a person asked for, one value parsed at a time. Undefined where it was not said. A list of several values is an axis. */
export interface BenchRequest {
  /** Of own servers. */
  readonly settings?: AskedSettings | undefined;
  readonly servers?: number | undefined;
  readonly distanceMs?: number | undefined;
  /** With certificates, and without. */
  readonly tls?: readonly boolean[] | undefined;
  /** By which one proves to servers that run who one is, where they want to know. */
  readonly credentials?: CredentialFiles | undefined;
  /** Server programs; one that stands there twice is measured twice, to see what chance does. */
  readonly rkvds?: readonly string[] | undefined;
  /** Other servers. Own ones are measured beside them where backends or programs are named, and without them. */
  readonly targets?: readonly BenchTarget[] | undefined;
  readonly dataDirectory?: string | undefined;
  /** What is done to the cluster meanwhile. What it says of the cluster is as if it were asked for, where nothing else is. */
  readonly schedule?: Schedule | undefined;
  readonly clients: readonly number[];
  readonly throughputs?: readonly number[] | undefined;
  /** Without it TIME_MS, or what the schedule takes. */
  readonly timeMs?: number | undefined;
  readonly warmupMs: number;
  readonly reads: readonly number[];
  readonly payloads: readonly number[];
  /** The original's where nothing is said. */
  readonly workloads?: readonly WorkloadName[] | undefined;
  /** How the keys of YCSB's are drawn, where it is not as they say. */
  readonly requestDistributions?: readonly KeyDistribution[] | undefined;
  /** Processes that make the load; without it, or 1, this one. */
  readonly workers?: number | undefined;
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
  /** Its name among those that were planned with it. */
  readonly label: string;
  readonly settings: RunSettings;
  /** Where it stands among the runs that were planned with it. */
  readonly levels: Levels;
  /** Folder beneath which an own cluster keeps its data while it runs; undefined: the system's temporary folder. */
  readonly dataDirectory: string | undefined;
  /** By which one proves to servers that run who one is. */
  readonly credentials?: CredentialFiles | undefined;
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
/** Processes that make load: more than any machine has use for. */
const WORKERS_MAX = 64;
/** How many there are, where nobody says. */
const SERVERS = 3;
const SERVERS_MAX = 64;
const ROUNDS_MAX = 1000;
/** Of one plan: a minute each, these take more than two days. */
const RUNS_MAX = 3000;
/** How long is measured, where nobody says. */
export const TIME_MS = 10_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The runs that a request asks for: every combination of the values that its axes have. Throws PlanError. */
export function planBench(asked: BenchRequest, now: Date): BenchPlan {
  const request = withSchedule(asked);
  const { schedule } = request;
  const problems = [
    ...loadProblems(request),
    ...settingProblems(request.settings ?? new Map()),
    ...clusterProblems(request),
    ...roundProblems(request),
    ...(schedule === undefined ? [] : scheduleProblems(schedule, serversOf(request), request.timeMs)),
  ];
  if (problems.length > 0) throw new PlanError(problems.join('\n'));
  const configurations = plannedClusters(request).flatMap((cluster) =>
    configurationsOf(plannedLoad(request), loadAxes(request)).map((load) => ({
      settings: {
        cluster: cluster.settings,
        ...(schedule === undefined ? {} : { schedule: scheduleSettings(schedule) }),
        // etcd has no other calls.
        load: isEtcd(cluster.settings) ? { ...load.settings, rpc: 'unary' as const } : load.settings,
        repeats: request.rounds,
      },
      levels: { ...cluster.levels, ...load.levels },
    })),
  );
  const count = configurations.length;
  if (count > RUNS_MAX) throw new PlanError(`expected at most ${RUNS_MAX} configurations, got ${count}`);
  const stem = request.name ?? timestamp(now);
  const runs = configurations.map(({ settings, levels }) => {
    const isAlone = request.name !== undefined && count === 1;
    const { backend = backendOf(settings.cluster), ...others } = levels;
    const label = [backend, ...Object.values(others)].join('-');
    const name = isAlone ? stem : `${stem}-${label}`;
    const { dataDirectory, credentials } = request;
    return { name, label, settings, levels, dataDirectory, credentials };
  });
  return { runs, rounds: plannedRounds(request) };
}

/** Whether servers of this package are started: where no others are named, or a backend or a program is. */
export function measuresOwn({ targets, settings, rkvds }: BenchRequest): boolean {
  return targets === undefined || targets.length === 0 || settings?.has('backend') || rkvds !== undefined;
}

function isEtcd({ kind }: RunSettings['cluster'] | BenchTarget): boolean {
  return kind === 'etcd' || kind === 'running-etcd';
}

/** How many there are; of those that run already nobody knows yet. */
function serversOf(request: BenchRequest): number {
  return measuresOwn(request) ? (request.servers ?? SERVERS) : Number.POSITIVE_INFINITY;
}

type Timed = BenchRequest & { readonly timeMs: number };

/** The request with what its schedule says of the cluster, where it says nothing itself. */
function withSchedule(request: BenchRequest): Timed {
  const { schedule } = request;
  if (schedule === undefined || !measuresOwn(request)) {
    return { ...request, timeMs: request.timeMs ?? schedule?.lastsMs ?? TIME_MS };
  }
  const { nodes, settings } = schedule.cluster;
  return {
    ...request,
    servers: request.servers ?? nodes,
    settings: new Map([...unusual(settings ?? {}), ...(request.settings ?? [])]),
    timeMs: request.timeMs ?? schedule.lastsMs,
  };
}

/** Those that are not as they are anyway. */
function unusual(
  settings: NonNullable<ScheduleCluster['settings']>,
): (readonly [BenchSettingName, readonly string[]])[] {
  const texts = settingTexts(settings) as (readonly [keyof typeof settings, string])[];
  return texts.flatMap(([name, text]) => (text === defaultText(name) ? [] : [[name, [text]] as const]));
}

function scheduleSettings({ name, file, isQuick, steps }: Schedule): NonNullable<RunSettings['schedule']> {
  return { name, ...(file && { file }), ...(isQuick && { isQuick }), steps: steps.map((step) => ({ ...step })) };
}

function backendOf(cluster: RunSettings['cluster']): string {
  return cluster.kind === 'own' ? cluster.backend : targetLabel(cluster);
}

function plannedRounds({ rounds, precision, roundsMax }: BenchRequest): Rounds {
  return precision === undefined
    ? { kind: 'fixed', count: rounds }
    : { kind: 'precision', share: precision, countMax: roundsMax };
}

type OwnCluster = Extract<RunSettings['cluster'], { kind: 'own' }>;

function plannedClusters(request: BenchRequest): Configuration<RunSettings['cluster']>[] {
  const others = targetConfigurations(request.targets ?? [], request.servers ?? SERVERS, request.settings ?? new Map());
  const all = measuresOwn(request) ? [...ownClusters(request), ...others] : others;
  const isVaried = new Set(all.map(({ settings, levels }) => levels.backend ?? backendOf(settings))).size > 1;
  return all.map(({ settings, levels: { backend = backendOf(settings), ...levels } }) => ({
    settings,
    levels: isVaried ? { backend, ...levels } : levels,
  }));
}

function ownClusters(request: BenchRequest): Configuration<OwnCluster>[] {
  const own: OwnCluster = {
    kind: 'own',
    servers: request.servers ?? SERVERS,
    ...defaultFields(),
    ...membersOf(request),
    ...(request.distanceMs === undefined ? {} : { distance: formatDuration(request.distanceMs) }),
  };
  return configurationsOf(own, clusterAxes(request));
}

/** Where not all servers are members at first. */
function membersOf({ schedule }: BenchRequest): Pick<OwnCluster, 'members'> {
  const { members, nodes } = schedule?.cluster ?? {};
  return members === undefined || members.length === nodes ? {} : { members: [...members] };
}

function clusterAxes({ settings, rkvds, tls = [] }: BenchRequest): Axis<OwnCluster>[] {
  const axes = settingAxes<OwnCluster>(settings ?? new Map());
  // The same program twice is two configurations.
  const programs: Axis<OwnCluster> = {
    name: 'rkvd',
    levels: (rkvds ?? [undefined]).map((rkvd, at) => ({
      label: `rkvd${at + 1}`,
      apply: (own) => (rkvd === undefined ? own : { ...own, rkvd }),
    })),
  };
  const security = axisOf<OwnCluster, boolean>(
    'tls',
    tls,
    (isTls) => (isTls ? 'tls' : 'notls'),
    (own, isTls) => (isTls ? { ...own, tls: true } : own),
  );
  const isEngine = ({ name }: Axis<OwnCluster>) => name === 'backend';
  const others = [...axes.filter((axis) => !isEngine(axis)), ...(tls.length === 0 ? [] : [security])];
  return [...axes.filter(isEngine), programs, ...others];
}

function plannedLoad(request: Timed): LoadSettings {
  const { timeMs, warmupMs, keyspace, zipfS, zipfV, seed, rpc, workers = 1 } = request;
  return {
    clients: 1,
    ratePerClient: null,
    timeMs,
    warmupMs,
    reads: 0,
    payloadBytes: PAYLOAD_BYTES_MIN,
    keyspace,
    zipfS,
    zipfV,
    seed,
    rpc,
    ...(workers > 1 ? { workers } : {}),
  };
}

function loadAxes(request: BenchRequest): Axis<LoadSettings>[] {
  return [
    axisOf(
      'clients',
      request.clients,
      (clients) => `c${clients}`,
      (load, clients) => ({ ...load, clients }),
    ),
    axisOf<LoadSettings, number | null>(
      'throughput',
      request.throughputs ?? [null],
      (rate) => `t${rate}`,
      (load, ratePerClient) => ({ ...load, ratePerClient }),
    ),
    axisOf(
      'payload',
      request.payloads,
      (bytes) => `p${bytes}`,
      (load, payloadBytes) => ({ ...load, payloadBytes }),
    ),
    axisOf(
      'reads',
      request.reads,
      (share) => `r${share}`,
      (load, reads) => ({ ...load, reads }),
    ),
    axisOf<LoadSettings, WorkloadName>(
      'workload',
      request.workloads ?? ['original'],
      (workload) => workload,
      (load, workload) => (workload === 'original' ? load : { ...load, workload, reads: YCSB[workload].reads }),
    ),
    axisOf<LoadSettings, KeyDistribution | undefined>(
      'requestdistribution',
      request.requestDistributions ?? [undefined],
      (distribution) => distribution ?? '',
      (load, distribution) => (distribution === undefined ? load : { ...load, requestDistribution: distribution }),
    ),
  ];
}

function loadProblems(request: Timed): string[] {
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
    ...workloadChecks(request),
    ...workerChecks(request),
    [Number.isSafeInteger(request.seed), `--seed: expected a whole number, got ${request.seed}`],
    [
      request.name === undefined || NAME.test(request.name),
      `--name: expected letters, digits, dots, dashes and underscores, got "${request.name}"`,
    ],
  ];
  return failed(checks);
}

function workerChecks({ workers = 1, clients, schedule }: Timed): [boolean, string][] {
  const most = Math.min(WORKERS_MAX, ...clients);
  return [
    [
      isWhole(workers, 1, most),
      `--workers: expected 1 to ${most}, for each has one client at least, and there are ${WORKERS_MAX} at most, got ${workers}`,
    ],
    [
      workers === 1 || schedule === undefined,
      '--workers: expected 1 beside a scenario: how long servers take to recover is told by one process that sees all answers',
    ],
  ];
}

function workloadChecks({
  workloads = ['original'],
  requestDistributions,
  reads,
  schedule,
}: Timed): [boolean, string][] {
  const isYcsb = workloads.some((workload) => workload !== 'original');
  const isOriginal = workloads.includes('original');
  return [
    [workloads.length > 0, `--workload: expected some of ${WORKLOAD_NAMES.join(', ')}`],
    [
      !isYcsb || reads.every((share) => share === 0),
      `--reads: expected none beside --workload ${workloads.join(',')}: YCSB's workloads say how many requests are lookups`,
    ],
    [
      requestDistributions === undefined || !isOriginal,
      `--requestdistribution: expected one of YCSB's workloads with it (${YCSB_NAMES.join(', ')}): the original's keys are drawn by --zipfs and --zipfv`,
    ],
    [
      schedule === undefined || !workloads.includes('ycsb-c'),
      '--workload: ycsb-c has no inserts, by which a recovery is told',
    ],
  ];
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
  // The shortest of them has to fit the longest of what depends on it.
  const heartbeatMs = Math.max(...durationsMs(request, 'heartbeat'));
  const electionMs = Math.min(...durationsMs(request, 'election'));
  const checks: [boolean, string][] = [
    [
      request.distanceMs === undefined || (request.distanceMs > 0 && request.distanceMs < electionMs / 4),
      `--distance: expected a duration above 0 and below a quarter of the election timeout of ${formatDuration(electionMs)}, got ${formatDuration(request.distanceMs ?? 0)}`,
    ],
    [
      isWhole(request.servers ?? SERVERS, 1, SERVERS_MAX),
      `--servers: expected 1 to ${SERVERS_MAX}, got ${request.servers}`,
    ],
    [
      heartbeatMs < electionMs,
      `--heartbeat: expected less than the election timeout of ${formatDuration(electionMs)}, got ${formatDuration(heartbeatMs)}`,
    ],
  ];
  return [...failed(checks), ...targetProblems(request)];
}

/** What the other servers cannot have, and own ones are not there for. */
function targetProblems(request: BenchRequest): string[] {
  const { targets = [] } = request;
  const startsEtcd = targets.some(({ kind }) => kind === 'etcd');
  const problems = startsEtcd ? etcdProblems(durationsMs(request, 'heartbeat'), durationsMs(request, 'election')) : [];
  if (request.schedule !== undefined && targets.some(isEtcd)) {
    problems.push('--target: nobody can do to etcd what a scenario says; expected servers of rkv-cluster, or own ones');
  }
  if (measuresOwn(request)) {
    if (startsEtcd && request.distanceMs !== undefined) {
      problems.push('--distance: expected own servers alone, for the members of etcd are not put apart');
    }
    return problems;
  }
  const strange = [...(request.settings?.keys() ?? [])].filter((name) => !(startsEtcd && isOfEtcd(name)));
  const ownOnly: Record<string, unknown> = {
    ...Object.fromEntries(strange.map((name) => [`--${name}`, name])),
    '--distance': request.distanceMs,
    '--tls': request.tls,
    ...(startsEtcd ? {} : { '--servers': request.servers, '--datadir': request.dataDirectory }),
  };
  for (const [flag, value] of Object.entries(ownOnly)) {
    if (value === undefined) continue;
    problems.push(
      `${flag}: the servers that --cluster or --target names have their own settings (--backend measures ours beside them)`,
    );
  }
  return problems;
}

/** Of a setting that is a duration; without values that are none. */
function durationsMs({ settings }: BenchRequest, name: 'heartbeat' | 'election'): number[] {
  return (settings?.get(name) ?? [defaultText(name)]).map(durationMs).filter((ms) => ms > 0);
}

function failed(checks: readonly [boolean, string][]): string[] {
  return checks.filter(([good]) => !good).map(([, problem]) => problem);
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

/** `20261123-185400`, in UTC. */
export function timestamp(now: Date): string {
  const [day, time] = now.toISOString().split('T');
  return `${day!.replaceAll('-', '')}-${time!.slice(0, 8).replaceAll(':', '')}`;
}
