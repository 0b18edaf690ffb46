import Table from 'cli-table3';
import type { ServerReport } from './cluster.ts';
import { formatMs } from './events.ts';

const columns = ['id', 'pid', 'address', 'role', 'term', 'commit index', 'metrics'];

/** What a server is: its role where it answers, and why it does not where it does not. */
function describeRole(report: ServerReport): string {
  if (report.role !== undefined) return report.role;
  switch (report.state) {
    case 'running':
      return 'no answer';
    case 'paused':
      return 'paused';
    case 'restarting':
      return `restarting in ${formatMs(report.restartInMs ?? 0)}`;
    case 'stopped':
      return report.lastExit === undefined ? 'down' : `down (${report.lastExit})`;
  }
}

/** The servers of a cluster, a row each. */
export function renderStatus(reports: readonly ServerReport[]): string {
  const table = new Table({
    head: columns,
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: ['right', 'right', 'left', 'left', 'right', 'right', 'left'],
  });
  for (const report of reports) {
    table.push([
      String(report.id),
      orDash(report.pid),
      report.address,
      describeRole(report),
      orDash(report.term),
      orDash(report.commitIndex),
      orDash(report.metricsAddress),
    ]);
  }
  // Without lines between the rows, but with the one below the head.
  const lines = table.toString().split('\n');
  const rule = lines[0]!.replace('┌', '├').replace('┐', '┤').replaceAll('┬', '┼');
  return [...lines.slice(0, 2), rule, ...lines.slice(2)].join('\n');
}

function orDash(value: number | string | undefined): string {
  return value === undefined || value === '' ? '-' : String(value);
}
