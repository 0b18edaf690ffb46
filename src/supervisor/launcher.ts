import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagePath } from '../cli/packagePath.ts';
import { makeFolder } from '../files/privateFile.ts';
import { parseAddress } from '../net/endpoints/addresses.ts';
import { NO_SECURITY, type Security } from '../net/endpoints/security.ts';
import { AddressInUseError, Cluster, ClusterError, type ServerProgram } from './cluster.ts';
import { type ClusterPlan, logFolder, planCluster } from './clusterPlan.ts';
import { checkClusterConfig } from './config/parse.ts';
import type { ClusterConfig } from './config/schema.ts';
import type { ClusterEventListener } from './events.ts';
import { forgetPorts, type KeptPlan, keepPlan } from './keptPlan.ts';
import { defaultStopGrace, type StopGrace } from './managedServer.ts';
import { startDelayThread } from './process/delayThread.ts';
import { takeFreePorts } from './process/freePorts.ts';
import { metricsPorts } from './process/metricsPorts.ts';
import { makeTemporaryFolder } from './process/temporaryFolder.ts';

/** Another process may take a free port between the moment we find it and the moment a server binds it. */
const PORT_ATTEMPTS_MAX = 3;

/** The server of this package. */
export const rkvdProgram: ServerProgram = {
  file: process.execPath,
  args: [packagePath('bin', 'rkvd')],
};

export interface StartOptions {
  /** Its name in messages, and in the temporary folder's. Default `cluster`. */
  readonly name?: string;
  /** What runs as a server; rkvd unless a test says otherwise. */
  readonly program?: ServerProgram;
  /** Added to the servers' environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly grace?: StopGrace;
  readonly onEvent?: ClusterEventListener;
  /** How its servers are reached, whose flags say that they have TLS. */
  readonly security?: Security;
  /** Puts the servers so far from each other and from everybody else: one way, ms. Needs free ports. */
  readonly delayMs?: number;
  /** Changes what was planned, before anything is started: for links of one's own between the servers. */
  readonly wire?: (plan: ClusterPlan) => ClusterPlan;
  /** How long to wait for a leader, ms. Default: 30 s and ten election timeouts. */
  readonly readyTimeoutMs?: number;
  /** Start empty; the servers move aside what is there. */
  readonly fresh?: boolean;
  /** A file of a snapshot that the servers' folders are made of first, as those of a new cluster; there must be none yet. */
  readonly restore?: string;
  /** Keep a temporary folder when the cluster stops. */
  readonly keepData?: boolean;
  /** Told of the cluster before its servers start, so that it can be stopped while it comes up. */
  readonly onCluster?: (cluster: Cluster) => void;
}

/** A cluster that came up. `stop` ends it and removes its temporary folder. */
export type RunningCluster = Omit<Cluster, 'start' | 'waitUntilReady'>;

/**
 * Starts a cluster and resolves once it has a leader. Without `datadir` it lives in a temporary folder that `stop` removes;
 * without `servers` and `basePort` it takes free ports. Should this process end in any way, the servers end by themselves.
 * Throws ClusterConfigError where `config` is wrong, ClusterError where the cluster does not come up; nothing is left running then.
 */
export async function startCluster(config: ClusterConfig, options: StartOptions = {}): Promise<RunningCluster> {
  const checked = checkClusterConfig(config);
  const name = options.name ?? checked.name ?? 'cluster';
  const takesPorts = checked.servers === undefined && checked.basePort === undefined;
  for (let attempt = 1; ; attempt++) {
    const temporary =
      checked.datadir === undefined ? await temporaryFolder(name, options.keepData ?? false) : undefined;
    const ports = takesPorts ? await takeFreePorts(2 * (checked.nodes ?? 3)) : undefined;
    const planned = planCluster({ ...checked, datadir: checked.datadir ?? temporary }, name, ports);
    const placed = options.delayMs === undefined ? planned : listeningElsewhere(planned, ports);
    const plan = options.wire?.(placed) ?? placed;
    try {
      return await startPlanned(plan, { ...options, temporary });
    } catch (error) {
      if (!takesPorts || attempt >= PORT_ATTEMPTS_MAX || !(error instanceof AddressInUseError)) throw error;
    }
  }
}

/** What is kept for somebody to look at is nobody's to remove. */
function temporaryFolder(name: string, isKept: boolean): Promise<string> {
  const prefix = `rkv-${name}-`;
  return isKept ? mkdtemp(join(tmpdir(), prefix)) : makeTemporaryFolder(tmpdir(), prefix);
}

/** As `startCluster`, from a plan. `temporary` is a folder that the cluster removes when it stops. */
export async function startPlanned(
  given: ClusterPlan,
  options: StartOptions & {
    readonly temporary?: string | undefined;
  } = {},
): Promise<RunningCluster> {
  for (let attempt = 1; ; attempt++) {
    makeFolder(given.directory);
    const kept = await keepPlan(given, options.fresh ?? false);
    if (attempt === 1 && options.restore !== undefined) await restoreInto(kept.plan, options.restore, options.onEvent);
    try {
      return await startKept(kept, options);
    } catch (error) {
      if (!kept.isOpen || attempt >= PORT_ATTEMPTS_MAX || !(error instanceof AddressInUseError)) throw error;
      forgetPorts(kept);
    }
  }
}

/** Makes the folders of those that the cluster begins with. Throws ClusterError, and as offline/restore.ts. */
async function restoreInto(
  { servers, initial, backend, directory }: ClusterPlan,
  file: string,
  onEvent?: ClusterEventListener,
): Promise<void> {
  if (servers.some(({ membership }) => membership !== undefined)) {
    throw new ClusterError(
      `${directory} says which servers were added or removed there: a snapshot makes a new cluster, as its file has it; \`rkv-cluster clean\` removes what was there`,
    );
  }
  const { restore } = await import('../offline/restore.ts');
  const members = initial.map((id) => ({ id, dataDirectory: servers[id - 1]!.directory }));
  const { cluster, head } = await restore(file, backend, members);
  onEvent?.({ type: 'restored', cluster, keys: head.keys, from: head.cluster });
}

async function startKept(
  kept: KeptPlan,
  options: StartOptions & {
    readonly temporary?: string | undefined;
  },
): Promise<RunningCluster> {
  const { temporary } = options;
  // What a server writes to the system's temporary folder, such as its JSON log, stays with its cluster: there it would mix with others'.
  const ownTemporary = { TMPDIR: temporary ?? logFolder(kept.plan.directory) };
  const plan = await withMetricsPorts(kept.plan);
  const endDelay = await startDelay(plan, options.delayMs);
  const cluster = new Cluster(plan, {
    program: options.program ?? rkvdProgram,
    environment: { ...ownTemporary, ...options.environment },
    grace: options.grace ?? defaultStopGrace,
    onEvent: options.onEvent ?? (() => {}),
    security: options.security ?? NO_SECURITY,
    cleanUp: async () => {
      await endDelay();
      if (temporary !== undefined && options.keepData !== true) await rm(temporary, { recursive: true, force: true });
    },
  });
  options.onCluster?.(cluster);
  try {
    await cluster.certify();
    cluster.start(options.fresh ?? false);
    await cluster.waitUntilReady(options.readyTimeoutMs ?? 30_000 + 10 * plan.electionMs);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** With ports for the servers' metrics where the usual ones are taken, as by another cluster. */
async function withMetricsPorts(plan: ClusterPlan): Promise<ClusterPlan> {
  if (!plan.hasMetrics || plan.servers.some(({ metricsPort }) => metricsPort !== undefined)) return plan;
  const ports = await metricsPorts(plan.servers.map(({ id }) => id));
  if (ports === undefined) return plan;
  return { ...plan, servers: plan.servers.map((server, position) => ({ ...server, metricsPort: ports[position]! })) };
}

/** As planned, but with each server on a port of its own behind the one that the others and the clients reach. */
function listeningElsewhere(plan: ClusterPlan, ports: readonly number[] | undefined): ClusterPlan {
  const spare = ports?.slice(plan.servers.length);
  if (spare === undefined) throw new ClusterError('distance is for clusters on free ports of this machine');
  const servers = plan.servers.map((server, position) => ({ ...server, listen: `127.0.0.1:${spare[position]}` }));
  return { ...plan, servers };
}

async function startDelay({ servers }: ClusterPlan, delayMs: number | undefined): Promise<() => Promise<void>> {
  if (delayMs === undefined) return async () => {};
  const ports = servers.map(({ address, listen }) => ({ from: portOf(address), to: portOf(listen!) }));
  return startDelayThread({ delayMs, ports });
}

const portOf = (address: string) => parseAddress(address)!.port;
