import { parseAddresses } from '../../client/addresses.ts';
import { AddressError } from '../../client/errors.ts';
import { formatDuration } from '../../goflags/goValues.ts';
import type { RunSettings } from '../results/schema.ts';
import { etcdDefaults, isOfEtcd } from '../results/settingFields.ts';
import { type Configuration, configurationsOf } from './axes.ts';
import { type AskedSettings, settingAxes } from './settingAxes.ts';

type Cluster = RunSettings['cluster'];
type EtcdCluster = Extract<Cluster, { kind: 'etcd' }>;

/** Servers that are measured beside own ones, or in their place. */
export type BenchTarget =
  /** etcd, started for it. */
  { readonly kind: 'etcd' } | Extract<Cluster, { kind: 'running' | 'running-etcd' }>;

const ETCD = 'etcd';
/** By what is before the addresses. */
const SCHEMES = [
  ['etcd://', 'running-etcd'],
  ['rkv://', 'running'],
] as const;
/** Between two targets: addresses have commas of their own. */
const BETWEEN_TARGETS = /,(?=etcd$|etcd,|etcd:\/\/|rkv:\/\/)/;
/** etcd's own bounds. */
const HEARTBEATS_IN_ELECTION_MIN = 5;
const ETCD_ELECTION_MS_MAX = 50_000;

/** `etcd`, `etcd://host:port,…` or `rkv://host:port,…`, or several of them. Throws AddressError. */
export function parseTargets(text: string): BenchTarget[] {
  return text.split(BETWEEN_TARGETS).map((part): BenchTarget => {
    if (part === ETCD) return { kind: 'etcd' };
    const scheme = SCHEMES.find(([prefix]) => part.startsWith(prefix));
    if (scheme === undefined) {
      throw new AddressError(`bad target "${part}": expected etcd, etcd://host:2379,… or rkv://host:9201,…`);
    }
    const [prefix, kind] = scheme;
    return { kind, addresses: parseAddresses(part.slice(prefix.length)) };
  });
}

/** As it is typed. */
export function targetText(cluster: BenchTarget): string {
  if (cluster.kind === 'etcd') return ETCD;
  const [prefix] = SCHEMES.find(([, kind]) => kind === cluster.kind)!;
  return `${prefix}${cluster.addresses.join(',')}`;
}

/** What runs of these servers are called. */
export function targetLabel({ kind }: Cluster): string {
  return kind === 'running' ? 'running' : 'etcd-server';
}

/** The configurations of the targets, each with the level of `backend` that tells it from the others. */
export function targetConfigurations(
  targets: readonly BenchTarget[],
  servers: number,
  asked: AskedSettings,
): Configuration<Cluster>[] {
  const ofEtcd = new Map([...asked].filter(([name]) => isOfEtcd(name)));
  const seen = new Map<string, number>();
  return targets.flatMap((target) => {
    const label = targetLabel(target as Cluster);
    const count = (seen.get(label) ?? 0) + 1;
    seen.set(label, count);
    const backend = count === 1 ? label : `${label}${count}`;
    const found: Configuration<Cluster>[] =
      target.kind === 'etcd'
        ? configurationsOf<EtcdCluster>({ kind: 'etcd', servers, ...etcdDefaults() }, settingAxes(ofEtcd))
        : [{ settings: { ...target, addresses: [...target.addresses] }, levels: {} }];
    return found.map(({ settings, levels }) => ({ settings, levels: { backend, ...levels } }));
  });
}

/** What etcd would say to its settings, before anything is started. */
export function etcdProblems(heartbeatsMs: readonly number[], electionsMs: readonly number[]): string[] {
  const problems: string[] = [];
  const odd = [...heartbeatsMs, ...electionsMs].find((ms) => !Number.isInteger(ms));
  if (odd !== undefined) problems.push(`--target etcd: expected whole milliseconds, got ${formatDuration(odd)}`);
  const heartbeatMs = Math.max(...heartbeatsMs);
  const electionMs = Math.min(...electionsMs);
  if (electionMs < HEARTBEATS_IN_ELECTION_MIN * heartbeatMs || Math.max(...electionsMs) > ETCD_ELECTION_MS_MAX) {
    problems.push(
      `--target etcd: expected an election timeout of at least ${HEARTBEATS_IN_ELECTION_MIN} heartbeats and at most ${formatDuration(ETCD_ELECTION_MS_MAX)}, got ${formatDuration(electionMs)} and heartbeats of ${formatDuration(heartbeatMs)}`,
    );
  }
  return problems;
}
