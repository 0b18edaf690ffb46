import { relative } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { printable } from '../cli/printable.ts';
import { renderTable } from '../cli/table.ts';
import { noServer } from '../faults/requests/targets.ts';
import { UsageError } from '../goflags/goFlags.ts';
import { clean, planCleaning } from './clean.ts';
import { listed, renderClusters } from './clusterList.ts';
import { type ClusterPlan, OPEN_ADDRESS, OPEN_PORT, serverLogFile, serversWithLogs } from './clusterPlan.ts';
import { idsAndCluster, type WhichOptions, whichOptions } from './commandArguments.ts';
import type { ProcessContext } from './commandProcess.ts';
import { knownClusters } from './control/registry.ts';
import { readState } from './control/stateFile.ts';
import { EventReader, eventLogFile, printEvents } from './eventLog.ts';
import { type ClusterChoice, findKnown, readClusterFile } from './findCluster.ts';
import { untilInterrupted } from './following.ts';
import { type LogOfServer, showLogs } from './logs.ts';
import { ServerStateError } from './serverStateError.ts';

const LINES_DEFAULT = 20;
const EVENTS_DEFAULT = 100;
const LINES_MAX = 100_000;
const WHICH = 'its cluster file or its name, of one that runs or ran; not needed where there is only one';

/** Adds what needs a cluster's files and no supervisor. */
export function addFileCommands(
  program: Command,
  { terminal, onInterrupt, confirm }: Omit<ProcessContext, 'progressStream'>,
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
    .command('list')
    .description('print the clusters that you run on this machine')
    .option('-a, --all', 'also those that are stopped and whose data are there')
    .option('--json', 'print JSON')
    .action((options: { all?: true; json?: true }) => {
      const clusters = knownClusters().filter(({ running }) => options.all === true || running !== undefined);
      if (options.json === true) terminal.json(clusters.map(listed), 2);
      else if (clusters.length > 0) terminal.out(renderClusters(clusters));
      else terminal.out(options.all === true ? 'no cluster runs or ran' : 'no cluster runs');
    });

  whichOptions(
    program
      .command('logs')
      .description('print the last of what servers logged, of a cluster that runs or ran')
      .argument('[ids and cluster...]', `ids such as 1 or 1 3, all without one; and ${WHICH}`),
  )
    .option('-f, --follow', 'go on with what they log, until Ctrl-C')
    .option('-n, --lines <count>', 'so many lines of each at first', lines, LINES_DEFAULT)
    .action(async (words: readonly string[], { follow, lines: count, ...which }: FollowOptions) => {
      const { ids, cluster } = idsAndCluster(words);
      const logs = chosen(logsOf({ cluster, ...which }), ids);
      await showLogs(logs, { linesMax: count, follow: follow ?? false, onInterrupt }, terminal);
    });

  whichOptions(
    program
      .command('events')
      .description(
        'print what happened to a cluster that runs or ran, with the time in the clock of rkv-bench: starts, crashes, leaders, faults, changes',
      )
      .argument('[cluster]', WHICH),
  )
    .option('-f, --follow', 'go on with what happens, until Ctrl-C')
    .option('-n, --lines <count>', 'so many events at first', lines, EVENTS_DEFAULT)
    .option('--json', 'print JSON, an event a line')
    .action(async (cluster: string | undefined, options: FollowOptions & { json?: true }) => {
      const events = new EventReader(eventLogFile(findKnown({ cluster, ...options }).directory));
      const print = (countMax: number) => printEvents(events.read().slice(-countMax), options.json ?? false, terminal);
      try {
        print(options.lines);
        if (options.follow === true) await untilInterrupted(onInterrupt, () => print(LINES_MAX));
      } finally {
        events.close();
      }
    });

  whichOptions(
    program
      .command('clean')
      .description('remove all that a stopped cluster keeps: its data, logs and state; what others put there stays')
      .argument('[cluster]', 'its cluster file or its name'),
  )
    .option('-y, --yes', 'do not ask')
    .action(async (cluster: string | undefined, options: WhichOptions & { yes?: true }) => {
      const choice = { cluster, ...options };
      if (cluster === undefined && options.name === undefined && options.datadir === undefined)
        throw new UsageError('expected the cluster that is to be removed: its file, its name or its --datadir');
      const cleaning = planCleaning(findKnown(choice));
      const [name, place] = [cleaning.name, shown(cleaning.directory)].map((text) => printable(text));
      for (const path of cleaning.left) terminal.err(`stays, as it is none of ours: ${printable(shown(path))}`);
      if (options.yes !== true && !(await confirm(`Remove the data of ${name} in ${place} for good?`))) {
        terminal.err(`nothing was removed: \`rkv-cluster clean --yes\` does not ask`);
        exit(1);
        return;
      }
      clean(cleaning);
      terminal.out(`${name} removed from ${place}`);
    });
}

interface FollowOptions extends WhichOptions {
  readonly follow?: true;
  readonly lines: number;
}

function lines(text: string): number {
  const count = Number(text);
  if (!/^\d{1,9}$/.test(text) || count < 1 || count > LINES_MAX)
    throw new InvalidArgumentError(`Expected a number of lines from 1 to ${LINES_MAX}.`);
  return count;
}

/** Of those that its file has, that its supervisor started, or that left a log. */
function logsOf(choice: ClusterChoice): LogOfServer[] {
  const { directory, plan } = findKnown(choice);
  const started = readState(directory)?.servers ?? [];
  const ids = new Set([...(plan?.servers ?? []), ...started].map(({ id }) => id).concat(serversWithLogs(directory)));
  return [...ids].sort((a, b) => a - b).map((id) => ({ id, logFile: serverLogFile(directory, id) }));
}

function chosen(logs: readonly LogOfServer[], ids: readonly number[]): LogOfServer[] {
  const known = logs.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new ServerStateError(noServer(unknown, known));
  return logs.filter(({ id }) => ids.length === 0 || ids.includes(id));
}

const KEPT = 'chosen at the first start, and kept';

function metricsPortText(port: number | undefined): string {
  return port === OPEN_PORT ? KEPT : String(port ?? 'chosen at the start');
}

function renderPlan({ name, backend, directory, servers, sharedFlags, hasMetrics }: ClusterPlan): string {
  const rows = servers.map(({ id, address, metricsPort, directory: data }) => [
    String(id),
    address === OPEN_ADDRESS ? KEPT : address,
    hasMetrics ? metricsPortText(metricsPort) : '-',
    shown(data),
  ]);
  const table = renderTable(['id', 'address', 'metrics port', 'data'], rows, ['right', 'left', 'right', 'left']);
  const flags = sharedFlags.filter((flag) => !flag.startsWith('-backend='));
  const count = `${servers.length} ${servers.length === 1 ? 'server' : 'servers'}`;
  return `${name}: ${count} (${backend}) with data in ${shown(directory)}\n${table}\nflags: ${flags.join(' ') || "rkvd's defaults"}`;
}

const shown = (path: string): string => relative('', path) || '.';
