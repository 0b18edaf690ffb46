import { YCSB } from '../../client/load/ycsb.ts';
import { SETTINGS } from '../../settings/table.ts';
import type { LoadSettings, RunRecord } from '../results/schema.ts';

/** What two runs have to have in common for their figures to be compared. `--across` says that one of them is the variable. */
export const CONDITIONS = [
  'durability',
  'load',
  'reads',
  'readproof',
  'payload',
  'scenario',
  'distance',
  'machine',
] as const;
export type Condition = (typeof CONDITIONS)[number];
/** For runs in which whatever differs was varied on purpose. */
export const ALL_CONDITIONS: ReadonlySet<Condition> = new Set(CONDITIONS);

/** A difference that makes two runs incomparable. */
export interface Obstacle {
  readonly condition: Condition | 'check';
  readonly fact: string;
  readonly baseline: string;
  readonly candidate: string;
}

/** What speaks against comparing `candidate` with `baseline`, where only `across` may differ. */
export function obstaclesBetween(
  baseline: RunRecord,
  candidate: RunRecord,
  across: ReadonlySet<Condition>,
): Obstacle[] {
  const obstacles: Obstacle[] = [];
  // A store that loses writes has no speed.
  for (const run of [baseline, candidate]) {
    if (run.verdict.passed) continue;
    const side = (one: RunRecord) => (one.verdict.passed ? 'passed' : 'FAILED');
    obstacles.push({ condition: 'check', fact: 'check', baseline: side(baseline), candidate: side(candidate) });
    break;
  }
  const theirs = factsOf(candidate);
  for (const [fact, { condition, value }] of factsOf(baseline)) {
    const other = theirs.get(fact)!.value;
    if (value === other || value === undefined || other === undefined || across.has(condition)) continue;
    obstacles.push({ condition, fact, baseline: value, candidate: other });
  }
  return obstacles;
}

interface Fact {
  readonly condition: Condition;
  /** Undefined where it is no setting, but what the servers are. */
  readonly value: string | undefined;
}

function factsOf({ settings, disk, machine }: RunRecord): Map<string, Fact> {
  const { cluster, load, schedule } = settings;
  const isEtcd = cluster.kind === 'etcd' || cluster.kind === 'running-etcd';
  const facts: [string, Condition, string | undefined][] = [
    ['durable writes', 'durability', disk === null ? 'not known' : disk.inMemory ? 'none (in memory)' : 'on a disk'],
    ['file system', 'durability', disk?.fileSystem ?? 'not known'],
    ['loop', 'load', load.ratePerClient === null ? 'closed' : 'open'],
    ['requests a second of a client', 'load', load.ratePerClient === null ? '-' : String(load.ratePerClient)],
    ['clients', 'load', String(load.clients)],
    ['calls', 'load', isEtcd ? undefined : load.rpc],
    ['workload', 'load', load.workload ?? 'original'],
    ['keys', 'load', keysOf(load)],
    ['lookups', 'reads', String(load.reads)],
    ['proof of reads', 'readproof', isEtcd ? undefined : readProofOf(cluster)],
    ['bytes of a value', 'payload', String(load.payloadBytes)],
    ['scenario', 'scenario', schedule === undefined ? 'none' : `${schedule.name}: ${JSON.stringify(schedule.steps)}`],
    ['distance', 'distance', distanceOf(cluster)],
    ['processor', 'machine', `${machine.cores} × ${machine.cpuModel}`],
    ['memory', 'machine', `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`],
    ['platform', 'machine', machine.platform],
  ];
  return new Map(facts.map(([fact, condition, value]) => [fact, { condition, value }]));
}

function keysOf({ keyspace, workload, requestDistribution, zipfS, zipfV }: LoadSettings): string {
  if (workload === undefined) return `${keyspace}, Zipf ${zipfS}, ${zipfV}`;
  return `${keyspace}, ${requestDistribution ?? YCSB[workload].distribution}`;
}

/** A lease makes lookups cheap, and sound only while clocks are; of servers that run already nobody knows what they were given. */
function readProofOf(cluster: RunRecord['settings']['cluster']): string {
  return cluster.kind === 'own' ? (cluster.flags?.readproof ?? SETTINGS.readproof.default) : 'not known';
}

function distanceOf(cluster: RunRecord['settings']['cluster']): string {
  if (cluster.kind === 'own') return cluster.distance ?? 'none';
  return cluster.kind === 'etcd' ? 'none' : 'not known';
}
