import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import type { RkvClient, ServerReport } from '../rkvClient.ts';
import type { Terminal } from './terminal.ts';

const HEAD = ['id', 'address', 'role', 'term', 'leader', 'commit', 'applied', 'last', 'keys', 'sessions', 'backend'];
/** Of the line that names the members. */
const MEMBERS_LENGTH_MAX = 1000;
const TEXT_COLUMNS = new Set(['address', 'role', 'backend']);

/** What every server says about itself, as a table; 1 where none answers. */
export async function printStatus(client: RkvClient, terminal: Terminal): Promise<number> {
  const reports = await client.statuses();
  if (reports.every((report) => 'error' in report)) {
    terminal.err(noServerAnswers(reports));
    return 1;
  }
  const aligns = HEAD.map((name) => (TEXT_COLUMNS.has(name) ? 'left' : 'right'));
  terminal.out(`${renderTable(HEAD, reports.map(row), aligns)}\n`);
  const leader = reports.flatMap((r) => ('status' in r && r.status.role === 'leader' ? [r.status] : [])).at(-1);
  if (leader !== undefined) {
    const learners = leader.learners.length === 0 ? '' : `, learners ${leader.learners.join(', ')}`;
    terminal.out(
      printable(`members as server ${leader.id} sees them: ${leader.voters.join(', ')}${learners}`, MEMBERS_LENGTH_MAX),
    );
    terminal.out('\n');
  }
  return 0;
}

function row(report: ServerReport): string[] {
  if ('error' in report) return ['?', report.address, shortReason(report.error), ...HEAD.slice(3).map(() => '')];
  const { id, role, term, leader, commitIndex, appliedIndex, lastIndex, keys, sessions, backend } = report.status;
  const knownLeader = leader === 0 ? '-' : leader;
  const numbers = [term, knownLeader, commitIndex, appliedIndex, lastIndex, keys, sessions];
  return [String(id), report.address, role, ...numbers.map(String), backend];
}

/** Names every server and why it did not answer. */
export function noServerAnswers(reports: readonly ServerReport[]): string {
  const reasons = reports.map((r) => `  ${r.address}: ${'error' in r ? shortReason(r.error) : 'answered'}\n`);
  return `no server answers:\n${reasons.join('')}`;
}

function shortReason({ message }: Error): string {
  const known = /ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|Deadline exceeded/i.exec(message)?.[0];
  if (known === undefined) return printable(message);
  return REASONS.get(known.toUpperCase()) ?? known;
}

const REASONS = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ETIMEDOUT', 'no route in time'],
  ['EHOSTUNREACH', 'host unreachable'],
  ['ENETUNREACH', 'network unreachable'],
  ['ENOTFOUND', 'unknown host'],
  ['DEADLINE EXCEEDED', 'no answer in time'],
]);
