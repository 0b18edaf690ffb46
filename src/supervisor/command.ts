import { type Command, Option } from 'commander';
import { addCompletionCommand } from '../cli/completion/completionCommand.ts';
import { printable } from '../cli/printable.ts';
import { innerCommand, runCommander } from '../cli/runCommander.ts';
import { FileContentError } from '../yaml/problems.ts';
import { parseDuration, parseName, type WhichOptions, whichOptions } from './commandArguments.ts';
import type { ProcessContext } from './commandProcess.ts';
import { askSupervisor } from './control/client.ts';
import type { ControlRequest } from './control/protocol.ts';
import { controlPath, type RunningSupervisor, readRunningState } from './control/stateFile.ts';
import { upDetached } from './detached.ts';
import { addFaultCommands } from './faults/faultCommand.ts';
import { addFileCommands } from './fileCommands.ts';
import { type ClusterChoice, clusterFilePath, findRunning, readClusterFile } from './findCluster.ts';
import { addPlayCommand } from './play/playCommand.ts';
import { addServerCommands } from './serverCommands.ts';
import { renderFaults, renderStatus, statusExitCode } from './statusTable.ts';
import { renderTls } from './tls/clientCommand.ts';
import { type ClusterStatus, type UpOptions, up } from './up.ts';

/** Longest a supervisor takes to answer: a restart or a stop waits for servers to end, ms. */
const ANSWER_MS_MAX = 60_000;
const RELEASE_MS_MAX = 5000;
const RELEASE_POLL_MS = 20;

/** What it uses of the process; it draws no progress. */
type CommandContext = Omit<ProcessContext, 'progressStream'>;

/** Runs `rkv-cluster` with the arguments that follow its name. Resolves with its exit code. */
export function runCommand(args: readonly string[], context: CommandContext): Promise<number> {
  return runCommander(
    (exit) => buildProgram(context, exit),
    args,
    // Problems of a file are told as compilers do: the line begins with the place.
    (error) =>
      context.terminal.err(error instanceof FileContentError ? error.message : `rkv-cluster: ${explain(error)}`),
  );
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path !== undefined) return `${printable(path)}: no such file`;
  if (code === 'EACCES' && path !== undefined) return `${printable(path)}: permission denied`;
  return error.message;
}

function buildProgram(context: CommandContext, exit: (code: number) => void): Command {
  const { terminal, onInterrupt } = context;
  const program = innerCommand('rkv-cluster', terminal)
    .description('Runs clusters of rkvd servers on this machine, each described by a YAML file.')
    .addHelpText('after', EXAMPLES);

  program
    .command('up')
    .description('start a cluster, print its status and keep it running until Ctrl-C')
    .argument('<file>', 'cluster file, such as configs/3node.yaml')
    .option('--name <name>', "its name, instead of the file's: one file for several clusters", parseName)
    .option('--fresh', 'start empty: the servers move aside the data of an earlier run')
    .addOption(
      new Option(
        '--restore <file>',
        'begin a new cluster with the state in a file of `rkvctl snapshot save`',
      ).conflicts('fresh'),
    )
    .option('--datadir <folder>', "where data, logs and state live, instead of the file's datadir")
    .option('--timeout <duration>', 'how long to wait for a leader, such as 30s', parseDuration)
    .option('--detach', 'return when a leader has committed a write, and let the cluster run on')
    .option('--no-faults', 'start servers that take no faults, as rkvd by itself does')
    .option('--tls', 'have servers, clients and operators prove who they are, with certificates that are made here')
    .addOption(new Option('--rkvd <program>', "run this server program instead of this package's"))
    .action(async (file: string, options: UpArguments) => {
      const path = clusterFilePath(file);
      if (path !== file) terminal.out(`${printable(file)} is not here: taking the one that comes with rkv`);
      const upOptions: UpOptions = {
        file: path,
        fresh: options.fresh ?? false,
        onInterrupt,
        ...(options.restore === undefined ? {} : { restore: options.restore }),
        ...(options.timeout === undefined ? {} : { readyTimeoutMs: options.timeout }),
        ...(options.rkvd === undefined ? {} : { program: { file: options.rkvd, args: [] } }),
      };
      const { datadir, faults, name, tls } = options;
      // Where nothing is said of it, the file says.
      const plan = readClusterFile(file, { datadir, name, tls, ...(faults ? {} : { faults }) });
      const { detach } = options;
      exit(
        await (detach
          ? upDetached(plan, { args: attached(file, options), onInterrupt }, terminal)
          : up(plan, upOptions, terminal)),
      );
    });

  onRunning(
    program
      .command('status')
      .description(
        'print what every server is doing; exit code 1 where nobody leads or no cluster runs, 3 where not all servers take part',
      ),
  )
    .option('--json', 'print JSON')
    .action(async (cluster: string | undefined, options: WhichOptions & { json?: true }) => {
      const status = (await ask({ cluster, ...options }, { command: 'status' })) as ClusterStatus;
      if (options.json === true) terminal.json(status, 2);
      else
        terminal.out(
          [renderStatus(status.servers), ...renderTls(status), ...renderFaults(status.faults, Date.now())].join('\n'),
        );
      exit(statusExitCode(status.servers));
    });

  onRunning(
    program.command('down').description('stop a cluster, once its leader has handed over, and wait until it has ended'),
  ).action(async (cluster: string | undefined, options: WhichOptions) => {
    const state = findRunning({ cluster, ...options });
    await askSupervisor(controlPath(state.directory), { command: 'down' }, ANSWER_MS_MAX);
    await untilReleased(state);
    terminal.out(`${printable(state.name)} stopped`);
  });

  addServerCommands(program, onRunning, ask, terminal);
  addFaultCommands(program, onRunning, ask, terminal);
  addFileCommands(program, context, exit);
  addPlayCommand(program, context, exit);
  addCompletionCommand(program, terminal);
  return program;
}

const EXAMPLES = `
Examples:
  rkv-cluster up configs/3node.yaml --detach       start three servers, and let them run on
  rkv-cluster status                               what they are doing
  rkv-cluster kill 1                               a crash; it starts again by itself
  rkv-cluster fault partition leader --for 5s      whoever leads is alone for five seconds
  rkv-cluster add 4                                one server more
  rkv-cluster events -f                            what happens, with the time
  rkv-cluster up configs/3node.yaml --name other   a second cluster beside it (where its ports are free)
  rkv-cluster down`;

/** The arguments of an `up` that does the same and stays. */
function attached(file: string, { name, fresh, restore, datadir, timeout, faults, tls, rkvd }: UpArguments): string[] {
  return [
    file,
    ...(name === undefined ? [] : ['--name', name]),
    ...(fresh ? ['--fresh'] : []),
    ...(restore === undefined ? [] : ['--restore', restore]),
    ...(datadir === undefined ? [] : ['--datadir', datadir]),
    ...(timeout === undefined ? [] : ['--timeout', `${timeout}ms`]),
    ...(faults ? [] : ['--no-faults']),
    ...(tls ? ['--tls'] : []),
    ...(rkvd === undefined ? [] : ['--rkvd', rkvd]),
  ];
}

interface UpArguments {
  readonly detach?: true;
  readonly name?: string;
  readonly fresh?: true;
  readonly restore?: string;
  readonly datadir?: string;
  readonly timeout?: number;
  readonly faults: boolean;
  readonly tls?: true;
  readonly rkvd?: string;
}

/** The arguments that say which running cluster is meant. */
function onRunning(command: Command): Command {
  return whichOptions(
    command.argument('[cluster]', 'its cluster file or its name; not needed where only one cluster runs'),
  );
}

/** The servers have ended by now; waits until their supervisor has let go of the folder too, so that `up` may follow at once. */
async function untilReleased(state: RunningSupervisor): Promise<void> {
  const deadlineMs = performance.now() + RELEASE_MS_MAX;
  while (readRunningState(state.directory)?.startedAt === state.startedAt && performance.now() < deadlineMs) {
    await new Promise((done) => setTimeout(done, RELEASE_POLL_MS));
  }
}

function ask(choice: ClusterChoice, request: ControlRequest, timeoutMs = ANSWER_MS_MAX): Promise<unknown> {
  return askSupervisor(controlPath(findRunning(choice).directory), request, timeoutMs);
}
