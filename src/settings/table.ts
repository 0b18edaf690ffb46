import type { EngineSettings } from '../consensus/contract.ts';
import { ENGINE_NAMES } from '../consensus/engines.ts';
import type { FlagSpec, FlagValue } from '../goflags/goFlags.ts';
import {
  GRPC_MESSAGE_BYTES_DEFAULT,
  HEADER_BYTES_DEFAULT,
  HEADER_BYTES_MAX,
  SERVER_PENDING_MAX,
  VALUE_BYTES_DEFAULT,
} from '../wire/limits.ts';

/** A setting of a server: a flag of rkvd, and who else takes it. */
export type Setting = FlagSpec & {
  readonly file: FilePlace;
  readonly bench: BenchPlace;
  /** Its name among the settings of engines, which are those that a scenario may say of its cluster: the simulator has them as well. */
  readonly engine?: keyof EngineSettings;
};

/** Where a cluster file says it: by a key of its own, among its `flags`, or not by itself, since something else does. */
export type FilePlace =
  | 'flags'
  | {
      readonly key: string /** Given to servers only where it is not the default: other programs may not know it. */;
      readonly isSparing?: true;
    }
  | { readonly instead: string };

/** Whether it is an option of rkv-bench, and an axis of its grids: recorded in run.json among `flags`, or in a field of its own. */
export type BenchPlace = 'flags' | BenchField | { readonly not: string };

/** What results had from the beginning. A new setting goes among `flags`: older results, which do not have it, are read with them. */
export interface BenchField {
  /** Its name in run.json, which stays: results are read for ever. */
  readonly field: string;
  /** For people, where rkvd's words do not do. */
  readonly usage?: string;
  /** What `--no-<name>` is for people. */
  readonly usageOff?: string;
  /** Runs that differ in it are named by the value alone. */
  readonly isPlain?: true;
  /** etcd has it as well: `--target etcd` takes it. */
  readonly isOfEtcd?: true;
}

function defineSettings<const S extends Readonly<Record<string, Setting>>>(settings: S): S {
  return settings;
}

const ITS_OWN = { not: 'the servers are its own' } as const;

/**
 * Every setting of a server, once: a new one is an entry here. From these come rkvd's flags and their help, completion by shells, the keys of
 * cluster files and scenarios, the options and axes of rkv-bench, the settings in run.json, and the table in docs/operations.md. What a
 * server makes of them is in server/. The original's come first, ours from datadir on.
 */
export const SETTINGS = defineSettings({
  id: {
    kind: 'int',
    default: 0,
    min: 1,
    required: true,
    usage: "this server's `id`: its 1-based position in -servers",
    file: { instead: 'servers' },
    bench: ITS_OWN,
  },
  servers: {
    kind: 'string',
    default: ':9201,:9202,:9203,:9204,:9205,:9206,:9207',
    usage: 'comma separated `addresses` of all servers that may ever take part; an omitted host means 127.0.0.1',
    file: { instead: 'servers' },
    bench: ITS_OWN,
  },
  cluster: {
    kind: 'string',
    default: '1,2,3',
    usage: 'comma separated `ids` of the initial cluster; a server not named waits, passive, until it is added',
    file: { instead: 'cluster' },
    bench: ITS_OWN,
  },
  backend: {
    kind: 'choice',
    default: 'gorums',
    choices: ENGINE_NAMES,
    usage: 'consensus `engine`',
    file: { key: 'backend' },
    bench: { field: 'backend', isPlain: true },
  },
  batch: {
    kind: 'bool',
    default: true,
    usage: 'batch entries into messages and proposals into disk writes',
    file: { key: 'batch' },
    bench: { field: 'batch', usageOff: 'one entry a message, one proposal a disk write' },
    engine: 'batch',
  },
  entriespermsg: {
    kind: 'int',
    default: 64,
    min: 1,
    usage: '`entries` per AppendEntries message',
    file: { key: 'entriespermsg' },
    bench: { field: 'entriesPerMsg', usage: '`entries` a message may carry', isPlain: true },
    engine: 'entriesPerMessage',
  },
  catchupmultiplier: {
    kind: 'int',
    default: 1024,
    min: 1,
    usage: '`times` entriespermsg that may go to a follower that catches up',
    file: { key: 'catchupmultiplier' },
    bench: 'flags',
    engine: 'catchUpMultiplier',
  },
  heartbeat: {
    kind: 'duration',
    default: 20,
    min: 1,
    usage: 'heartbeat `interval`',
    file: { key: 'heartbeat' },
    bench: { field: 'heartbeat', usage: 'heartbeat interval of the servers', isOfEtcd: true },
    engine: 'heartbeatMs',
  },
  election: {
    kind: 'duration',
    default: 1000,
    min: 1,
    usage: '`time` without a leader before an election starts; randomised up to twice that',
    file: { key: 'election' },
    bench: { field: 'election', usage: 'election timeout of the servers', isOfEtcd: true },
    engine: 'electionTimeoutMs',
  },
  checkquorum: {
    kind: 'bool',
    default: false,
    usage: 'a leader needs a quorum of responses to stay leader',
    file: { key: 'checkquorum' },
    bench: { field: 'checkQuorum' },
    engine: 'checkQuorum',
  },
  readproof: {
    kind: 'choice',
    default: 'round',
    choices: ['round', 'lease'],
    usage:
      '`how` a leader proves that it leads before a linearizable read: by asking a quorum, or while a lease lasts by none, which is sound only while clocks are',
    file: 'flags',
    bench: 'flags',
    engine: 'readProof',
  },
  cache: {
    kind: 'int',
    default: 67_108_864,
    min: 0,
    usage: '`entries` kept in memory (and at most 256 MiB of them)',
    file: { key: 'cache' },
    bench: 'flags',
  },
  maxgrpc: {
    kind: 'int',
    default: GRPC_MESSAGE_BYTES_DEFAULT,
    min: 1024,
    usage: 'largest gRPC message, in `bytes`; links between servers have a limit of their own',
    file: 'flags',
    bench: 'flags',
  },
  ordergorums: {
    kind: 'bool',
    default: true,
    usage: 'gorums: force ordering of RPCs per node, on one link; false: unary calls, as the original speaks them',
    file: 'flags',
    bench: 'flags',
  },
  recover: {
    kind: 'bool',
    default: false,
    usage: 'continue from stable storage; without it old data is moved aside once this server may begin without',
    file: { instead: 'the command line option --fresh' },
    bench: ITS_OWN,
  },
  rejoin: {
    kind: 'bool',
    default: false,
    usage:
      'bring back a server that lost its data, or part of them: what is there is moved aside, and the leader gives it the state to go on from; an earlier process of this id is shut out and ends, and has to be dead already with -survivor, or beside servers of the original',
    file: { instead: 'the command rejoin' },
    bench: ITS_OWN,
  },
  survivor: {
    kind: 'int',
    default: 0,
    min: 0,
    usage:
      'with -rejoin, in a cluster of two: `id` of the other server, which has everything that was acknowledged; taken at its word, as there is no leader without this one',
    file: { instead: 'the command rejoin with --survivor' },
    bench: ITS_OWN,
  },
  servermetrics: {
    kind: 'bool',
    default: true,
    usage: 'Prometheus metrics at http://localhost:590<id>/metrics',
    file: { key: 'metrics' },
    bench: 'flags',
  },
  metricsport: {
    kind: 'int',
    default: 0,
    min: 0,
    max: 65_535,
    usage: '`port` of the metrics, on the loopback interface; 0: 590<id>, such as 5901 for server 1',
    file: { instead: 'metricsBasePort' },
    bench: ITS_OWN,
  },
  quiet: {
    kind: 'bool',
    default: false,
    usage: 'no log on the terminal',
    file: 'flags',
    bench: { not: 'its servers have no terminal' },
  },
  logfile: {
    kind: 'string',
    default: '',
    usage:
      '`file` to log to, as JSON lines; by default raft<two-digit id>.log in the temporary folder, whatever the cluster',
    file: 'flags',
    bench: ITS_OWN,
  },
  csv: {
    kind: 'bool',
    default: true,
    usage: 'write latency-<ns>-server-<id>.csv and event-<ns>-server-<id>.csv on exit',
    file: 'flags',
    bench: { not: 'its own --csv keeps what they write' },
  },
  datadir: {
    kind: 'string',
    default: '.',
    usage: '`folder` for the data of this server',
    file: { instead: 'datadir' },
    bench: { not: 'its own --datadir says beneath which folder' },
  },
  listen: {
    kind: 'string',
    default: '',
    usage: '`address` to listen on, where it differs from the one that the others reach, such as 0.0.0.0:9201',
    file: { instead: 'servers' },
    bench: ITS_OWN,
  },
  'tls-cert': {
    kind: 'string',
    default: '',
    usage:
      "PEM `file` of this server's certificate; with -tls-key and -tls-ca, all connections are mutual TLS; {id} in these stands for the server's id",
    file: 'flags',
    bench: ITS_OWN,
  },
  'tls-key': {
    kind: 'string',
    default: '',
    usage: "PEM `file` of that certificate's private key",
    file: 'flags',
    bench: ITS_OWN,
  },
  'tls-ca': {
    kind: 'string',
    default: '',
    usage: "PEM `file` of the authority of servers' certificates",
    file: 'flags',
    bench: ITS_OWN,
  },
  'client-ca': {
    kind: 'string',
    default: '',
    usage: "PEM `file` of the authority of clients' and operators' certificates, where that is not -tls-ca",
    file: 'flags',
    bench: ITS_OWN,
  },
  'tls-crl': {
    kind: 'string',
    default: '',
    usage: 'PEM `file` of lists of certificates that were revoked, of these authorities',
    file: 'flags',
    bench: ITS_OWN,
  },
  maxvalue: {
    kind: 'int',
    default: VALUE_BYTES_DEFAULT,
    min: 1024,
    usage: 'largest insert, key and value together, in `bytes`: heartbeats wait behind the entries on their way',
    file: 'flags',
    bench: 'flags',
  },
  clientmemory: {
    kind: 'int',
    default: 268_435_456,
    min: 1_048_576,
    usage: '`bytes` that all clients together may make the server hold: requests, and answers that they do not read',
    file: 'flags',
    bench: 'flags',
  },
  maxconnections: {
    kind: 'int',
    default: 0,
    min: 0,
    usage: '`connections` that may be open at once; 0: as many as the limit on open files leaves room for, up to 16384',
    file: 'flags',
    bench: 'flags',
  },
  maxunused: {
    kind: 'int',
    default: 1024,
    min: 1,
    usage: '`connections` on which nothing was asked yet that may be open at once, half-open ones among them',
    file: 'flags',
    bench: 'flags',
  },
  idletimeout: {
    kind: 'duration',
    default: 30_000,
    min: 1000,
    usage:
      '`time` in which nothing came on a connection before its other end is asked whether it is there, and again before it is closed',
    file: 'flags',
    bench: 'flags',
  },
  maxpending: {
    kind: 'int',
    default: SERVER_PENDING_MAX,
    min: 1,
    usage: '`commands` and lookups of all clients together that may be unanswered; more are refused as overloaded',
    file: 'flags',
    bench: 'flags',
  },
  diskreserve: {
    kind: 'int',
    default: 134_217_728,
    min: 0,
    usage:
      '`bytes` of the disk that are set aside for snapshots and compactions, beside twice the state: with less left a leader takes no commands; 0: none',
    file: 'flags',
    bench: 'flags',
  },
  maxheaders: {
    kind: 'int',
    default: HEADER_BYTES_DEFAULT,
    min: 1024,
    max: HEADER_BYTES_MAX,
    usage: '`bytes` of headers that a request may have',
    file: 'flags',
    bench: 'flags',
  },
  snapshotentries: {
    kind: 'int',
    default: 1_000_000,
    min: 0,
    usage: 'applied `entries` between two snapshots, after which the log is cut; 0 takes none',
    file: 'flags',
    bench: 'flags',
  },
  trailingentries: {
    kind: 'int',
    default: 100_000,
    min: 0,
    usage: '`entries` kept in the log below a snapshot, for followers that are a little behind',
    file: 'flags',
    bench: 'flags',
  },
  originalentries: {
    kind: 'int',
    default: 4_000_000,
    min: 0,
    usage:
      "`entries` kept in the log below a snapshot, where these are more, while a member is one of the original's servers, which take no snapshots",
    file: 'flags',
    bench: 'flags',
  },
  faults: {
    kind: 'bool',
    default: false,
    usage:
      'take faults on purpose, as rkv-cluster fault asks for them: of links, disk and clock; for laboratories alone',
    file: { key: 'faults', isSparing: true },
    bench: { not: 'it says so where a scenario is played' },
  },
});

export type Settings = typeof SETTINGS;
export type SettingName = keyof Settings;
/** The value of a setting: a duration in ms. */
export type SettingValue<N extends SettingName> = FlagValue<Settings[N]>;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The setting of a name, where what it has in particular is of no interest. */
export function settingOf(name: SettingName): Setting {
  return SETTINGS[name];
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}
