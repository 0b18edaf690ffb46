import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatAddress, isLoopback, parseAddress } from '../net/endpoints/addresses.ts';
import { flagsOf } from '../settings/fileValues.ts';
import { SETTINGS } from '../settings/table.ts';
import { defaultText } from '../settings/values.ts';
import { durationMs } from '../yaml/values.ts';
import type { Membership } from './clusterState.ts';
import type { ClusterConfig } from './config/schema.ts';
import { defaultRestartPolicy, type RestartPolicy } from './restartPolicy.ts';
import { planTls, type TlsPlan, tlsFlags } from './tls/tlsPlan.ts';

const DEFAULT_BASE_PORT = 9201;
const DEFAULT_NODES = 3;

export interface ServerPlan {
  readonly id: number;
  /** `host:port`, as clients and peers dial it. */
  readonly address: string;
  /** Where it listens; undefined: at its address. */
  readonly listen?: string;
  /** How it reaches each server, in the order of their ids; undefined: at their addresses, as everybody does. */
  readonly dials?: readonly string[];
  /** Of its metrics; undefined: rkvd's own choice, 590<id>; OPEN_PORT: chosen when it starts for the first time. */
  readonly metricsPort?: number;
  /** Where it was added, or is to be removed; undefined: a server of the file, like any other. */
  readonly membership?: Membership | undefined;
  /** Its working directory and its `-datadir`: its log, its hard state and the CSV files it writes when it ends. */
  readonly directory: string;
  readonly logFile: string;
}

/** A cluster's settings with every default filled in: all that is needed to start it. */
export interface ClusterPlan {
  readonly name: string;
  /** An engine of the program that is started. */
  readonly backend: string;
  readonly directory: string;
  readonly servers: readonly ServerPlan[];
  /** The ids of those that the cluster begins with. */
  readonly initial: readonly number[];
  /** The flags that every server gets alike beside those on who there is, as `-name=value`. */
  readonly sharedFlags: readonly string[];
  readonly electionMs: number;
  readonly hasMetrics: boolean;
  /** Ports of metrics are chosen at the first start and kept, also of servers that are added. */
  readonly choosesMetricsPorts: boolean;
  readonly restart: RestartPolicy;
  /** Undefined: nobody has to prove who he is. */
  readonly tls: TlsPlan | undefined;
}

/** Where a cluster keeps its data unless its file names a `datadir`; counted from the working directory, as that is. */
export function defaultDirectory(name: string): string {
  return join('rkv-data', name);
}

/** Fills in the defaults. `ports` overrides the ports of a configuration that lists no servers of its own. */
export function planCluster(config: ClusterConfig, name: string, ports?: readonly number[]): ClusterPlan {
  const clusterName = config.name ?? name;
  const directory = resolve(config.datadir ?? defaultDirectory(clusterName));
  const addresses = serverAddresses(config, ports);
  return {
    name: clusterName,
    backend: config.backend ?? SETTINGS.backend.default,
    directory,
    servers: addresses.map((address, position) => serverPlan(config, directory, position, address)),
    initial: config.cluster ?? addresses.map((_, position) => position + 1),
    sharedFlags: flagsOf(config),
    electionMs: durationMs(config.election ?? defaultText('election')),
    hasMetrics: config.metrics ?? SETTINGS.servermetrics.default,
    choosesMetricsPorts: choosesMetricsPorts(config),
    restart: restartPolicy(config),
    tls: planTls(config, directory),
  };
}

function serverAddresses(config: ClusterConfig, ports: readonly number[] | undefined): string[] {
  if (config.servers !== undefined) {
    return config.servers.map(({ address, port }) =>
      port === 0 ? OPEN_ADDRESS : formatAddress(parseAddress(address ?? `:${port}`)!),
    );
  }
  const count = config.nodes ?? DEFAULT_NODES;
  const basePort = config.basePort ?? DEFAULT_BASE_PORT;
  return Array.from({ length: count }, (_, position) =>
    ports === undefined && basePort === 0 ? OPEN_ADDRESS : `127.0.0.1:${ports?.[position] ?? basePort + position}`,
  );
}

/** One that is chosen when its server starts for the first time. */
export const OPEN_PORT = 0;
export const OPEN_ADDRESS = `127.0.0.1:${OPEN_PORT}`;

function serverPlan(config: ClusterConfig, clusterDirectory: string, position: number, address: string): ServerPlan {
  const own = config.servers?.[position]?.datadir;
  return {
    ...plainServer(clusterDirectory, position + 1, address),
    ...(own === undefined ? {} : { directory: resolve(own) }),
    ...metricsPortOf(config, position),
  };
}

function choosesMetricsPorts({ metrics, metricsBasePort }: ClusterConfig): boolean {
  return metricsBasePort === OPEN_PORT && metrics !== false;
}

function metricsPortOf(config: ClusterConfig, position: number): Pick<ServerPlan, 'metricsPort'> {
  const { metricsBasePort } = config;
  if (choosesMetricsPorts(config)) return { metricsPort: OPEN_PORT };
  return metricsBasePort === undefined || metricsBasePort === OPEN_PORT
    ? {}
    : { metricsPort: metricsBasePort + position };
}

/** A server of which nothing else is said. */
function plainServer(clusterDirectory: string, id: number, address: string): ServerPlan {
  return {
    id,
    address,
    directory: serverDirectory(clusterDirectory, id),
    logFile: serverLogFile(clusterDirectory, id),
  };
}

/** One more server, behind those that there are. */
export function nextServer(plan: ClusterPlan, address: string): ServerPlan {
  const id = plan.servers.length + 1;
  // Counted from the first one's, where the file says where they are.
  const firstMetricsPort = plan.servers[0]?.metricsPort;
  const server = plainServer(plan.directory, id, address);
  if (plan.choosesMetricsPorts) return { ...server, metricsPort: OPEN_PORT };
  return firstMetricsPort === undefined ? server : { ...server, metricsPort: firstMetricsPort + id - 1 };
}

/** Where server `id` works and keeps its data unless its configuration says otherwise. */
export function serverDirectory(clusterDirectory: string, id: number): string {
  return join(clusterDirectory, `server-${id}`);
}

/** For logs alone. */
export function logFolder(clusterDirectory: string): string {
  return join(clusterDirectory, 'logs');
}

export function serverLogFile(clusterDirectory: string, id: number): string {
  return join(logFolder(clusterDirectory), `rkvd-${id}.log`);
}

/** The ids of those that left one, in no order. */
export function serversWithLogs(clusterDirectory: string): number[] {
  const folder = logFolder(clusterDirectory);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => Number(/^rkvd-([1-9]\d{0,3})\.log$/.exec(name)?.[1] ?? []));
}

function restartPolicy({ restart }: ClusterConfig): RestartPolicy {
  const ms = (duration: string | undefined, otherwise: number): number =>
    duration === undefined ? otherwise : durationMs(duration);
  const firstDelayMs = ms(restart?.firstDelay, defaultRestartPolicy.firstDelayMs);
  return {
    enabled: restart?.enabled ?? defaultRestartPolicy.enabled,
    firstDelayMs,
    maxDelayMs: Math.max(firstDelayMs, ms(restart?.maxDelay, defaultRestartPolicy.maxDelayMs)),
    stableAfterMs: ms(restart?.stableAfter, defaultRestartPolicy.stableAfterMs),
  };
}

/** Those of all servers, in the order of their ids. */
export function addressesOf({ servers }: ClusterPlan): string[] {
  return servers.map(({ address }) => address);
}

/** What a server starts from: nothing, its data, or what the others give it (once, where its data are lost or refused). */
export type StartFrom = 'nothing' | 'data' | 'others';

/** Also at an address of this machine that others reach: whoever wrote the cluster file says so. */
function listensElsewhere({ address, listen }: ServerPlan): boolean {
  return listen !== undefined || !isLoopback(parseAddress(address)!.host);
}

/** The command line of one server. */
export function serverFlags(plan: ClusterPlan, server: ServerPlan, from: StartFrom): string[] {
  const start = from === 'others' ? '-rejoin=true' : `-recover=${from === 'data'}`;
  const listen = listensElsewhere(server) ? [`-listen=${server.listen ?? server.address}`] : [];
  const metrics = server.metricsPort === undefined ? [] : [`-metricsport=${server.metricsPort}`];
  return [
    `-id=${server.id}`,
    `-servers=${(server.dials ?? addressesOf(plan)).join(',')}`,
    `-cluster=${plan.initial.join(',')}`,
    ...plan.sharedFlags,
    ...listen,
    ...metrics,
    ...(plan.tls === undefined ? [] : tlsFlags(plan.tls, server.id)),
    `-datadir=${server.directory}`,
    start,
  ];
}
