import { ENGINE_NAMES } from '../consensus/engines.ts';
import { formatDuration } from '../goflags/goValues.ts';
import type { RunSettings } from './results/schema.ts';

/** What a person asked for, one value parsed at a time. Undefined where it was not said. */
export interface BenchRequest {
  readonly backends?: readonly string[] | undefined;
  readonly batch?: boolean | undefined;
  readonly entriesPerMsg?: readonly number[] | undefined;
  readonly servers?: number | undefined;
  readonly heartbeatMs?: number | undefined;
  readonly electionMs?: number | undefined;
  readonly checkQuorum?: boolean | undefined;
  readonly distanceMs?: number | undefined;
  readonly cluster?: readonly string[] | undefined;
  readonly dataDirectory?: string | undefined;
  readonly clients: number;
  readonly throughput?: number | undefined;
  readonly timeMs: number;
  readonly warmupMs: number;
  readonly reads: number;
  readonly payload: number;
  readonly keyspace: number;
  readonly zipfS: number;
  readonly zipfV: number;
  readonly seed: number;
  readonly rpc: 'stream' | 'unary';
  readonly repeats: number;
  readonly name?: string | undefined;
}

/** One run: a cluster's settings under one load. */
export interface PlannedRun {
  readonly name: string;
  readonly settings: RunSettings;
  /** Folder beneath which an own cluster keeps its data while it runs; undefined: the system's temporary folder. */
  readonly dataDirectory: string | undefined;
}

/** Settings that cannot be measured together, or at all. The message has one line a problem. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** Room for what tells one value from another: the original's least payload too. */
const PAYLOAD_BYTES_MIN = 16;
const CLIENTS_MAX = 100_000;
const SERVERS_MAX = 64;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The runs that a request asks for, in order: every backend with every number of entries per message. Throws PlanError. */
export function planRuns(request: BenchRequest, now: Date): PlannedRun[] {
  const problems = [...loadProblems(request), ...clusterProblems(request)];
  if (problems.length > 0) throw new PlanError(problems.join('\n'));
  const clusters = plannedClusters(request);
  const stem = request.name ?? `${timestamp(now)}`;
  return clusters.map((cluster) => {
    const labels = request.name !== undefined && clusters.length === 1 ? [stem] : [stem, ...clusterLabels(cluster)];
    return {
      name: labels.join('-'),
      settings: { cluster, load: plannedLoad(request), repeats: request.repeats },
      dataDirectory: request.dataDirectory,
    };
  });

  function clusterLabels(cluster: RunSettings['cluster']): string[] {
    if (cluster.kind === 'running') return ['running'];
    const sweeps = (request.entriesPerMsg?.length ?? 0) > 1;
    return sweeps ? [cluster.backend, String(cluster.entriesPerMsg)] : [cluster.backend];
  }
}

function plannedClusters(request: BenchRequest): RunSettings['cluster'][] {
  if (request.cluster !== undefined) return [{ kind: 'running', addresses: [...request.cluster] }];
  const asked = request.backends ?? ['gorums'];
  const backends = asked.includes('all') ? ENGINE_NAMES : ENGINE_NAMES.filter((backend) => asked.includes(backend));
  return backends.flatMap((backend) =>
    [...new Set(request.entriesPerMsg ?? [64])].map((entriesPerMsg) => ({
      kind: 'own' as const,
      servers: request.servers ?? 3,
      backend,
      batch: request.batch ?? true,
      entriesPerMsg,
      heartbeat: formatDuration(request.heartbeatMs ?? 20),
      election: formatDuration(request.electionMs ?? 1000),
      checkQuorum: request.checkQuorum ?? false,
      ...(request.distanceMs === undefined ? {} : { distance: formatDuration(request.distanceMs) }),
    })),
  );
}

function plannedLoad(request: BenchRequest): RunSettings['load'] {
  const { clients, throughput, timeMs, warmupMs, reads, payload, keyspace, zipfS, zipfV, seed, rpc } = request;
  return {
    clients,
    ratePerClient: throughput ?? null,
    timeMs,
    warmupMs,
    reads,
    payloadBytes: payload,
    keyspace,
    zipfS,
    zipfV,
    seed,
    rpc,
  };
}

function loadProblems(request: BenchRequest): string[] {
  const checks: [boolean, string][] = [
    [isWhole(request.clients, 1, CLIENTS_MAX), `--clients: expected 1 to ${CLIENTS_MAX}, got ${request.clients}`],
    [
      request.throughput === undefined || (request.throughput > 0 && Number.isFinite(request.throughput)),
      `--throughput: expected requests per second of each client, above 0, got ${request.throughput}`,
    ],
    [request.timeMs > 0, '--time: expected a duration above 0, such as 10s'],
    [request.warmupMs >= 0, '--warmup: expected a duration from 0, such as 2s'],
    [
      request.reads >= 0 && request.reads <= 1,
      `--reads: expected a fraction of lookups from 0 to 1, got ${request.reads}`,
    ],
    [
      isWhole(request.payload, PAYLOAD_BYTES_MIN, 1 << 27),
      `--payload: expected at least ${PAYLOAD_BYTES_MIN} bytes and at most 128 MiB, got ${request.payload}`,
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
    [isWhole(request.repeats, 1, 1000), `--repeats: expected 1 to 1000, got ${request.repeats}`],
    [Number.isSafeInteger(request.seed), `--seed: expected a whole number, got ${request.seed}`],
    [
      request.name === undefined || NAME.test(request.name),
      `--name: expected letters, digits, dots, dashes and underscores, got "${request.name}"`,
    ],
  ];
  return failed(checks);
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
    '--batch': request.batch,
    '--entriespermsg': request.entriesPerMsg,
    '--servers': request.servers,
    '--heartbeat': request.heartbeatMs,
    '--election': request.electionMs,
    '--checkquorum': request.checkQuorum,
    '--datadir': request.dataDirectory,
    '--distance': request.distanceMs,
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
