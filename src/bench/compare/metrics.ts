import type { LatencyUs, RepeatRecord, RunRecord } from '../results/schema.ts';

/** A figure that every repeat of a run has, and that runs are compared by. */
export interface Metric {
  /** As `--json` and `--fail-if` name it: `throughput`, `insert-p99`. */
  readonly name: string;
  readonly unit: '1/s' | 'µs';
  /** Which ratio is an improvement. */
  readonly better: 'higher' | 'lower';
  /** Undefined where a repeat does not carry it. */
  readonly of: (repeat: RepeatRecord) => number | undefined;
}

/**
 * So many values have to lie beyond a percentile for it to be a figure and not one request's luck: a p99 takes 1,000
 * requests, a p99.9 10,000.
 */
const VALUES_BEYOND_MIN = 10;

const PERCENTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const;

type PercentileName = (typeof PERCENTILES)[number][0];

const KINDS = [
  ['insert', ({ writeLatencyUs }: RepeatRecord) => writeLatencyUs],
  ['lookup', ({ readLatencyUs }: RepeatRecord) => readLatencyUs],
] as const;

const THROUGHPUT: Metric = {
  name: 'throughput',
  unit: '1/s',
  better: 'higher',
  of: ({ writesPerSecond, readsPerSecond }) => positive(writesPerSecond + readsPerSecond),
};

export const METRICS: readonly Metric[] = [
  THROUGHPUT,
  ...KINDS.flatMap(([kind, latency]) =>
    PERCENTILES.map(
      ([percentile, share]): Metric => ({
        name: `${kind}-${percentile}`,
        unit: 'µs',
        better: 'lower',
        of: (repeat) => carried(latency(repeat), percentile, share),
      }),
    ),
  ),
];

/** The rate of each whole repeat; undefined where one has none. */
export function throughputs(run: RunRecord): number[] | undefined {
  const rates = wholeRepeats(run).flatMap((repeat) => THROUGHPUT.of(repeat) ?? []);
  return rates.length === wholeRepeats(run).length ? rates : undefined;
}

/** The metrics that every repeat of every run carries. */
export function sharedMetrics(runs: readonly RunRecord[]): Metric[] {
  return METRICS.filter(({ of }) => runs.every((run) => wholeRepeats(run).every((repeat) => of(repeat) !== undefined)));
}

/** The repeats that were not cut short; all of them where there is no other. */
export function wholeRepeats({ repeats }: RunRecord): readonly RepeatRecord[] {
  const whole = repeats.filter(({ interrupted }) => !interrupted);
  return whole.length > 0 ? whole : repeats;
}

function carried(latency: LatencyUs, percentile: PercentileName, share: number): number | undefined {
  if (latency.count * (1 - share) < VALUES_BEYOND_MIN * (1 - Number.EPSILON)) return undefined;
  return positive(percentile === 'p99.9' ? latency.p999 : latency[percentile]);
}

/** Ratios are of what is above 0. */
function positive(value: number): number | undefined {
  return value > 0 ? value : undefined;
}
