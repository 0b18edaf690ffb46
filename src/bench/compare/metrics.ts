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
 * requests, a p99.9 10,000, a p99.99 100,000.
 */
const VALUES_BEYOND_MIN = 10;
/** Of a product of a count and a share. */
const ROUNDING = 1e-9;

const PERCENTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const;

/** So many requests carry a metric of this name. */
export function requestsFor(metric: string): number {
  const [, share = 0] = PERCENTILES.find(([name]) => metric.endsWith(`-${name}`)) ?? [];
  return Math.ceil(VALUES_BEYOND_MIN / (1 - share));
}

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

type RecoveryTime = 'detectMs' | 'successorMs' | 'firstWriteMs' | 'gapMs' | 'fullRateMs' | 'catchUpMs' | 'operatorMs';

/** How a fault was got over, in the order in which it is. */
export const RECOVERY_TIMES: readonly { readonly name: string; readonly title: string; readonly key: RecoveryTime }[] =
  [
    { name: 'detect', title: 'detected', key: 'detectMs' },
    { name: 'elect', title: 'another led', key: 'successorMs' },
    { name: 'first-write', title: 'first write', key: 'firstWriteMs' },
    { name: 'gap', title: 'longest gap', key: 'gapMs' },
    { name: 'full-rate', title: '95 % of the rate', key: 'fullRateMs' },
    { name: 'catch-up', title: 'catch-up', key: 'catchUpMs' },
    { name: 'operator', title: 'operator waited', key: 'operatorMs' },
  ];

export const RECOVERY_METRICS: readonly Metric[] = RECOVERY_TIMES.map(({ name, key }) => ({
  name,
  unit: 'µs',
  better: 'lower',
  of: ({ recovery }) => {
    const ms = recovery?.[key];
    return ms == null ? undefined : positive(ms * 1000);
  },
}));

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
  ...RECOVERY_METRICS,
];

/** The rate of each whole repeat; undefined where one has none. */
export function throughputs(run: RunRecord): number[] | undefined {
  const rates = wholeRepeats(run).flatMap((repeat) => THROUGHPUT.of(repeat) ?? []);
  return rates.length === wholeRepeats(run).length ? rates : undefined;
}

/**
 * The metrics that every repeat of every run carries. Where all had a fault, no percentiles: they are of the times before it and after it
 * together, in shares that differ with how long it took.
 */
export function sharedMetrics(runs: readonly RunRecord[]): Metric[] {
  const hadFaults = runs.every((run) => wholeRepeats(run).every(({ recovery }) => recovery !== undefined));
  const known = hadFaults ? [THROUGHPUT, ...RECOVERY_METRICS] : METRICS;
  return known.filter(({ of }) => runs.every((run) => wholeRepeats(run).every((repeat) => of(repeat) !== undefined)));
}

/** The repeats that were not cut short; all of them where there is no other. */
export function wholeRepeats({ repeats }: RunRecord): readonly RepeatRecord[] {
  const whole = repeats.filter(({ interrupted }) => !interrupted);
  return whole.length > 0 ? whole : repeats;
}

/** Whether so many requests carry the percentile of this share, such as 0.999. */
export function carriesPercentile(count: number, share: number): boolean {
  return count * (1 - share) >= VALUES_BEYOND_MIN * (1 - ROUNDING);
}

function carried(latency: LatencyUs, percentile: PercentileName, share: number): number | undefined {
  if (!carriesPercentile(latency.count, share)) return undefined;
  return positive(percentile === 'p99.9' ? latency.p999 : latency[percentile]);
}

/** Ratios are of what is above 0. */
function positive(value: number): number | undefined {
  return value > 0 ? value : undefined;
}
