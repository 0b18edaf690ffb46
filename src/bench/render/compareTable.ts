import { printable } from '../../cli/printable.ts';
import { type TableStyle, tableIn } from '../../cli/table.ts';
import type { Comparisons } from '../compare/comparison.ts';
import type { LatencyUs, RunRecord, Spread } from '../results/schema.ts';
import {
  checkWord,
  formatCount,
  formatSpread,
  formatUsAsMs,
  leftThenRight,
  percentileCell,
  shownPercentiles,
} from './format.ts';
import { countIncidents, describeIncidents } from './incidents.ts';
import { renderRecovery } from './recoveryTable.ts';
import { renderVerdicts } from './verdictTable.ts';

/** Of a run's name: as the head of a column, and in a line. */
const NAME_LENGTH_MAX = 40;
/** Of an incident: servers may have had their say in it. */
const LINE_LENGTH_MAX = 500;
const DIFFERENCES_SHOWN_MAX = 100;

/** Runs side by side: what was measured, what of it differs from the first run and how sure that is, and every setting that differs. */
export function renderComparison(runs: readonly RunRecord[], comparisons: Comparisons, style: TableStyle): string {
  const names = runs.map((run) => `${printable(run.name, NAME_LENGTH_MAX)}${run.interrupted ? ' (interrupted)' : ''}`);
  const differing = differingFacts(runs);
  const settings =
    differing.length === 0
      ? ['The settings, the machine and the versions are the same.']
      : ['What differs:', tableIn(style, ['', ...names], differing, leftThenRight(1, names.length))];
  const unanswered = runs.some(({ merged }) => merged.failed + merged.dropped > 0);
  return [
    tableIn(style, ['', ...names], measuredRows(runs), leftThenRight(1, names.length)),
    ...(unanswered ? ['Requests that failed or were dropped stand in no rate and no latency.'] : []),
    ...renderRecovery(runs, style),
    ...incidentLines(runs),
    ...renderVerdicts(comparisons, style),
    ...settings,
  ].join(style === 'markdown' ? '\n\n' : '\n');
}

/** What the figures are of as well. */
function incidentLines(runs: readonly RunRecord[]): string[] {
  const lines = runs.flatMap(({ name, repeats }) =>
    describeIncidents(repeats).map(
      (line) => `${printable(name, NAME_LENGTH_MAX)}, ${printable(line, LINE_LENGTH_MAX)}`,
    ),
  );
  return lines.length === 0 ? [] : ['What happened while they were measured, and is in the figures:', ...lines];
}

/** What loses writes has no speed. */
function isWrong({ verdict }: RunRecord): boolean {
  return !verdict.passed;
}

/** A figure that no run has is left out, and a run that has none of it has a dash. */
function measuredRows(runs: readonly RunRecord[]): string[][] {
  const rates = (title: string, of: (run: RunRecord) => Spread): string[] => [
    title,
    ...runs.map((run) => (isWrong(run) || of(run).max === 0 ? '-' : formatSpread(of(run), formatCount))),
  ];
  const latencies = (kind: string, of: (run: RunRecord) => LatencyUs): string[][] => {
    const row = (title: string, value: (latency: LatencyUs) => number) => [
      `${kind} ${title}, ms`,
      ...runs.map((run) => (isWrong(run) || of(run).count === 0 ? '-' : formatUsAsMs(value(of(run))))),
    ];
    return [
      row('mean', ({ mean }) => mean),
      ...shownPercentiles(runs.map(of)).map((each) => [
        `${kind} ${each[0]}, ms`,
        ...runs.map((run) => (isWrong(run) || of(run).count === 0 ? '-' : percentileCell(of(run), each))),
      ]),
      row('max', ({ max }) => max),
    ];
  };
  const rows: string[][] = [];
  if (runs.some(({ merged }) => merged.writes > 0)) {
    rows.push(rates('inserts per second', ({ merged }) => merged.writesPerSecond));
    rows.push(...latencies('insert', ({ merged }) => merged.writeLatencyUs));
  }
  if (runs.some(({ merged }) => merged.reads > 0)) {
    rows.push(rates('lookups per second', ({ merged }) => merged.readsPerSecond));
    rows.push(...latencies('lookup', ({ merged }) => merged.readLatencyUs));
  }
  rows.push(['failed or dropped', ...runs.map(({ merged }) => formatCount(merged.failed + merged.dropped))]);
  const incidents = runs.map(({ repeats }) => countIncidents(repeats));
  if (incidents.some((count) => count !== '')) rows.push(['incidents', ...incidents.map((count) => count || 'none')]);
  rows.push(['check', ...runs.map(({ verdict }) => checkWord(verdict))]);
  return rows;
}

/** Settings, effective settings, machine and versions, a row each, of which not all runs have the same. */
function differingFacts(runs: readonly RunRecord[]): string[][] {
  const facts = runs.map(factsOf);
  const titles = new Set(facts.flatMap((each) => [...each.keys()]));
  const rows: string[][] = [];
  for (const title of titles) {
    const values = facts.map((each) => each.get(title) ?? '-');
    if (new Set(values).size > 1) rows.push([title, ...values]);
  }
  // A run's file names its servers' settings, as many as it likes.
  const rest = rows.length - DIFFERENCES_SHOWN_MAX;
  if (rest <= 0) return rows;
  return [...rows.slice(0, DIFFERENCES_SHOWN_MAX), [`and ${rest} more`, ...runs.map(() => '')]];
}

function factsOf(run: RunRecord): Map<string, string> {
  const facts = new Map<string, string>();
  const add = (prefix: string, values: object) => {
    for (const [key, value] of Object.entries(values)) facts.set(prefix + key, value === null ? '-' : String(value));
  };
  const { kind, ...cluster } = run.settings.cluster;
  facts.set('cluster', kind);
  if ('flags' in cluster) {
    const { flags, ...rest } = cluster;
    add('', rest);
    add('', flags ?? {});
  } else add('', cluster);
  add('', run.settings.load);
  if (run.settings.schedule !== undefined) facts.set('scenario', run.settings.schedule.name);
  facts.set('repeats', String(run.settings.repeats));
  const server = run.repeats.at(-1)?.servers[0];
  if (server !== undefined) {
    facts.set('backend', server.backend);
    add('effective ', server.effectiveSettings);
  }
  add('machine ', run.machine);
  if (run.disk !== null) facts.set('file system', run.disk.fileSystem);
  add('version of ', run.versions);
  if (run.git !== null) facts.set('commit', `${run.git.commit.slice(0, 10)}${run.git.dirty ? ' and changes' : ''}`);
  return facts;
}
