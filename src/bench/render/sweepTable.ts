import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import type { RunRecord } from '../results/schema.ts';
import type { SweepSummary } from '../sweep/summary.ts';
import { formatCount, formatInterval, formatUsAsMs, leftThenRight } from './format.ts';
import { renderRecovery } from './recoveryTable.ts';
import type { WrittenRun } from './runTable.ts';

/** Servers may have had their say in it. */
const NOTE_LENGTH_MAX = 500;

/** A sweep for people: a row a configuration, what its axes do, and what else has to be said of any. */
export function renderSweep(summary: SweepSummary, written: readonly WrittenRun[]): string {
  const axes = [...new Set(summary.configurations.flatMap(({ levels }) => Object.keys(levels)))];
  const records = new Map(written.map(({ record }) => [record.name, record]));
  const rows = summary.configurations.map(({ name, levels, rounds, throughput, passed }) => {
    const merged = passed === true ? records.get(name)?.merged : undefined;
    const latency = merged !== undefined && merged.writes > 0 ? merged.writeLatencyUs : merged?.readLatencyUs;
    return [
      ...(axes.length === 0 ? [name] : axes.map((axis) => levels[axis] ?? '-')),
      String(rounds),
      throughput === null ? '-' : formatCount(Math.round(throughput.mean)),
      formatInterval(throughput),
      latency === undefined ? '-' : formatUsAsMs(latency.p50),
      latency === undefined ? '-' : formatUsAsMs(latency.p99),
      passed === null ? '-' : passed ? 'ok' : 'FAILED',
    ];
  });
  const head = [
    ...(axes.length === 0 ? ['configuration'] : axes),
    'rounds',
    'per second',
    'with 95 %',
    'p50 ms',
    'p99 ms',
    'check',
  ];
  const effects =
    summary.effects.length > 0
      ? ['What the settings do to the throughput (all intervals hold together with 95 %):']
      : [];
  return [
    ...(summary.why === null ? [] : [summary.why]),
    renderTable(head, rows, leftThenRight(Math.max(1, axes.length), head.length - Math.max(1, axes.length))),
    ...renderRecovery(
      written.map(({ record }) => record),
      'terminal',
    ),
    ...effects,
    ...summary.effects.map((effect) => `  ${effect}`),
    ...(summary.answers ?? []),
    ...written.flatMap(({ record }) => notes(record)),
  ].join('\n');
}

/** What went wrong, and what did not come about as it was asked for. */
function notes({ name, repeats, verdict }: RunRecord): string[] {
  const notices = repeats.flatMap(({ incidents }) => incidents.filter(({ kind }) => kind === 'notice'));
  const texts = [...verdict.problems.map((problem) => `FAILED: ${problem}`), ...notices.map(({ what }) => what)];
  return [...new Set(texts)].map((text) => `${name}: ${printable(text, NOTE_LENGTH_MAX)}`);
}
