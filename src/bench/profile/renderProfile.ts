import { type TableStyle, tableIn } from '../../cli/table.ts';
import { leftThenRight } from '../render/format.ts';
import type { RepeatRecord } from '../results/schema.ts';
import { type Breakdown, total } from './breakdown.ts';
import type { ByRole, CountedRun, ProfiledRun } from './profileRun.ts';
import { BENCH_STAGES, SERVER_STAGES, stageNames } from './stages.ts';
import type { CallCounts } from './systemCalls.ts';
import { POOL_THREADS, PROFILER_THREADS, V8_THREADS } from './threadTimes.ts';

/** Packages that take less of a request are told in one row, µs. */
const PACKAGE_US_MIN = 0.1;
/** Calls that are rarer than that a request are not told. */
const CALLS_MIN = 0.005;

/** All that was found, for people: a text of several tables. */
export interface Findings {
  readonly profiled: ProfiledRun;
  /** A run of the same without profiles; undefined where none was wanted. */
  readonly plain: RepeatRecord | undefined;
  /** Undefined where nobody counted. */
  readonly counted: CountedRun | undefined;
}

export function requestsOf({ writes, reads }: RepeatRecord): number {
  return writes + reads;
}

export function renderFindings({ profiled, plain, counted }: Findings, style: TableStyle): string {
  const { record, breakdowns } = profiled;
  const parts = [
    'Servers, µs of processor time a request, by stage (all followers together):',
    stageTable(breakdowns, requestsOf(record), style),
    'The same by package:',
    packageTable([breakdowns.leader, breakdowns.followers], ['leader', 'followers'], requestsOf(record), style),
    'What made the load, by stage:',
    benchTable(breakdowns.bench, requestsOf(record), style),
    'The same by package:',
    packageTable([breakdowns.bench], ['bench'], requestsOf(record), style),
    ...(counted === undefined
      ? []
      : [
          'System calls a request, under strace, which makes each turn longer and so fuller:',
          callTable(counted, style),
        ]),
    ...sums(profiled, plain),
  ];
  return parts.join(style === 'markdown' ? '\n\n' : '\n');
}

function stageTable({ leader, followers }: ByRole<Breakdown>, requests: number, style: TableStyle): string {
  return timeTable('stage', stageNames(SERVER_STAGES), ['leader', 'followers'], [leader, followers], requests, style);
}

function benchTable(bench: Breakdown, requests: number, style: TableStyle): string {
  return timeTable('stage', stageNames(BENCH_STAGES), ['bench'], [bench], requests, style);
}

function timeTable(
  title: string,
  stages: readonly string[],
  columns: readonly string[],
  breakdowns: readonly Breakdown[],
  requests: number,
  style: TableStyle,
): string {
  const us = (value: number) => (value / requests).toFixed(2);
  const row = (name: string, of: (each: Breakdown) => number) => {
    const values = breakdowns.map(of);
    const more = values.length > 1 ? [us(values.reduce((sum, each) => sum + each, 0))] : [];
    return { name, values, cells: [name, ...values.map(us), ...more] };
  };
  const threads = [V8_THREADS, POOL_THREADS, PROFILER_THREADS];
  const rows = [
    ...stages.map((stage) => row(stage, (each) => each.stages.get(stage) ?? 0)),
    ...threads.map((name) => row(`other threads: ${name}`, (each) => each.otherThreads.get(name) ?? 0)),
  ].filter(({ values }) => values.some((each) => each > 0));
  const all = row('all', ({ cpuUs }) => cpuUs);
  const head = [title, ...columns, ...(columns.length > 1 ? ['together'] : [])];
  return tableIn(
    style,
    head,
    [...rows, all].map(({ cells }) => cells),
    leftThenRight(1, head.length - 1),
  );
}

function packageTable(
  breakdowns: readonly Breakdown[],
  columns: readonly string[],
  requests: number,
  style: TableStyle,
): string {
  const usOf = (name: string) => breakdowns.map(({ packages }) => (packages.get(name) ?? 0) / requests);
  const sum = (values: readonly number[]) => values.reduce((all, each) => all + each, 0);
  const names = [...new Set(breakdowns.flatMap(({ packages }) => [...packages.keys()]))]
    .map((name) => ({ name, values: usOf(name) }))
    .sort((one, other) => sum(other.values) - sum(one.values));
  const told = names.filter(({ values }) => sum(values) >= PACKAGE_US_MIN);
  const rest = names.slice(told.length);
  const restValues = breakdowns.map((_, at) => sum(rest.map(({ values }) => values[at]!)));
  const rows = [...told, ...(rest.length === 0 ? [] : [{ name: `${rest.length} others`, values: restValues }])];
  return tableIn(
    style,
    ['package', ...columns],
    rows.map(({ name, values }) => [name, ...values.map((value) => value.toFixed(2))]),
    leftThenRight(1, columns.length),
  );
}

function callTable({ record, calls: { leader, followers, bench } }: CountedRun, style: TableStyle): string {
  const requests = requestsOf(record);
  const sides = [leader, followers, bench];
  const perRequest = (counts: CallCounts, name: string) => (counts.get(name) ?? 0) / requests;
  const most = (name: string) => Math.max(...sides.map((counts) => perRequest(counts, name)));
  const names = [...new Set(sides.flatMap((counts) => [...counts.keys()]))]
    .filter((name) => most(name) >= CALLS_MIN)
    .sort((one, other) => most(other) - most(one));
  return tableIn(
    style,
    ['call', 'leader', 'followers', 'bench'],
    names.map((name) => [name, ...sides.map((counts) => perRequest(counts, name).toFixed(3))]),
    leftThenRight(1, 3),
  );
}

/** What the rows add up to, beside what rkv-bench says of the same run and of one without profiles. */
function sums({ record, breakdowns }: ProfiledRun, plain: RepeatRecord | undefined): string[] {
  const { leader, followers, bench } = breakdowns;
  const requests = requestsOf(record);
  const us = (value: number | null | undefined) => (value == null ? 'not known' : `${value.toFixed(1)} µs`);
  const line = (who: string, rows: number, own: number | null, without: number | null | undefined) =>
    `${who}: ${us(rows / requests)} a request by these rows, ${us(own)} as rkv-bench says of this run` +
    (plain === undefined ? '' : `, ${us(without)} of one without profiles`);
  const share = (each: Breakdown) => total(each.stages) / (total(each.stages) + each.waitedUs);
  const percent = (value: number) => `${Math.round(100 * value)} %`;
  const kinds = record.incidents.map(({ kind }) => kind);
  const incidents = [...new Set(kinds)].map((kind) => `${kind} ${kinds.filter((each) => each === kind).length} times`);
  return [
    line('Servers', leader.cpuUs + followers.cpuUs, record.serversCpuUsPerCommand, plain?.serversCpuUsPerCommand),
    line('Bench', bench.cpuUs, record.benchCpuUsPerCommand, plain?.benchCpuUsPerCommand),
    `${record.writesPerSecond + record.readsPerSecond} requests a second` +
      (plain === undefined ? '' : `, ${plain.writesPerSecond + plain.readsPerSecond} without profiles`) +
      `; ${leader.looks} looks found the leader running, ${followers.looks} the followers, ${bench.looks} the bench`,
    `Of the time in which they could run, main threads had a core for ${percent(share(leader))} (leader), ${percent(share(followers))} (followers), ${percent(share(bench))} (bench)`,
    `Others had ${record.othersCpuShare === null ? 'an unknown share' : percent(record.othersCpuShare)} of the machine` +
      (incidents.length === 0 ? '' : `; what happened meanwhile: ${incidents.join(', ')}`),
  ];
}
