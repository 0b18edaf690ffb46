import { type Command, Option } from 'commander';
import { printable } from '../cli/printable.ts';
import { innerCommand, runCommander } from '../cli/runCommander.ts';
import { listed, renderClusters } from './clusterList.ts';
import { parseDuration, parseId, parseSignal } from './commandArguments.ts';
import type { ProcessContext } from './commandProcess.ts';
import { ClusterConfigError } from './config/problems.ts';
import { askSupervisor } from './control/client.ts';
import type { ControlRequest } from './control/protocol.ts';
import { runningClusters } from './control/registry.ts';
import { controlPath, type RunningSupervisor, readRunningState } from './control/stateFile.ts';
import { upDetached } from './detached.ts';
import { addFaultCommands } from './faults/faultCommand.ts';
import { addFileCommands } from './fileCommands.ts';
import { type ClusterChoice, clusterFilePath, findRunning, readClusterFile } from './findCluster.ts';
import { renderFaults, renderStatus, statusExitCode } from './statusTable.ts';
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
      context.terminal.err(error instanceof ClusterConfigError ? error.message : `rkv-cluster: ${explain(error)}`),
  );
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path !== undefined) return `${path}: no such file`;
  if (code === 'EACCES' && path !== undefined) return `${path}: permission denied`;
  return error.message;
}

function buildProgram({ terminal, onInterrupt }: CommandContext, exit: (code: number) => void): Command {
  const program = innerCommand('rkv-cluster', terminal).description(
    'Runs a cluster of rkvd servers on this machine, described by a YAML file.',
  );

  program
    .command('up')
    .description('start a cluster, print its status and keep it running until Ctrl-C')
    .argument('<file>', 'cluster file, such as configs/3node.yaml')
    .option('--fresh', 'start empty: the servers move aside the data of an earlier run')
    .option('--datadir <folder>', "where data, logs and state live, instead of the file's datadir")
    .option('--timeout <duration>', 'how long to wait for a leader, such as 30s', parseDuration)
    .option('--detach', 'return when a leader has committed a write, and let the cluster run on')
    .option('--no-faults', 'start servers that take no faults, as rkvd by itself does')
    .addOption(new Option('--rkvd <program>', "run this server program instead of this package's"))
    .action(async (file: string, options: UpArguments) => {
      const path = clusterFilePath(file);
      if (path !== file) terminal.out(`${file} is not here: taking the one that comes with rkv`);
      const upOptions: UpOptions = {
        file: path,
        fresh: options.fresh ?? false,
        onInterrupt,
        ...(options.timeout === undefined ? {} : { readyTimeoutMs: options.timeout }),
        ...(options.rkvd === undefined ? {} : { program: { file: options.rkvd, args: [] } }),
      };
      const { datadir, faults } = options;
      // Where nothing is said of it, the file says.
      const plan = readClusterFile(file, { datadir, ...(faults ? {} : { faults }) });
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
    .action(async (file: string | undefined, options: { datadir?: string; json?: true }) => {
      const status = (await ask({ file, ...options }, { command: 'status' })) as ClusterStatus;
      if (options.json === true) terminal.json(status, 2);
      else terminal.out([renderStatus(status.servers), ...renderFaults(status.faults, Date.now())].join('\n'));
      exit(statusExitCode(status.servers));
    });

  program
    .command('list')
    .description('print the clusters that you run on this machine')
    .option('--json', 'print JSON')
    .action((options: { json?: true }) => {
      const clusters = runningClusters();
      if (options.json === true) terminal.json(clusters.map(listed), 2);
      else terminal.out(clusters.length === 0 ? 'no cluster runs' : renderClusters(clusters));
    });

  onRunning(program.command('down').description('stop a cluster and wait until it has ended')).action(
    async (file: string | undefined, options: { datadir?: string }) => {
      const state = findRunning({ file, ...options });
      await askSupervisor(controlPath(state.directory), { command: 'down' }, ANSWER_MS_MAX);
      await untilReleased(state);
      terminal.out(`${printable(state.name)} stopped`);
    },
  );

  onServer(program, 'kill', 'send a server a signal: SIGKILL is a crash, after which it restarts')
    .option('--signal <signal>', 'the signal to send', parseSignal, 'SIGKILL')
    .option('--no-restart', 'leave it down')
    .action(
      async (
        id: number,
        file: string | undefined,
        options: { datadir?: string; signal: NodeJS.Signals; restart: boolean },
      ) => {
        const { signal, restart } = options;
        await ask({ file, ...options }, { command: 'kill', id, signal, restart });
      },
    );
  const simple = {
    restart: 'stop a server and start it from its data; starts one that is down',
    pause: 'stop a server where it stands (SIGSTOP)',
    resume: 'let a paused server run on (SIGCONT)',
  } as const;
  for (const command of ['restart', 'pause', 'resume'] as const) {
    onServer(program, command, simple[command]).action(
      async (id: number, file: string | undefined, options: { datadir?: string }) => {
        await ask({ file, ...options }, { command, id });
      },
    );
  }
  onServer(
    program,
    'rejoin',
    'bring back a server whose data are lost or refused: starts it once with -rejoin, which moves them aside, and waits until it takes part',
  )
    .option(
      '--survivor <id>',
      'in a cluster of two: the other server, which has all that was acknowledged; it is restarted first',
      parseId,
    )
    .action(async (id: number, file: string | undefined, options: { datadir?: string; survivor?: number }) => {
      const { survivor } = options;
      await ask({ file, ...options }, { command: 'rejoin', id, ...(survivor === undefined ? {} : { survivor }) });
    });
  addFaultCommands(program, onRunning, ask, terminal);
  addFileCommands(program, { terminal, onInterrupt }, exit);
  return program;
}

/** The arguments of an `up` that does the same and stays. */
function attached(file: string, { fresh, datadir, timeout, faults, rkvd }: UpArguments): string[] {
  return [
    file,
    ...(fresh ? ['--fresh'] : []),
    ...(datadir === undefined ? [] : ['--datadir', datadir]),
    ...(timeout === undefined ? [] : ['--timeout', `${timeout}ms`]),
    ...(faults ? [] : ['--no-faults']),
    ...(rkvd === undefined ? [] : ['--rkvd', rkvd]),
  ];
}

interface UpArguments {
  readonly detach?: true;
  readonly fresh?: true;
  readonly datadir?: string;
  readonly timeout?: number;
  readonly faults: boolean;
  readonly rkvd?: string;
}

/** The arguments that say which running cluster is meant. */
function onRunning(command: Command): Command {
  return command
    .argument('[file]', 'its cluster file; not needed where only one cluster runs')
    .option('--datadir <folder>', 'its data folder, where that is not what the file says');
}

function onServer(program: Command, name: string, description: string): Command {
  return onRunning(program.command(name).description(description).argument('<id>', 'id of the server', parseId));
}

/** The servers have ended by now; waits until their supervisor has let go of the folder too, so that `up` may follow at once. */
async function untilReleased(state: RunningSupervisor): Promise<void> {
  const deadlineMs = performance.now() + RELEASE_MS_MAX;
  while (readRunningState(state.directory)?.startedAt === state.startedAt && performance.now() < deadlineMs) {
    await new Promise((done) => setTimeout(done, RELEASE_POLL_MS));
  }
}

function ask(choice: ClusterChoice, request: ControlRequest): Promise<unknown> {
  return askSupervisor(controlPath(findRunning(choice).directory), request, ANSWER_MS_MAX);
}
