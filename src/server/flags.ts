import { describeFlags, isShell, SHELLS } from '../cli/completion/description.ts';
import { completionScript } from '../cli/completion/scripts.ts';
import { versionText } from '../cli/version.ts';
import { ENGINE_NAMES } from '../consensus/engines.ts';
import { defineFlags, type FlagValue, flagDefaults, parseFlags, UsageError } from '../goflags/goFlags.ts';
import { type Address, isSameAddress, parseAddress } from '../net/endpoints/addresses.ts';
import { GRPC_MESSAGE_BYTES_DEFAULT, VALUE_BYTES_DEFAULT } from '../wire/limits.ts';

/** The flags of rkvd: the original's, and some of ours (below datadir). */
export const RKVD_FLAGS = defineFlags({
  id: {
    kind: 'int',
    default: 0,
    min: 1,
    required: true,
    usage: "this server's `id`: its 1-based position in -servers",
  },
  servers: {
    kind: 'string',
    default: ':9201,:9202,:9203,:9204,:9205,:9206,:9207',
    usage: 'comma separated `addresses` of all servers that may ever take part; an omitted host means 127.0.0.1',
  },
  cluster: {
    kind: 'string',
    default: '1,2,3',
    usage: 'comma separated `ids` of the initial cluster; a server not named waits, passive, until it is added',
  },
  backend: {
    kind: 'choice',
    default: 'gorums',
    choices: ENGINE_NAMES as readonly string[],
    usage: 'consensus `engine`',
  },
  batch: { kind: 'bool', default: true, usage: 'batch entries into messages and proposals into disk writes' },
  entriespermsg: { kind: 'int', default: 64, min: 1, usage: '`entries` per AppendEntries message' },
  catchupmultiplier: {
    kind: 'int',
    default: 1024,
    min: 1,
    usage: '`times` entriespermsg that may go to a follower that catches up',
  },
  election: {
    kind: 'duration',
    default: 1000,
    min: 1,
    usage: '`time` without a leader before an election starts; randomised up to twice that',
  },
  heartbeat: { kind: 'duration', default: 20, min: 1, usage: 'heartbeat `interval`' },
  checkquorum: { kind: 'bool', default: false, usage: 'a leader needs a quorum of responses to stay leader' },
  cache: { kind: 'int', default: 67_108_864, min: 0, usage: '`entries` kept in memory (and at most 256 MiB of them)' },
  maxgrpc: {
    kind: 'int',
    default: GRPC_MESSAGE_BYTES_DEFAULT,
    min: 1024,
    usage: 'largest gRPC message, in `bytes`; links between servers have a limit of their own',
  },
  ordergorums: {
    kind: 'bool',
    default: true,
    usage: 'gorums: force ordering of RPCs per node, on one link; false: unary calls, as the original speaks them',
  },
  recover: {
    kind: 'bool',
    default: false,
    usage: 'continue from stable storage; without it old data is moved aside once this server may begin without',
  },
  rejoin: {
    kind: 'bool',
    default: false,
    usage:
      'bring back a server that lost its data, or part of them: what is there is moved aside, and the leader gives it the state to go on from; an earlier process of this id is shut out and ends, and has to be dead already with -survivor, or beside servers of the original',
  },
  survivor: {
    kind: 'int',
    default: 0,
    min: 0,
    usage:
      'with -rejoin, in a cluster of two: `id` of the other server, which has everything that was acknowledged; taken at its word, as there is no leader without this one',
  },
  servermetrics: { kind: 'bool', default: true, usage: 'Prometheus metrics at http://localhost:590<id>/metrics' },
  metricsport: {
    kind: 'int',
    default: 0,
    min: 0,
    max: 65_535,
    usage: '`port` of the metrics, on the loopback interface; 0: 590<id>, such as 5901 for server 1',
  },
  quiet: { kind: 'bool', default: false, usage: 'no log on the terminal' },
  logfile: {
    kind: 'string',
    default: '',
    usage:
      '`file` to log to, as JSON lines; by default raft<two-digit id>.log in the temporary folder, whatever the cluster',
  },
  csv: {
    kind: 'bool',
    default: true,
    usage: 'write latency-<ns>-server-<id>.csv and event-<ns>-server-<id>.csv on exit',
  },
  datadir: { kind: 'string', default: '.', usage: '`folder` for the data of this server' },
  listen: {
    kind: 'string',
    default: '',
    usage: '`address` to listen on, where it differs from the one that the others reach, such as 0.0.0.0:9201',
  },
  maxvalue: {
    kind: 'int',
    default: VALUE_BYTES_DEFAULT,
    min: 1024,
    usage: 'largest insert, key and value together, in `bytes`: heartbeats wait behind the entries on their way',
  },
  clientmemory: {
    kind: 'int',
    default: 268_435_456,
    min: 1_048_576,
    usage: '`bytes` that all clients together may make the server hold: requests, and answers that they do not read',
  },
  maxconnections: {
    kind: 'int',
    default: 0,
    min: 0,
    usage: '`connections` that may be open at once; 0: as many as the limit on open files leaves room for, up to 16384',
  },
  snapshotentries: {
    kind: 'int',
    default: 1_000_000,
    min: 0,
    usage: 'applied `entries` between two snapshots, after which the log is cut; 0 takes none',
  },
  trailingentries: {
    kind: 'int',
    default: 100_000,
    min: 0,
    usage: '`entries` kept in the log below a snapshot, for followers that are a little behind',
  },
  faults: {
    kind: 'bool',
    default: false,
    usage:
      'take faults on purpose, as rkv-cluster fault asks for them: of links, disk and clock; for laboratories alone',
  },
});

type RkvdFlags = { readonly [N in keyof typeof RKVD_FLAGS]: FlagValue<(typeof RKVD_FLAGS)[N]> };

/** Where a server's metrics are unless -metricsport says otherwise: port 590<id>, 5901 for server 1, 59010 for server 10. */
export function defaultMetricsPort(id: number): number {
  return Number(`590${id}`);
}

/** The settings of one server, checked. */
export interface ServerConfig {
  readonly flags: RkvdFlags;
  readonly id: number;
  /** Addresses as others reach them; position i is server i + 1. */
  readonly servers: readonly Address[];
  readonly bootstrap: readonly number[];
  readonly listen: Address;
}

/** The flags of an rkvd that has these engines. */
function flagsWith(engines: readonly string[]): typeof RKVD_FLAGS {
  return { ...RKVD_FLAGS, backend: { ...RKVD_FLAGS.backend, choices: engines } };
}

/** Throws UsageError with what was wrong; returns the answer where help, the version or a completion script was asked for. */
export function parseServerConfig(
  argv: readonly string[],
  engines: readonly string[] = ENGINE_NAMES,
): ServerConfig | string {
  if (argv[0] === 'completion') return completion(argv.slice(1), engines);
  const { values: flags, rest, asked } = parseFlags(flagsWith(engines), argv);
  if (asked !== undefined) return asked === 'help' ? rkvdUsage(engines) : `${versionText('rkvd')}\n`;
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}": rkvd takes flags only`);
  const servers = flags.servers.split(',').map((text) => address('servers', text));
  for (const [at, own] of servers.entries()) {
    const first = servers.findIndex((other) => isSameAddress(other, own));
    if (first < at) {
      throw new UsageError(
        `invalid value "${flags.servers}" for flag -servers: servers ${first + 1} and ${at + 1} have the same address`,
      );
    }
  }
  if (flags.id > servers.length) {
    throw new UsageError(`invalid value "${flags.id}" for flag -id: -servers names ${servers.length} servers`);
  }
  const bootstrap = flags.cluster.split(',').map((text) => memberId(text, servers.length));
  if (new Set(bootstrap).size < bootstrap.length) {
    throw new UsageError(`invalid value "${flags.cluster}" for flag -cluster: an id stands there twice`);
  }
  if (flags.recover && flags.rejoin) {
    throw new UsageError('-recover goes on from the data that -rejoin moves aside: expected one of them');
  }
  if (flags.survivor !== 0 && (!flags.rejoin || flags.survivor === flags.id || flags.survivor > servers.length)) {
    throw new UsageError(
      `invalid value "${flags.survivor}" for flag -survivor: expected another server of -servers, and -rejoin`,
    );
  }
  if (flags.heartbeat >= flags.election) {
    throw new UsageError(
      `-heartbeat ${flags.heartbeat}ms must be shorter than -election ${flags.election}ms, or every follower stands for election`,
    );
  }
  const own = servers[flags.id - 1]!;
  const listen = flags.listen === '' ? own : address('listen', flags.listen);
  return { flags, id: flags.id, servers, bootstrap, listen };
}

function address(flag: string, text: string): Address {
  const parsed = parseAddress(text.trim());
  if (parsed === undefined) {
    throw new UsageError(`invalid value "${text}" for flag -${flag}: expected host:port or :port, such as :9201`);
  }
  return parsed;
}

function memberId(text: string, serverCount: number): number {
  const id = Number(text.trim());
  if (!/^\d+$/.test(text.trim()) || id < 1 || id > serverCount) {
    throw new UsageError(`invalid value "${text}" for flag -cluster: expected ids from 1 to ${serverCount}`);
  }
  return id;
}

function completion([shell, ...more]: readonly string[], engines: readonly string[]): string {
  if (!isShell(shell) || more.length > 0) {
    throw new UsageError(`expected a shell after completion: ${SHELLS.join(', ')}`);
  }
  const words = { completion: 'print a script for a shell' };
  return completionScript(describeFlags('rkvd', flagsWith(engines), words), shell);
}

export function rkvdUsage(engines: readonly string[] = ENGINE_NAMES): string {
  return `Usage of rkvd:\n${flagDefaults(flagsWith(engines))}\nrkvd completion bash (or zsh, fish) prints a script that has the shell complete these.\n`;
}
