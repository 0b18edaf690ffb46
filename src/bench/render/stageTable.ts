import { type TableStyle, tableIn } from '../../cli/table.ts';
import { wholeRepeats } from '../compare/metrics.ts';
import type { GeneratorRecord, RunRecord, StageSpread, StagesRecord } from '../results/schema.ts';
import { median } from '../statistics/median.ts';
import { formatCount, formatUsAsMs, leftThenRight, type RunsTable } from './format.ts';

/** Servers of one repeat: the leader, and the others. */
interface Seen {
  readonly leader: StagesRecord | undefined;
  readonly followers: readonly StagesRecord[];
  readonly generator: GeneratorRecord | undefined;
}

interface Column {
  readonly title: string;
  cell(all: readonly Seen[]): string;
}

const COLUMNS: readonly Column[] = [
  ...['wait', 'quorum', 'apply', 'answer', 'write', 'read'].map((name) => ({
    title: `${name} ms`,
    cell: (all: readonly Seen[]) => timeCell(all.flatMap(({ leader }) => leader?.spreads[name] ?? [])),
  })),
  { title: 'disk ms', cell: (all) => timeCell(all.flatMap(({ leader }) => leader?.spreads.disk ?? [])) },
  {
    title: "followers' disk ms",
    cell: (all) => timeCell(all.flatMap(({ followers }) => followers.flatMap(({ spreads }) => spreads.disk ?? []))),
  },
  { title: 'loop ms', cell: (all) => timeCell(all.flatMap(({ leader }) => leader?.spreads.loop ?? [])) },
  { title: 'entries/sync', cell: (all) => meanCell(all, 'entries-per-sync') },
  { title: 'entries/message', cell: (all) => meanCell(all, 'entries-per-message') },
  { title: 'busy', cell: (all) => shareCell(all.flatMap(({ leader }) => leader?.loopUtilization ?? [])) },
  { title: 'GC', cell: (all) => shareCell(all.flatMap(({ leader }) => leader?.collectionShare ?? [])) },
  { title: 'generator busy', cell: (all) => shareCell(all.flatMap(({ generator }) => generator?.cpuShareMax ?? [])) },
  {
    title: 'generator loop ms',
    cell: (all) => msCell(all.flatMap(({ generator }) => generator?.loopDelayUs ?? [])),
  },
  { title: 'sent late ms', cell: (all) => msCell(all.flatMap(({ generator }) => generator?.sentLateUs ?? [])) },
];

/** Where the servers' time went, a row for each run that can say so; undefined where none can. Columns without a figure are left out. */
export function stageTable(runs: readonly RunRecord[]): RunsTable | undefined {
  const seen = runs.flatMap((run) => {
    const all = wholeRepeats(run).flatMap(seenIn);
    return all.length === 0 || !run.verdict.passed ? [] : [{ name: run.name, all }];
  });
  if (seen.length === 0) return undefined;
  const columns = COLUMNS.filter(({ cell }) => seen.some(({ all }) => cell(all) !== NONE));
  return {
    head: ['', ...columns.map(({ title }) => title)],
    rows: seen.map(({ name, all }) => [name, ...columns.map(({ cell }) => cell(all))]),
  };
}

/** For a terminal or a document: a column for each run. */
export function renderStages(runs: readonly RunRecord[], style: TableStyle): string[] {
  const table = stageTable(runs);
  if (table === undefined) {
    return ['Why: the servers do not say where their time goes (they are older, or another program).'];
  }
  const [, ...stages] = table.head;
  const lines = stages.map((stage, at) => [stage, ...table.rows.map((row) => row[at + 1]!)]);
  const names = table.rows.map(([name]) => name!);
  return ['Why:', tableIn(style, ['', ...names], lines, leftThenRight(1, names.length)), ...STAGES_CAPTION];
}

export const STAGES_CAPTION: readonly string[] = [
  'Where the time of writes went on the leader, p50 and in brackets p99. wait: until it stands in the log; quorum: from there',
  'until it is committed; apply, answer: until the connection has its answer; write: all of these; disk: of entries, from the',
  'log until they are durable on that server; loop: how late a timer ran; busy: share of the time in which the thread ran. What',
  'a client waited beyond write went to its own process, and to the way there and back. generator: of the process that made the',
  'load, the share of a core that its thread took, and how late its timers ran, p99 and in brackets the longest; sent late: the',
  'same of how long after it was due a request left.',
];

function seenIn({ leader, servers, generator }: RunRecord['repeats'][number]): Seen[] {
  const told = servers.flatMap(({ id, stages }) => (stages == null ? [] : [{ id, stages }]));
  if (told.length === 0) return [];
  return [
    {
      leader: told.find(({ id }) => id === leader)?.stages,
      followers: told.flatMap(({ id, stages }) => (id === leader ? [] : [stages])),
      generator,
    },
  ];
}

const NONE = '-';

function timeCell(spreads: readonly StageSpread[]): string {
  const counted = spreads.filter(({ count }) => count > 0);
  if (counted.length === 0) return NONE;
  const middle = (key: 'p50' | 'p99') => formatUsAsMs(median(counted.map((each) => each[key])));
  return `${middle('p50')} (${middle('p99')})`;
}

/** p99 and longest. */
function msCell(times: readonly { readonly p99: number; readonly max: number }[]): string {
  if (times.length === 0) return NONE;
  return `${formatUsAsMs(median(times.map(({ p99 }) => p99)))} (${formatUsAsMs(Math.max(...times.map(({ max }) => max)))})`;
}

function meanCell(all: readonly Seen[], name: string): string {
  const means = all.flatMap(({ leader }) => leader?.spreads[name]?.mean ?? []);
  return means.length === 0 ? NONE : formatCount(Math.round(median(means) * 10) / 10);
}

function shareCell(shares: readonly number[]): string {
  return shares.length === 0 ? NONE : `${(median(shares) * 100).toFixed(1)} %`;
}
