import { type TableStyle, tableIn } from '../../cli/table.ts';
import type { DurabilityReport } from './round.ts';

const HEAD = [
  'engine',
  'rounds',
  'kills',
  'of the leader',
  'of all at once',
  'full disks',
  'ended of it',
  'acknowledged',
  'on every server',
  'judged',
  'unknown',
  '',
];

/** A row an engine, of all its rounds. */
export function renderDurability(reports: readonly DurabilityReport[], style: TableStyle): string {
  const engines = [...new Set(reports.map(({ engine }) => engine))];
  const rows = engines.map((engine) => {
    const of = reports.filter((report) => report.engine === engine);
    const sum = (figure: (report: DurabilityReport) => number) => count(of, figure);
    const failures = of.filter(({ violation }) => violation !== undefined).length;
    const figures = [
      of.length,
      sum(({ struck }) => struck.kills),
      sum(({ struck }) => struck.killsOfLeader),
      sum(({ struck }) => struck.killsOfAll),
      sum(({ struck }) => struck.fills),
      sum(({ struck }) => struck.endedFull),
      sum(({ acknowledged }) => acknowledged),
      sum(({ everywhere }) => everywhere),
      sum(({ ok }) => ok),
      sum(({ unknown }) => unknown),
    ];
    return [engine, ...figures.map(String), failures === 0 ? 'holds' : `${failures} FAIL`];
  });
  return tableIn(style, HEAD, rows, ['left', ...HEAD.slice(1, -1).map(() => 'right' as const), 'left']);
}

/** All rounds in a line. */
export function describeDurability(reports: readonly DurabilityReport[]): string {
  const sum = (figure: (report: DurabilityReport) => number) => count(reports, figure);
  const failures = reports.filter(({ violation }) => violation !== undefined).length;
  const fills = sum(({ struck }) => struck.fills);
  return [
    `${reports.length} ${reports.length === 1 ? 'round' : 'rounds'}`,
    `${sum(({ struck }) => struck.kills)} kills`,
    ...(fills === 0 ? [] : [`${fills} full disks`]),
    `${sum(({ acknowledged }) => acknowledged)} acknowledged writes, of which ${sum(({ everywhere }) => everywhere)} are on every server`,
    `${failures} failures`,
  ].join(', ');
}

function count(reports: readonly DurabilityReport[], figure: (report: DurabilityReport) => number): number {
  return reports.reduce((all, report) => all + figure(report), 0);
}
