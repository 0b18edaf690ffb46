import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import type { Terminal } from '../../cli/terminal.ts';
import { isOlder, type RkvClient, type ServerReport } from '../rkvClient.ts';
import { nobodyAnswers, noServerAnswers } from './statusCommands.ts';

/** Servers say as many as they like. */
const ROWS_MAX = 100;

/** What every server goes by, as it says: a row for each value that some of them have. Answers the exit code, 1 where a server does not say. */
export async function printSettings(client: RkvClient, terminal: Terminal): Promise<number> {
  const reports = await client.statuses();
  if (nobodyAnswers(reports)) {
    terminal.err(noServerAnswers(reports));
    return 1;
  }
  const telling = reports.flatMap((report) =>
    'status' in report && Object.keys(report.status.settings).length > 0 ? [report] : [],
  );
  /** By name and value, who has it. */
  const having = new Map<string, Map<string, number[]>>();
  for (const { status } of telling) {
    for (const [name, value] of Object.entries(status.settings)) {
      const values = having.get(name) ?? new Map<string, number[]>();
      having.set(name, values);
      values.set(value, [...(values.get(value) ?? []), status.id]);
    }
  }
  const rows = [...having].flatMap(([name, values]) =>
    [...values].map(([value, ids]) => [name, value, ids.length === telling.length ? 'all' : ids.join(', ')]),
  );
  if (rows.length > 0) {
    terminal.out(renderTable(['setting', 'value', 'servers'], rows.slice(0, ROWS_MAX), ['left', 'left', 'left']));
  }
  const told = new Set<object>(telling);
  const silent = reports.filter((report) => !told.has(report));
  for (const report of silent) terminal.out(printable(`${report.address} ${whySilent(report)}`));
  return silent.length === 0 ? 0 : 1;
}

function whySilent(report: ServerReport): string {
  if (isOlder(report)) return "is one of the original's servers, or older than this rkvctl: it does not say";
  return 'does not say: it does not take part yet, or does not answer';
}
