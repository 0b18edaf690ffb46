import { parseAddress } from '../net/endpoints/addresses.ts';
import { ClusterError } from './cluster.ts';
import { type ClusterPlan, nextServer, OPEN_ADDRESS, OPEN_PORT } from './clusterPlan.ts';
import { type ClusterState, readClusterState, writeClusterState } from './clusterState.ts';
import { knownClusters } from './control/registry.ts';
import { choosePorts } from './process/choosePorts.ts';

/** A plan with what its folder keeps, and what that is. */
export interface KeptPlan {
  readonly plan: ClusterPlan;
  readonly state: ClusterState;
  /** Ports were chosen just now: nobody knows them yet, and others would do. */
  readonly isOpen: boolean;
}

/**
 * Completes a plan by what the cluster's folder keeps, and keeps there what is new: which backend writes these data, ports that are chosen
 * once, servers that were added or removed. `fresh`: of all that the ports alone. Throws ClusterError where the data are another
 * backend's, UnusableFileError where what is kept cannot be read, NoPortError.
 */
export async function keepPlan(given: ClusterPlan, fresh: boolean): Promise<KeptPlan> {
  const before = fresh ? onlyPorts(given.directory) : readClusterState(given.directory);
  if (before !== undefined && before.backend !== '' && before.backend !== given.backend) {
    throw new ClusterError(
      `${given.directory} holds data of the ${before.backend} backend, not of ${given.backend}: ` +
        'give this cluster a datadir of its own, or start it with --fresh, which moves that data aside',
    );
  }
  const grown = withServers(given, before?.servers ?? []);
  const { kept, isOpen } = await portsOf(grown, before ?? NO_PORTS);
  const plan = withPorts(grown, kept);
  const state: ClusterState = { backend: plan.backend, ...kept, servers: before?.servers ?? [] };
  writeClusterState(plan.directory, state);
  return { plan, state, isOpen };
}

type KeptPorts = Pick<ClusterState, 'ports' | 'metricsPorts'>;
const NO_PORTS: KeptPorts = { ports: {}, metricsPorts: {} };

/** What has no backend says nothing of what the data are. */
function onlyPorts(directory: string): ClusterState | undefined {
  try {
    const { ports, metricsPorts } = readClusterState(directory) ?? NO_PORTS;
    return { backend: '', ports, metricsPorts, servers: [] };
  } catch {
    // It is begun anew.
    return undefined;
  }
}

/** The file says where the servers are that it has; what was kept says it of others, and what `add` and `remove` have come to. */
export function withServers(plan: ClusterPlan, kept: ClusterState['servers']): ClusterPlan {
  let grown = plan;
  kept.forEach(({ address }, position) => {
    if (position >= grown.servers.length) grown = { ...grown, servers: [...grown.servers, nextServer(grown, address)] };
  });
  const servers = grown.servers.map((server, position) => {
    const membership = kept[position]?.membership;
    return membership === undefined ? server : { ...server, membership };
  });
  return { ...grown, servers };
}

async function portsOf(
  { servers, directory }: ClusterPlan,
  { ports, metricsPorts }: KeptPorts,
): Promise<{ readonly kept: KeptPorts; readonly isOpen: boolean }> {
  const open = servers.filter(({ address }) => address === OPEN_ADDRESS);
  const missing = open.filter(({ id }) => ports[id] === undefined);
  const withoutMetrics = servers.filter(({ id, metricsPort }) => metricsPort === OPEN_PORT && !(id in metricsPorts));
  const count = missing.length + withoutMetrics.length;
  const others = count === 0 ? [] : otherDirectories(directory);
  const given = servers.flatMap(({ address }) => parseAddress(address)?.port ?? []);
  const own = [...given, ...Object.values(ports), ...Object.values(metricsPorts)];
  const chosen =
    count === 0 ? [] : await choosePorts(count, { taken: new Set([...own, ...others.flatMap(keptPorts)]) });
  const added = (to: typeof missing, from: number) =>
    Object.fromEntries(to.map(({ id }, i) => [id, chosen[from + i]!]));
  const kept = {
    ports: { ...ports, ...added(missing, 0) },
    metricsPorts: { ...metricsPorts, ...added(withoutMetrics, missing.length) },
  };
  return { kept, isOpen: missing.length > 0 && missing.length === open.length };
}

function otherDirectories(directory: string): string[] {
  try {
    return knownClusters().flatMap((each) => (each.directory === directory ? [] : [each.directory]));
  } catch {
    // Where the list cannot be read, whether a port is free has to do.
    return [];
  }
}

/** Of another cluster of this user, which may be down at the moment. */
function keptPorts(directory: string): number[] {
  try {
    const { ports, metricsPorts } = readClusterState(directory) ?? NO_PORTS;
    return [...Object.values(ports), ...Object.values(metricsPorts)];
  } catch {
    return [];
  }
}

function withPorts(plan: ClusterPlan, { ports, metricsPorts }: KeptPorts): ClusterPlan {
  const servers = plan.servers.map((server) => ({
    ...server,
    ...(server.address === OPEN_ADDRESS ? { address: `127.0.0.1:${ports[server.id]}` } : {}),
    ...(server.metricsPort === OPEN_PORT ? { metricsPort: metricsPorts[server.id]! } : {}),
  }));
  return { ...plan, servers };
}

/** Forgets ports that nobody knows yet. */
export function forgetPorts({ plan, state }: KeptPlan): void {
  writeClusterState(plan.directory, { ...state, ports: {} });
}
