import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { anyNumber, wholeNumber } from '../cli/runCommander.ts';
import { parseAddresses } from '../client/addresses.ts';
import {
  KEY_DISTRIBUTIONS,
  type KeyDistribution,
  WORKLOAD_NAMES,
  type WorkloadName,
  YCSB_NAMES,
} from '../client/load/ycsb.ts';
import { parseDurationMs } from '../goflags/goValues.ts';
import { clientCredentialFiles } from '../net/endpoints/credentialFlags.ts';
import type { CredentialFiles } from '../net/endpoints/credentials.ts';
import { CONDITIONS, type Condition } from './compare/comparability.ts';
import { EXPERIMENT_NAMES, EXPERIMENTS } from './experiments/experiments.ts';
import type { BenchRequest } from './plan/plan.ts';
import { scheduleOfFile } from './plan/schedule.ts';
import { type BenchTarget, parseTargets } from './plan/targets.ts';
import { askedSettings, type SettingFlags, settingOptions } from './settingOptions.ts';

/** The options of `rkv-bench` as commander hands them over. */
export interface BenchFlags extends SettingFlags {
  readonly servers?: number;
  readonly distance?: number;
  /** Without a value true. */
  readonly tls?: true | readonly boolean[];
  readonly tlsDir?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly rkvd?: readonly string[];
  readonly cluster?: readonly string[];
  readonly target?: readonly BenchTarget[];
  readonly datadir?: string;
  readonly clients: readonly number[];
  readonly throughput?: readonly number[];
  readonly time?: number;
  readonly scenario?: string;
  readonly warmup: number;
  readonly reads: readonly number[];
  readonly payload: readonly number[];
  readonly workload?: readonly WorkloadName[];
  readonly requestdistribution?: readonly KeyDistribution[];
  readonly workers?: number;
  readonly keyspace: number;
  readonly zipfs: number;
  readonly zipfv: number;
  readonly seed: number;
  readonly rpc: 'stream' | 'unary';
  readonly runs?: number;
  readonly repeats?: number;
  readonly precision?: number;
  readonly runsMax: number;
  readonly failIf?: readonly string[];
  readonly results: string;
  readonly name?: string;
  readonly csv?: true;
  readonly json?: true;
}

/** The options of `rkv-bench run`. */
export interface RunFlags extends BenchFlags {
  /** Print the stages, too. */
  readonly why?: true;
}

/** The options of `rkv-bench sweep`. */
export interface SweepFlags extends Omit<RunFlags, 'failIf'> {
  readonly reason?: string;
}

const EXAMPLES = `
Examples:
  rkv-bench --backend all --runs 10                               which engine is faster, and how sure that is
  rkv-bench --throughput 30 --scenario scenarios/leader-killed.yaml    how a cluster gets over a dead leader
  rkv-bench --backend etcd --target etcd --runs 5                 our engine of that name and etcd itself, in one table
  rkv-bench experiment crash-leader --quick --backend all         the same as an experiment, side by side
  rkv-bench report results/A --csv tables                         figures for pandas
`;

export function addBenchOptions(command: Command): Command {
  return addMeasuringOptions(command)
    .addHelpText('after', EXAMPLES)
    .addOption(
      failIfOption(
        '--fail-if <threshold>',
        "exit with 3 where a run is so, such as 'p99 > 10ms', 'throughput < 10000', 'dropped > 0'",
      ),
    );
}

export function addSweepOptions(command: Command): Command {
  command.argument(
    '[file]',
    'a grid that is written down, such as experiments/batching.yaml; what is typed goes before',
  );
  return addMeasuringOptions(command).addOption(reasonOption());
}

/** `takesScenario`: an experiment has its own. */
function addMeasuringOptions(command: Command, takesScenario = true): Command {
  return addResultOptions(addLoadOptions(command, takesScenario));
}

/** The servers of a run, and what drives them. */
function addLoadOptions(command: Command, takesScenario: boolean): Command {
  const { cluster, others } = settingOptions();
  command.optionsGroup('The cluster:');
  for (const option of cluster) command.addOption(option);
  command
    .option('--servers <n>', 'servers to start (default: 3)', anyNumber)
    .option(
      '--distance <duration>',
      'put the servers so far from each other and from the bench: what every byte takes one way',
      duration,
    )
    .addOption(
      new Option(
        '--tls [which]',
        'have servers and clients prove to each other who they are; both measures with and without',
      ).argParser(withAndWithout),
    )
    .option('--datadir <folder>', "where the servers' data lies while they run (default: the temporary folder)")
    .option(
      '--rkvd <program>',
      "run this server program instead of this package's; given again, compares them",
      collect,
    )
    .option(
      '--cluster <addresses>',
      "measure the servers that run at :9201,:9202,:9203, ours or the original's, instead of starting some; with --backend, beside some",
      addresses,
    )
    .option(
      '--tls-dir <folder>',
      'for running servers that want a certificate: where cert.pem, key.pem and ca.pem are (default: what RKV_TLS_DIR says, or what rkv-cluster made)',
    )
    .option('--tls-cert <file>', 'the same file by file: the certificate of a client or an operator')
    .option('--tls-key <file>', 'its private key')
    .option('--tls-ca <file>', "the authority of the servers' certificates")
    .option(
      '--target <servers>',
      'measure etcd itself (etcd starts members, etcd://host:2379,… are running ones) or rkv://host:9201,…; given again, each; with --backend, beside ours',
      targets,
    );
  command.optionsGroup('Flags of rkvd, a list measures each:');
  for (const option of others) command.addOption(option);
  command
    .optionsGroup('The load:')
    .addOption(listOption('--clients <n>', 'sessions that send requests', 200))
    .option(
      '--workers <n>',
      'processes that make the load, each for a part of the clients (default: 1, the bench itself)',
      anyNumber,
    )
    .option(
      '--throughput <rate>',
      'requests per second of each client, measured from when they are due (open loop); without it each waits for its answer (closed loop)',
      numbers,
    )
    .option('--time <duration>', 'how long to measure (default: 10s, or as long as the scenario lasts)', duration)
    .addOption(timeOption('--warmup <duration>', 'how long to drive before that', 2000, '2s'))
    .addOption(listOption('--reads <fraction>', 'fraction of lookups, 0 to 1', 0))
    .addOption(listOption('--payload <bytes>', 'bytes of a value, at least 16', 16))
    .addOption(
      new Option(
        '--workload <name>',
        `original, which is made of these options, or YCSB's ${YCSB_NAMES.join(', ')}; a list measures each (default: original)`,
      ).argParser(namesOf(WORKLOAD_NAMES)),
    )
    .addOption(
      new Option(
        '--requestdistribution <kind>',
        `how YCSB's workloads draw keys, where not by their own: ${KEY_DISTRIBUTIONS.join(', ')}; a list measures each`,
      ).argParser(namesOf(KEY_DISTRIBUTIONS)),
    )
    .option('--keyspace <n>', 'number of keys; of YCSB, its record count', anyNumber, 10_000)
    .option('--zipfs <s>', 'exponent of the Zipf distribution of keys', anyNumber, 1.1)
    .option('--zipfv <v>', 'offset of the Zipf distribution of keys', anyNumber, 4)
    .option('--seed <n>', 'equal seeds draw equal keys', anyNumber, 1)
    .addOption(
      new Option('--rpc <kind>', 'session stream or unary calls').choices(['stream', 'unary']).default('stream'),
    );
  if (takesScenario) {
    command
      .optionsGroup('What happens meanwhile:')
      .option(
        '--scenario <file>',
        'do to the servers what the steps of a scenario say, such as scenarios/leader-killed.yaml, and measure how they recover',
      );
  }
  return command;
}

function addResultOptions(command: Command): Command {
  return command
    .optionsGroup('The results:')
    .option(
      '--runs <n>',
      'measure in so many rounds, each on new servers, every configuration once a round (default: 1)',
      anyNumber,
    )
    .addOption(new Option('--repeats <n>', 'the same as --runs').argParser(anyNumber).hideHelp())
    .option(
      '--precision <share>',
      'go on until the throughput, or its ratio to the first configuration, is known so well, such as 3%',
      percent,
    )
    .addOption(new Option('--runs-max <n>', 'rounds after which --precision gives up').argParser(anyNumber).default(30))
    .option('--results <folder>', 'where the folder of each run goes', 'results')
    .option('--name <name>', 'name of the run (default: the time and the backend)')
    .option(
      '--csv',
      "write also the original's latency-<ns>.csv (start,end of each command) and event-<ns>.csv, of clients and servers",
    )
    .option('--json', 'print the results as JSON on stdout, the table on stderr')
    .addOption(whyOption());
}

/** Of what writes a folder of runs. */
function reasonOption(): Option {
  return new Option('--reason <text>', 'what it is to find out, for whoever reads it later');
}

function whyOption(): Option {
  return new Option('--why', 'print also where the servers’ time went, which every run notes');
}

/** The options of `npm run profile`. */
export interface ProfileFlags extends Omit<BenchFlags, 'failIf' | 'results' | 'runsMax'> {
  readonly interval: number;
  readonly apart?: true;
  readonly compare: boolean;
  readonly calls: number;
  readonly keep?: string;
  readonly markdown?: true;
}

export function addProfileOptions(command: Command): Command {
  return addLoadOptions(command, false)
    .optionsGroup('The profile:')
    .option('--interval <us>', 'µs between two looks at what runs', wholeNumber, 1000)
    .option(
      '--apart',
      'have V8 put no function into another: dearer, but what each takes is told as its own and not as its caller’s',
    )
    .option('--no-compare', 'leave out the run without profiles that comes first')
    .addOption(
      timeOption(
        '--calls <duration>',
        'count system calls for so long in a run of its own, where strace is installed; 0s: do not',
        2000,
        '2s',
      ),
    )
    .option('--keep <folder>', 'leave the .cpuprofile files there, for a viewer such as Chrome DevTools')
    .addOption(new Option('--json', 'print the figures as JSON on stdout, the tables on stderr').conflicts('markdown'))
    .option('--markdown', 'print the tables as Markdown');
}

/** The options of `rkv-bench experiment`. */
export interface ExperimentFlags extends SweepFlags {
  readonly quick?: true;
}

export function addExperimentOptions(command: Command): Command {
  command
    .addArgument(new Argument('<experiment>', 'which one').choices(EXPERIMENT_NAMES))
    .option('--quick', 'the same story in a tenth of the time, on three servers with a thousand requests a second');
  return addMeasuringOptions(command, false).addOption(reasonOption()).addHelpText('after', experimentsHelp());
}

function experimentsHelp(): string {
  const width = Math.max(...EXPERIMENT_NAMES.map((name) => name.length));
  const lines = EXPERIMENTS.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`);
  return `
Experiments:
${lines.join('\n')}

Examples:
  rkv-bench experiment crash-leader --quick
  rkv-bench experiment partition-leader --backend all --runs 5 --name partition
  rkv-bench experiment latency-vs-throughput --backend all --ordergorums both

Any option says otherwise than the experiment does: --servers 3 --throughput 10 --election 300ms
`;
}

/** The options of `rkv-bench search`. */
export interface SearchFlags extends SweepFlags {
  readonly slo?: string;
  readonly knee?: true;
}

export function addSearchOptions(command: Command): Command {
  command
    .option('--slo <objective>', "find the highest open-loop rate that keeps to it, such as 'p99<10ms'")
    .option('--knee', 'find from how many clients on (closed loop) latency grows faster than throughput');
  return addMeasuringOptions(command, false).addOption(reasonOption()).addHelpText('after', SEARCH_EXAMPLES);
}

const SEARCH_EXAMPLES = `
Examples:
  rkv-bench search --slo 'p99<10ms' --backend all --name limits
  rkv-bench search --slo 'p99<20ms' --precision 3% --time 20s
  rkv-bench search --knee --backend etcd --target etcd

--precision says how close the ends of the answer are (default: 5%); --runs measures every probe so often.
`;

/** The options of `rkv-bench compare`. */
export interface CompareFlags {
  readonly across?: readonly Condition[];
  readonly failIf?: readonly string[];
  readonly json?: true;
  readonly markdown?: true;
  readonly why?: true;
}

export function addCompareOptions(command: Command): Command {
  return command
    .argument('<runs...>', 'folders of runs, such as results/demo; the first is the baseline')
    .option('--across <conditions>', `what is varied on purpose: ${CONDITIONS.join(', ')}`, conditions)
    .addOption(
      failIfOption(
        '--fail-if <threshold>',
        "exit with 3 where a run is shown to have changed so, such as 'throughput < -5%', 'p99 > 10%'",
      ),
    )
    .addOption(new Option('--json', 'print the comparison as JSON').conflicts('markdown'))
    .option('--markdown', 'print the tables as Markdown')
    .addOption(whyOption());
}

/** The options of `rkv-bench report`. */
export interface ReportFlags {
  readonly out?: string;
  readonly csv?: string;
  readonly svg?: string;
}

export function addReportOptions(command: Command): Command {
  return command
    .argument('<places...>', 'folders of runs and sweeps, such as results/grid')
    .option('--out <file>', 'the page (default: report.html in the folder, or here where there are several)')
    .option('--svg <folder>', 'write each chart there too, as a file for papers')
    .option(
      '--csv <folder>',
      'write the figures there too, as tables for pandas: runs.csv (a row a repeat), timeline.csv (a row a second), incidents.csv',
    );
}

function conditions(text: string, before: readonly Condition[] | undefined): Condition[] {
  const named = list(text);
  const known = named.filter((name): name is Condition => CONDITIONS.some((each) => each === name));
  if (known.length < named.length) throw new InvalidArgumentError(`Expected some of ${CONDITIONS.join(', ')}.`);
  return [...(before ?? []), ...known];
}

function targetsOf({ cluster, target = [] }: Pick<BenchFlags, 'cluster' | 'target'>): readonly BenchTarget[] {
  return cluster === undefined ? target : [{ kind: 'running', addresses: [...cluster] }, ...target];
}

export function requestOf(flags: Omit<BenchFlags, 'failIf' | 'results'>): BenchRequest {
  return {
    settings: askedSettings(flags),
    servers: flags.servers,
    distanceMs: flags.distance,
    tls: flags.tls === true ? [true] : flags.tls,
    credentials: credentialsOf(flags),
    rkvds: flags.rkvd,
    targets: targetsOf(flags),
    dataDirectory: flags.datadir,
    schedule: flags.scenario === undefined ? undefined : scheduleOfFile(flags.scenario),
    clients: flags.clients,
    throughputs: flags.throughput,
    timeMs: flags.time,
    warmupMs: flags.warmup,
    reads: flags.reads,
    payloads: flags.payload,
    workloads: flags.workload,
    requestDistributions: flags.requestdistribution,
    workers: flags.workers,
    keyspace: flags.keyspace,
    zipfS: flags.zipfs,
    zipfV: flags.zipfv,
    seed: flags.seed,
    rpc: flags.rpc,
    rounds: flags.runs ?? flags.repeats ?? 1,
    precision: flags.precision,
    roundsMax: flags.runsMax,
    name: flags.name,
  };
}

/** A number, or several to measure each. */
function listOption(flags: string, description: string, value: number): Option {
  return new Option(flags, `${description}; a list measures each`).argParser(numbers).default([value], String(value));
}

/** May be given again, and each time counts. */
export function failIfOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(collect);
}

function timeOption(flags: string, description: string, ms: number, text: string): Option {
  return new Option(flags, description).argParser(duration).default(ms, text);
}

function list(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

function numbers(text: string): number[] {
  return list(text).map(anyNumber);
}

function credentialsOf({
  tlsDir,
  tlsCert,
  tlsKey,
  tlsCa,
}: Omit<BenchFlags, 'failIf' | 'results'>): CredentialFiles | undefined {
  const flags = { 'tls-dir': tlsDir, 'tls-cert': tlsCert, 'tls-key': tlsKey, 'tls-ca': tlsCa };
  return clientCredentialFiles(flags, '--', process.env);
}

/** Of a switch. */
function withAndWithout(text: string): boolean[] {
  if (text === 'both') return [true, false];
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('Expected true, false or both.');
  return [text === 'true'];
}

/** A share: `3%` as 0.03. */
function percent(text: string): number {
  const [, value] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim()) ?? [];
  if (value === undefined) throw new InvalidArgumentError('Expected a share such as 3%.');
  return Number(value) / 100;
}

/** Reads a list of known names. */
function namesOf<N extends string>(known: readonly N[]): (text: string) => N[] {
  return (text) =>
    list(text).map((name) => {
      const found = known.find((each) => each === name);
      if (found === undefined) throw new InvalidArgumentError(`Expected some of ${known.join(', ')}.`);
      return found;
    });
}

export function duration(text: string): number {
  const parsed = parseDurationMs(text);
  if (!parsed.ok) throw new InvalidArgumentError('Expected a duration such as 10s, 20ms or 1m30s.');
  return parsed.value;
}

function addresses(text: string): string[] {
  return parsedBy(parseAddresses, text);
}

function targets(text: string, before: readonly BenchTarget[] | undefined): BenchTarget[] {
  return [...(before ?? []), ...parsedBy(parseTargets, text)];
}

function parsedBy<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
