import { renderTable } from '../cli/table.ts';
import type { SeedReport } from './campaign.ts';
import { DAMAGES } from './damages.ts';

/** Kind by kind: how often, what came of it, and as what it was refused. */
export function renderReports(reports: readonly SeedReport[]): string {
  const rows: string[][] = [];
  const row = (name: string, of: readonly SeedReport[]): string[] => {
    const count = (...outcomes: string[]) => String(of.filter(({ outcome }) => outcomes.includes(outcome)).length);
    const refused = of.filter(({ outcome }) => outcome.startsWith('refused'));
    const names = [...new Set(refused.map(({ what }) => what))].sort();
    const done = of.filter(({ outcome }) => outcome !== 'nothing to damage').length;
    return [name, String(done), String(refused.length), count('whole', 'served'), count('failure'), names.join(', ')];
  };
  for (const { name } of DAMAGES)
    rows.push(
      row(
        name,
        reports.filter(({ kind }) => kind === name),
      ),
    );
  rows.push(row('all', reports).slice(0, -1).concat(''));
  const columns = ['damage', 'done', 'refused by name', 'started whole', 'failures', 'refused as'];
  return renderTable(columns, rows, ['left', 'right', 'right', 'right', 'right', 'left']);
}
