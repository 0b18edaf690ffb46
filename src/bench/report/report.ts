import { join } from 'node:path';
import { formatDuration } from '../../goflags/goValues.ts';
import { ALL_CONDITIONS } from '../compare/comparability.ts';
import { compareRuns } from '../compare/comparison.ts';
import {
  checkWord,
  formatCount,
  formatInterval,
  formatUsAsMs,
  percentileCell,
  shownPercentiles,
} from '../render/format.ts';
import { describeIncidents } from '../render/incidents.ts';
import { RECOVERY_CAPTION, recoveryTable } from '../render/recoveryTable.ts';
import { STAGES_CAPTION, stageTable } from '../render/stageTable.ts';
import { describeComparison, describeConfidence, VERDICT_HEAD, verdictRow } from '../render/verdictTable.ts';
import type { RunRecord } from '../results/schema.ts';
import { writeWhole } from '../results/store.ts';
import type { Knee } from '../sweep/summary.ts';
import { type Chart, chartsOf } from './charts.ts';
import { commandOf } from './commandOf.ts';
import { type Report, type ReportTable, reportHtml } from './html.ts';
import { SERIES_COLORS_LIGHT } from './palette.ts';
import { type ReportRun, readReportRun } from './reportRun.ts';
import { scalabilityCharts } from './scalabilityChart.ts';

export interface ReportRequest {
  readonly title: string;
  readonly why: string | undefined;
  /** Of the runs, in the order in which they are shown; the first is the baseline. */
  readonly folders: readonly string[];
  /** What settings do, in words. */
  readonly effects: readonly string[];
  /** What a search found, in words. */
  readonly answers: readonly string[];
  /** The laws that it fitted. */
  readonly knees: readonly Knee[];
}

/** A report, and its charts as files of their own. */
export interface WrittenReport {
  readonly path: string;
  readonly svgs: readonly string[];
}

/** Writes a report of runs to `path`, and with `svgs` each chart to that folder. Rejects with ResultsError, and what the file system rejects with. */
export async function writeReport(request: ReportRequest, path: string, svgs?: string): Promise<WrittenReport> {
  const runs: ReportRun[] = [];
  for (const folder of request.folders) runs.push(await readReportRun(folder));
  const charts = [...scalabilityCharts(runs, request.knees), ...chartsOf(runs)];
  await writeWhole(path, reportHtml(reportOf(request, runs, charts)));
  const written: string[] = [];
  for (const { name, svg } of svgs === undefined ? [] : charts) {
    const file = join(svgs!, `${name}.svg`);
    await writeWhole(file, standalone(svg));
    written.push(file);
  }
  return { path, svgs: written };
}

function reportOf(
  { title, why, effects, answers }: ReportRequest,
  runs: readonly ReportRun[],
  charts: readonly Chart[],
): Report {
  const records = runs.map(({ record }) => record);
  const [first] = records;
  return {
    title,
    lead: [...(why === undefined ? [] : [why]), ...(first === undefined ? [] : [provenance(first)])],
    charts,
    tables: [
      ...(answers.length === 0 ? [] : [wordsTable('What was found', answers)]),
      ...(effects.length === 0 ? [] : [effectsTable(effects)]),
      resultsTable(runs),
      ...stageTables(records),
      ...recoveryTables(records),
      ...incidentsTable(records),
    ],
    comparisons: verdictTables(records),
    details: records.map(runDetails),
  };
}

/** One line that says what the figures are of. */
function provenance({ machine, disk, startedAt, git, versions }: RunRecord): string {
  const parts = [
    `${machine.cores} cores, ${machine.cpuModel}`,
    `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`,
    `Node ${machine.node}`,
    disk === null
      ? 'disk not known'
      : `${disk.fileSystem}${disk.inMemory ? ' in memory: nothing was durable' : `, a durable write of 4 KiB takes ${formatUsAsMs(disk.syncUs.p50)} ms (p50)`}`,
    ...(versions.rkv === undefined ? [] : [`rkv ${versions.rkv}`]),
    ...(git === null ? [] : [`commit ${git.commit.slice(0, 10)}${git.dirty ? ' and changes' : ''}`]),
    `begun ${startedAt}`,
  ];
  return `${parts.join('; ')}.`;
}

function effectsTable(effects: readonly string[]): ReportTable {
  const notes = [
    'Over all configurations that differ in nothing else, in the same round. All intervals hold together with 95 %.',
  ];
  return wordsTable('What the settings do', [...notes, ...effects]);
}

function wordsTable(title: string, notes: readonly string[]): ReportTable {
  return { title, notes, head: [], rows: [], leftColumns: 0 };
}

function resultsTable(runs: readonly ReportRun[]): ReportTable {
  const percentiles = shownPercentiles(
    runs.flatMap(({ record: { merged } }) => [merged.writeLatencyUs, merged.readLatencyUs]),
  );
  const rows = runs.flatMap(({ record, throughput }) => {
    const { merged, verdict, repeats } = record;
    const check = checkWord(verdict);
    const kinds = [
      ['insert', merged.writeLatencyUs],
      ['lookup', merged.readLatencyUs],
    ] as const;
    return kinds.flatMap(([kind, latency]) => {
      if (latency.count === 0) return [];
      const figures = [...percentiles.map((each) => percentileCell(latency, each)), formatUsAsMs(latency.max)];
      return [
        [
          record.name,
          kind,
          String(repeats.length),
          throughput === undefined ? '-' : formatCount(Math.round(throughput.mean)),
          formatInterval(throughput),
          ...figures.map((cell) => (verdict.passed ? cell : '-')),
          formatCount(merged.failed + merged.dropped),
          check,
        ],
      ];
    });
  });
  return {
    title: 'Results',
    notes: [
      'Requests per second are inserts and lookups together. Answered means durable on a majority of the servers and applied on the leader; lookups are linearizable. What fails its check has no figures.',
    ],
    head: [
      'run',
      'operation',
      'rounds',
      'per second',
      'with 95 %',
      ...percentiles.map(([title]) => `${title} ms`),
      'max ms',
      'failed',
      'check',
    ],
    rows,
    leftColumns: 2,
  };
}

/** Where the servers' time went; none where they do not say. */
function stageTables(records: readonly RunRecord[]): ReportTable[] {
  const table = stageTable(records);
  return table === undefined ? [] : [{ title: 'Why', notes: [STAGES_CAPTION.join(' ')], ...table, leftColumns: 1 }];
}

/** How faults were got over; none where there were none. */
function recoveryTables(records: readonly RunRecord[]): ReportTable[] {
  const table = recoveryTable(records);
  return table === undefined ? [] : [{ title: 'Recovery', notes: [RECOVERY_CAPTION], ...table, leftColumns: 1 }];
}

/** What happened while the runs were measured; none where nothing did. */
function incidentsTable(records: readonly RunRecord[]): ReportTable[] {
  const rows = records.flatMap(({ name, repeats }) => describeIncidents(repeats).map((line) => [name, line]));
  if (rows.length === 0) return [];
  const notes = ['What happened while the runs were measured, and is in their figures.'];
  return [{ title: 'Incidents', notes, head: ['run', 'what'], rows, leftColumns: 2 }];
}

/** What was varied within one series was varied on purpose. */
function verdictTables(records: readonly RunRecord[]): ReportTable[] {
  const [first] = records;
  if (records.length < 2 || first === undefined) return [];
  const isSeries = first.series !== undefined && records.every(({ series }) => series?.id === first.series?.id);
  const comparisons = compareRuns(records, isSeries ? { across: ALL_CONDITIONS } : {});
  return comparisons.each.map((comparison) => ({
    title: `${comparison.candidate.name} beside ${first.name}`,
    notes: [
      describeComparison(comparison),
      ...(comparison.metrics[0]?.interval === undefined ? [] : [describeConfidence(comparisons)]),
    ],
    head: VERDICT_HEAD,
    rows: comparison.metrics.map(verdictRow),
    leftColumns: 1,
  }));
}

function runDetails(record: RunRecord): ReportTable {
  const { settings, repeats, verdict } = record;
  const { cluster, load } = settings;
  const server = repeats.at(-1)?.servers[0];
  const facts: [string, string][] = [
    ['command', commandOf(settings, record.name)],
    ...Object.entries(cluster).map(([key, value]): [string, string] => [
      key,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
    ...Object.entries(load).map(([key, value]): [string, string] => [
      key,
      key.endsWith('Ms') ? formatDuration(Number(value)) : String(value ?? 'none'),
    ]),
    ...Object.entries(server?.effectiveSettings ?? {}).map(([key, value]): [string, string] => [
      `in force: ${key}`,
      value,
    ]),
    ...verdict.problems.map((problem): [string, string] => ['FAILED', problem]),
    ...verdict.warnings.map((warning): [string, string] => ['note', warning]),
  ];
  return { title: `How ${record.name} was made`, notes: [], head: ['', ''], rows: facts, leftColumns: 2 };
}

/** The light page's colours in place of its properties, which a drawing by itself does not have. */
function standalone(svg: string): string {
  return svg
    .replace('<svg role="img"', '<svg role="img" style="background:#ffffff"')
    .replace(/var\(--series-(\d+)\)/g, (_, at: string) => SERIES_COLORS_LIGHT[Number(at)]!)
    .replaceAll('var(--ink)', '#1c1c1c')
    .replaceAll('var(--faint)', '#c4c4c4');
}
