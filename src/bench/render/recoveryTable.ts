import { type TableStyle, tableIn } from '../../cli/table.ts';
import { CONFIDENCE_DEFAULT } from '../compare/comparison.ts';
import { RECOVERY_TIMES, wholeRepeats } from '../compare/metrics.ts';
import type { Recovery, RunRecord } from '../results/schema.ts';
import { meanInterval } from '../statistics/intervals.ts';
import { median } from '../statistics/median.ts';
import { formatCount, leftThenRight, type RunsTable } from './format.ts';

/** How each run got over its faults, a row each: times in seconds with where they lie with 95 %. Undefined where none had any. */
export function recoveryTable(runs: readonly RunRecord[]): RunsTable | undefined {
  const recovered = runs.flatMap((run) => {
    const all = wholeRepeats(run).flatMap(({ recovery }) => recovery ?? []);
    return all.length === 0 || !run.verdict.passed ? [] : [{ name: run.name, all }];
  });
  if (recovered.length === 0) return undefined;
  const times = RECOVERY_TIMES.filter(({ key }) => recovered.some(({ all }) => all.some((each) => each[key] !== null)));
  return {
    head: ['', ...times.map(({ title }) => `${title}, s`), 'failed', 'slow'],
    rows: recovered.map(({ name, all }) => [
      name,
      ...times.map(({ key }) => timeCell(all.flatMap((each) => each[key] ?? []))),
      countCell(all, 'failed'),
      countCell(all, 'slow'),
    ]),
  };
}

export function renderRecovery(runs: readonly RunRecord[], style: TableStyle): string[] {
  const table = recoveryTable(runs);
  if (table === undefined) return [];
  const { head, rows } = table;
  return [RECOVERY_CAPTION, tableIn(style, head, rows, leftThenRight(1, head.length - 1))];
}

export const RECOVERY_CAPTION =
  'From the fault, in seconds, until it was over (after several rounds with where the mean lies with 95 %); requests that failed, or took longer than 200 ms.';

function timeCell(valuesMs: readonly number[]): string {
  if (valuesMs.length === 0) return '-';
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  // A mean of ratios takes times above 0.
  if (valuesMs.length < 2 || valuesMs.some((ms) => ms <= 0)) return seconds(median(valuesMs));
  const { mean, low, high } = meanInterval(valuesMs, CONFIDENCE_DEFAULT);
  return `${seconds(mean)} (${seconds(low!)} – ${seconds(high!)})`;
}

function countCell(all: readonly Recovery[], key: 'failed' | 'slow'): string {
  return formatCount(median(all.map((each) => each[key])));
}
