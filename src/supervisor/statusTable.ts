import { printable } from '../cli/printable.ts';
import { StatusExitCode } from '../cli/statusExitCode.ts';
import { renderTable } from '../cli/table.ts';
import { findLeader } from '../scenarios/samples.ts';
import type { ServerReport } from './cluster.ts';
import { formatMs } from './events.ts';
import type { FaultReport } from './faults/clusterFaults.ts';

/** Of a line: a fault may name every server. */
const FAULT_LENGTH_MAX = 1000;

const columns = ['id', 'pid', 'address', 'role', 'term', 'commit index', 'metrics'];

/** What a server is: its role where it answers, and why it does not where it does not. */
function describeRole(report: ServerReport): string {
  const role = plainRole(report);
  switch (report.membership) {
    case 'removed':
      return 'removed';
    case 'joining':
      return `${role}, being added`;
    case 'leaving':
      return `${role}, being removed`;
    default:
      return role;
  }
}

function plainRole(report: ServerReport): string {
  if (report.role !== undefined) return report.role;
  switch (report.state) {
    case 'running':
      return 'no answer';
    case 'paused':
      return 'paused';
    case 'restarting':
      return `restarting in ${formatMs(report.restartInMs ?? 0)}`;
    case 'stopped':
      if (report.held) return 'stopped';
      return report.lastExit === undefined ? 'down' : `down (${report.lastExit})`;
  }
}

/** The servers of a cluster, a row each. */
export function renderStatus(reports: readonly ServerReport[]): string {
  const rows = reports.map((report) => [
    String(report.id),
    orDash(report.pid),
    report.address,
    describeRole(report),
    orDash(report.term),
    orDash(report.commitIndex),
    orDash(report.metricsAddress),
  ]);
  return renderTable(columns, rows, ['right', 'right', 'left', 'left', 'right', 'right', 'left']);
}

/** The faults in force, a line each. */
export function renderFaults(faults: readonly FaultReport[], nowMs: number): string[] {
  return faults.map(({ id, what, endsAt }) => {
    const left = endsAt === null ? 'until it is healed' : `${formatMs(Math.max(0, Date.parse(endsAt) - nowMs))} left`;
    return printable(`fault ${id}: ${what}, ${left}`, FAULT_LENGTH_MAX);
  });
}

/** A StatusExitCode. */
export function statusExitCode(reports: readonly ServerReport[]): number {
  const leader = findLeader(reports);
  if (leader === undefined) return StatusExitCode.Down;
  const members = reports.filter(({ id }) => leader.voters?.includes(id));
  const allTakePart = members.every(({ role, term = 0 }) => role !== undefined && term > 0);
  return allTakePart ? StatusExitCode.Healthy : StatusExitCode.Degraded;
}

function orDash(value: number | string | undefined): string {
  return value === undefined || value === '' ? '-' : String(value);
}
