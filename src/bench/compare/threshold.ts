import type { RunRecord } from '../results/schema.ts';
import { geometricMean } from '../statistics/intervals.ts';
import type { RunComparison } from './comparison.ts';
import { METRICS, type Metric, wholeRepeats } from './metrics.ts';

/** `--fail-if`: what a script does not want to see, of a change (`throughput < -5%`) or of a run itself (`p99 > 10ms`). */
export interface Threshold {
  /** As it was given. */
  readonly text: string;
  readonly figures: readonly Figure[];
  readonly isBelow: boolean;
  /** Of a change a share of the baseline; of a run requests per second, µs or a number of requests. */
  readonly limit: number;
}

/** A metric, or a count of a run. */
type Figure = Metric | Count;

interface Count {
  readonly name: string;
  readonly unit: '';
  readonly inAll: (run: RunRecord) => number;
}

const COUNTS: readonly Count[] = [
  { name: 'failed', unit: '', inAll: ({ merged }) => merged.failed },
  { name: 'dropped', unit: '', inAll: ({ merged }) => merged.dropped },
];

const UNITS_US = new Map([
  ['us', 1],
  ['µs', 1],
  ['ms', 1000],
  ['s', 1_000_000],
]);

const FORM = /^\s*([a-z][a-z0-9.-]*)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*(%|us|µs|ms|s)?\s*$/;

/** A text that is no threshold. */
export class ThresholdError extends Error {
  override readonly name = 'ThresholdError';
}

/** `p99` means that of inserts and of lookups. `option` is what the errors name. Throws ThresholdError. */
export function parseThreshold(text: string, isChange: boolean, option = '--fail-if'): Threshold {
  const [, name, sign, number, unit] = FORM.exec(text) ?? [];
  const example = isChange
    ? "'throughput < -5%' or 'p99 > 10%'"
    : "'throughput < 10000', 'p99 > 10ms' or 'dropped > 0'";
  const refuse = (why: string) => new ThresholdError(`${option}: ${why}, got "${text}"`);
  if (name === undefined) throw refuse(`expected a threshold such as ${example}`);
  const known: readonly Figure[] = isChange ? METRICS : [...METRICS, ...COUNTS];
  const figures = known.filter((figure) => namesOf(figure).includes(name));
  if (figures.length === 0) {
    throw refuse(`expected a figure among ${[...new Set(known.flatMap(namesOf))].join(', ')}`);
  }
  const limit = Number(number);
  if (isChange) {
    if (unit !== '%') throw refuse(`expected a change in percent, such as ${example}`);
    return { text, figures, isBelow: sign === '<', limit: limit / 100 };
  }
  const isTime = figures[0]!.unit === 'µs';
  const factor = unit === undefined ? undefined : UNITS_US.get(unit);
  if (isTime ? factor === undefined : unit !== undefined) {
    throw refuse(isTime ? 'expected a time such as 10ms' : `expected a number without a unit for ${name}`);
  }
  return { text, figures, isBelow: sign === '<', limit: limit * (factor ?? 1) };
}

/** A percentile's own as well: that of inserts and of lookups. */
function namesOf({ name }: Figure): string[] {
  const [, percentile] = /^(?:insert|lookup)-(.+)$/.exec(name) ?? [];
  return percentile === undefined ? [name] : [percentile, name];
}

export interface Crossing {
  readonly threshold: Threshold;
  /** What crossed it, in words. */
  readonly what: string;
  /** Whether the figures show it, rather than leave it open. */
  readonly isShown: boolean;
}

/**
 * What a comparison crosses. A ratio beyond the limit counts where a difference is shown at all; where it may be chance, a
 * script is told that it is open, not that it failed.
 */
export function crossingsOf({ candidate, metrics }: RunComparison, thresholds: readonly Threshold[]): Crossing[] {
  return thresholds.flatMap((threshold) => {
    const { figures, isBelow, limit } = threshold;
    return metrics.flatMap(({ metric, ratio, verdict }): Crossing[] => {
      if (!figures.includes(metric)) return [];
      const change = ratio - 1;
      if (isBelow ? change >= limit : change <= limit) return [];
      const what = `${candidate.name}: ${metric.name} changed by ${signed(change)}`;
      return [{ threshold, what, isShown: verdict === 'faster' || verdict === 'slower' }];
    });
  });
}

/** What a run itself crosses: its geometric mean over the repeats, or the count of all. */
export function runCrossings(run: RunRecord, thresholds: readonly Threshold[]): Crossing[] {
  return thresholds.flatMap((threshold) =>
    threshold.figures.flatMap((figure): Crossing[] => {
      const value = figureOf(figure, run);
      if (value === undefined || (threshold.isBelow ? value >= threshold.limit : value <= threshold.limit)) return [];
      return [{ threshold, what: `${run.name}: ${figure.name} is ${described(value, figure)}`, isShown: true }];
    }),
  );
}

function figureOf(figure: Figure, run: RunRecord): number | undefined {
  if ('inAll' in figure) return figure.inAll(run);
  const values = wholeRepeats(run).flatMap((repeat) => figure.of(repeat) ?? []);
  return values.length === 0 ? undefined : geometricMean(values);
}

function described(value: number, { unit }: Figure): string {
  return unit === 'µs' ? `${(value / 1000).toFixed(3)} ms` : `${Math.round(value)}${unit === '' ? '' : ' a second'}`;
}

function signed(change: number): string {
  return `${change < 0 ? '-' : '+'}${Math.abs(change * 100).toFixed(1)} %`;
}
