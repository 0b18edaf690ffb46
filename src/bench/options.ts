import { type Command, InvalidArgumentError, Option } from 'commander';
import { anyNumber } from '../cli/runCommander.ts';
import { parseAddresses } from '../client/addresses.ts';
import { parseDurationMs } from '../goflags/goValues.ts';
import type { BenchRequest } from './plan.ts';

/** The options of `rkv-bench` as commander hands them over. */
export interface BenchFlags {
  readonly backend?: readonly string[];
  readonly batch?: boolean;
  readonly entriespermsg?: readonly number[];
  readonly servers?: number;
  readonly heartbeat?: number;
  readonly election?: number;
  readonly checkquorum?: boolean;
  readonly distance?: number;
  readonly cluster?: readonly string[];
  readonly datadir?: string;
  readonly clients: number;
  readonly throughput?: number;
  readonly time: number;
  readonly warmup: number;
  readonly reads: number;
  readonly payload: number;
  readonly keyspace: number;
  readonly zipfs: number;
  readonly zipfv: number;
  readonly seed: number;
  readonly rpc: 'stream' | 'unary';
  readonly repeats: number;
  readonly results: string;
  readonly name?: string;
  readonly json?: true;
}

export function addBenchOptions(command: Command): Command {
  return command
    .optionsGroup('The cluster:')
    .option(
      '--backend <names>',
      'gorums, etcd, hashicorp or all; a list, or given again, measures one after the other (default: gorums)',
      collectNames,
    )
    .option('--batch', 'batch entries into messages and proposals into disk writes (default)')
    .option('--no-batch', 'one entry a message, one proposal a disk write')
    .option(
      '--entriespermsg <entries>',
      'entries a message may carry; a list measures each (default: 64)',
      wholeNumbers,
    )
    .option('--servers <n>', 'servers to start (default: 3)', anyNumber)
    .option('--heartbeat <duration>', 'heartbeat interval of the servers (default: 20ms)', duration)
    .option('--election <duration>', 'election timeout of the servers (default: 1s)', duration)
    .option('--checkquorum', 'a leader needs a quorum of responses to stay leader')
    .option(
      '--distance <duration>',
      'put the servers so far from each other and from the bench: what every byte takes one way',
      duration,
    )
    .option('--datadir <folder>', "where the servers' data lies while they run (default: the temporary folder)")
    .option(
      '--cluster <addresses>',
      'measure the servers that run at :9201,:9202,:9203 instead of starting some',
      addresses,
    )
    .optionsGroup('The load:')
    .option('--clients <n>', 'sessions that send requests', anyNumber, 200)
    .option(
      '--throughput <rate>',
      'requests per second of each client, measured from when they are due (open loop); without it each waits for its answer (closed loop)',
      anyNumber,
    )
    .addOption(timeOption('--time <duration>', 'how long to measure', 10_000, '10s'))
    .addOption(timeOption('--warmup <duration>', 'how long to drive before that', 2000, '2s'))
    .option('--reads <fraction>', 'fraction of lookups, 0 to 1', anyNumber, 0)
    .option('--payload <bytes>', 'bytes of a value, at least 16', anyNumber, 16)
    .option('--keyspace <n>', 'number of keys', anyNumber, 10_000)
    .option('--zipfs <s>', 'exponent of the Zipf distribution of keys', anyNumber, 1.1)
    .option('--zipfv <v>', 'offset of the Zipf distribution of keys', anyNumber, 4)
    .option('--seed <n>', 'equal seeds draw equal keys', anyNumber, 1)
    .addOption(
      new Option('--rpc <kind>', 'session stream or unary calls').choices(['stream', 'unary']).default('stream'),
    )
    .optionsGroup('The results:')
    .option('--repeats <n>', 'measure so often, each time on new servers', anyNumber, 1)
    .option('--results <folder>', 'where the folder of each run goes', 'results')
    .option('--name <name>', 'name of the run (default: the time and the backend)')
    .option('--json', 'print the results as JSON on stdout, the table on stderr');
}

export function requestOf(flags: BenchFlags): BenchRequest {
  return {
    backends: flags.backend,
    batch: flags.batch,
    entriesPerMsg: flags.entriespermsg,
    servers: flags.servers,
    heartbeatMs: flags.heartbeat,
    electionMs: flags.election,
    checkQuorum: flags.checkquorum,
    distanceMs: flags.distance,
    cluster: flags.cluster,
    dataDirectory: flags.datadir,
    clients: flags.clients,
    throughput: flags.throughput,
    timeMs: flags.time,
    warmupMs: flags.warmup,
    reads: flags.reads,
    payload: flags.payload,
    keyspace: flags.keyspace,
    zipfS: flags.zipfs,
    zipfV: flags.zipfv,
    seed: flags.seed,
    rpc: flags.rpc,
    repeats: flags.repeats,
    name: flags.name,
  };
}

function timeOption(flags: string, description: string, ms: number, text: string): Option {
  return new Option(flags, description).argParser(duration).default(ms, text);
}

function collectNames(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((name) => name.trim())];
}

function wholeNumbers(text: string): number[] {
  return text.split(',').map((part) => {
    if (!/^\d+$/.test(part.trim())) throw new InvalidArgumentError('Expected whole numbers such as 64 or 64,1024.');
    return Number(part);
  });
}

function duration(text: string): number {
  const parsed = parseDurationMs(text);
  if (!parsed.ok) throw new InvalidArgumentError('Expected a duration such as 10s, 20ms or 1m30s.');
  return parsed.value;
}

function addresses(text: string): string[] {
  try {
    return parseAddresses(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
