import { relative } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { renderTable } from '../cli/table.ts';
import { UsageError } from '../goflags/goFlags.ts';
import { type ClusterPlan, serverLogFile } from './clusterPlan.ts';
import { isId } from './commandArguments.ts';
import type { ProcessContext } from './commandProcess.ts';
import { type ClusterChoice, findRunning, NoClusterError, readClusterFile } from './findCluster.ts';
import { type LogOfServer, showLogs } from './logs.ts';
import { noServer, ServerStateError } from './serverStateError.ts';

const LINES_DEFAULT = 20;
const LINES_MAX = 100_000;

/** Adds what needs a cluster's files and no supervisor: `check` and `logs`. */
export function addFileCommands(
  program: Command,
  { terminal, onInterrupt }: Omit<ProcessContext, 'progressStream'>,
  exit: (code: number) => void,
): void {
  program
    .command('check')
    .description('read a cluster file and print what it would start; exit code 1 where something in it is wrong')
    .argument('<file>', 'cluster file, such as configs/3node.yaml')
    .action((file: string) => {
      terminal.out(renderPlan(readClusterFile(file)));
      exit(0);
    });

  program
    .command('logs')
    .description('print the last of what servers logged, of a cluster that runs or ran')
    .argument(
      '[ids and file...]',
      'ids such as 1 or 1 3, all without one; and its cluster file, not needed where one cluster runs',
    )
    .option('-f, --follow', 'go on with what they log, until Ctrl-C')
    .option('-n, --lines <count>', 'so many lines of each at first', lines, LINES_DEFAULT)
    .option('--datadir <folder>', 'its data folder, where that is not what the file says')
    .action(async (words: readonly string[], { follow, lines: count, datadir }: LogsArguments) => {
      const ids = words.filter(isId).map(Number);
      const [file, another] = words.filter((word) => !isId(word));
      if (another !== undefined) throw new UsageError(`one cluster file at a time: ${file} and ${another} were given`);
      const logs = chosen(logsOf({ file, datadir }), ids);
      await showLogs(logs, { linesMax: count, follow: follow ?? false, onInterrupt }, terminal);
    });
}

interface LogsArguments {
  readonly follow?: true;
  readonly lines: number;
  readonly datadir?: string;
}

function lines(text: string): number {
  const count = Number(text);
  if (!/^\d{1,9}$/.test(text) || count < 1 || count > LINES_MAX)
    throw new InvalidArgumentError(`Expected a number of lines from 1 to ${LINES_MAX}.`);
  return count;
}

/** Of a cluster that runs; or, where none does, of the one that its file describes. */
function logsOf(choice: ClusterChoice): LogOfServer[] {
  try {
    const { directory, servers } = findRunning(choice);
    return servers.map(({ id }) => ({ id, logFile: serverLogFile(directory, id) }));
  } catch (error) {
    if (!(error instanceof NoClusterError) || choice.file === undefined) throw error;
    return [...readClusterFile(choice.file, choice).servers];
  }
}

function chosen(logs: readonly LogOfServer[], ids: readonly number[]): LogOfServer[] {
  const known = logs.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new ServerStateError(noServer(unknown, known));
  return logs.filter(({ id }) => ids.length === 0 || ids.includes(id));
}

function renderPlan({ name, backend, directory, servers, sharedFlags, hasMetrics }: ClusterPlan): string {
  const rows = servers.map(({ id, address, metricsPort, directory: data }) => [
    String(id),
    address,
    hasMetrics ? String(metricsPort ?? 'chosen at the start') : '-',
    relative('', data) || '.',
  ]);
  const table = renderTable(['id', 'address', 'metrics port', 'data'], rows, ['right', 'left', 'right', 'left']);
  const flags = sharedFlags.filter((flag) => !/^-(?:servers|cluster|backend)=/.test(flag));
  const count = `${servers.length} ${servers.length === 1 ? 'server' : 'servers'}`;
  return `${name}: ${count} (${backend}) with data in ${relative('', directory) || '.'}\n${table}\nflags: ${flags.join(' ') || "rkvd's defaults"}`;
}
