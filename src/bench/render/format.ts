import { carriesPercentile } from '../compare/metrics.ts';
import type { LatencyUs, Spread, Verdict } from '../results/schema.ts';
import type { MeanInterval } from '../statistics/intervals.ts';

/** `12,345`; decimals only below 100. */
export function formatCount(value: number): string {
  const digits = value !== 0 && Math.abs(value) < 100 && !Number.isInteger(value) ? 1 : 0;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Whole µs as ms for people: `0.843`, `4.12`, `17.7`, `1,204`. */
export function formatUsAsMs(us: number): string {
  const ms = us / 1000;
  const digits = ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0;
  return ms.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A ratio, or an end of the interval in which it lies: after two rounds that may be anywhere, and how far is no figure. `sign` stands before the number. */
export function formatFactor(factor: number, digits: number, sign = ''): string {
  return factor >= 1000 ? `more than ${sign}1,000` : `${sign}${factor.toFixed(factor >= 10 ? 1 : digits)}`;
}

/** The percentiles that tables show, by their titles, with the share of requests that they leave below. */
export const TABLE_PERCENTILES: readonly (readonly [
  title: string,
  share: number,
  of: (latency: LatencyUs) => number | undefined,
])[] = [
  ['p50', 0.5, ({ p50 }) => p50],
  ['p90', 0.9, ({ p90 }) => p90],
  ['p99', 0.99, ({ p99 }) => p99],
  ['p99.9', 0.999, ({ p999 }) => p999],
  ['p99.99', 0.9999, ({ p9999 }) => p9999],
];

/** Of TABLE_PERCENTILES, those that any of the samples carries. */
export function shownPercentiles(samples: readonly LatencyUs[]): typeof TABLE_PERCENTILES {
  return TABLE_PERCENTILES.filter(([, share, of]) =>
    samples.some((latency) => of(latency) !== undefined && carriesPercentile(latency.count, share)),
  );
}

/** A percentile in ms; a dash where the sample does not carry it. */
export function percentileCell(latency: LatencyUs, [, share, of]: (typeof TABLE_PERCENTILES)[number]): string {
  const us = of(latency);
  return us === undefined || !carriesPercentile(latency.count, share) ? '-' : formatUsAsMs(us);
}

/** `21,034`, and where repeats differ `21,034 (19,870–22,410)`. */
export function formatSpread({ median, min, max }: Spread, format: (value: number) => string): string {
  return min === max ? format(median) : `${format(median)} (${format(min)}–${format(max)})`;
}

/** `19,870 – 22,410`, a dash where a rate was measured once or not at all. */
export function formatInterval(rate: MeanInterval | null | undefined): string {
  if (rate == null || rate.low === null || rate.high === null) return '-';
  return `${formatCount(Math.round(rate.low))} – ${formatCount(Math.round(rate.high))}`;
}

/** How the check of a run went. */
export function checkWord({ verified, passed }: Verdict): string {
  if (verified) return 'ok';
  return passed ? 'not checked' : 'FAILED';
}

/** Figures of runs, a row each; the first column names them. */
export interface RunsTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Names read from the left, figures from the right. */
export function leftThenRight(left: number, right: number): ('left' | 'right')[] {
  return [...Array<'left'>(left).fill('left'), ...Array<'right'>(right).fill('right')];
}
