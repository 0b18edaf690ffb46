import { describeLimit } from '../generatorLimits.ts';
import type { RepeatRecord, RunRecord } from '../results/schema.ts';
import { eachOf, geometricMean, pairedRatio, type RatioInterval, unpairedRatio } from '../statistics/intervals.ts';
import { type Condition, type Obstacle, obstaclesBetween } from './comparability.ts';
import { type Metric, sharedMetrics, wholeRepeats } from './metrics.ts';

export type ChangeVerdict = 'faster' | 'slower' | 'no-difference' | 'undecided';

/** One metric of a comparison. */
export interface MetricComparison {
  readonly metric: Metric;
  /** Geometric means over the repeats that are compared. */
  readonly baseline: number;
  readonly candidate: number;
  readonly ratio: number;
  /** In which the ratio lies; undefined where a side was measured once. */
  readonly interval: RatioInterval | undefined;
  readonly verdict: ChangeVerdict;
}

/** A candidate beside the baseline. */
export interface RunComparison {
  readonly baseline: RunRecord;
  readonly candidate: RunRecord;
  /** Rounds in which both were measured, where they are compared pair by pair. */
  readonly pairs: number | undefined;
  readonly obstacles: readonly Obstacle[];
  /** How a side was limited by the generator, in words: it could do at least what is shown. */
  readonly limits: Readonly<Record<'baseline' | 'candidate', string | undefined>>;
  /** None where there are obstacles. */
  readonly metrics: readonly MetricComparison[];
}

export interface Comparisons {
  /** With which all intervals of all candidates hold together. */
  readonly confidence: number;
  /** Of a ratio's distance from 1: an interval within it shows that there is no difference worth the name. */
  readonly margin: number;
  readonly each: readonly RunComparison[];
}

export interface ComparisonOptions {
  readonly across?: ReadonlySet<Condition>;
  readonly confidence?: number;
}

export const CONFIDENCE_DEFAULT = 0.95;
/** Below what repeated runs on one machine tell apart, and below what anybody would change an engine for. */
export const MARGIN = 0.02;

/**
 * Every candidate beside the first run. As many intervals as are looked at get as much less chance to be wrong (Bonferroni), so that
 * one of them being wrong is as unlikely as `confidence` says, and a difference is called one only where the interval leaves no other.
 */
export function compareRuns(runs: readonly RunRecord[], options: ComparisonOptions = {}): Comparisons {
  const { across = new Set<Condition>(), confidence = CONFIDENCE_DEFAULT } = options;
  const [baseline, ...candidates] = runs;
  if (baseline === undefined) return { confidence, margin: MARGIN, each: [] };
  const planned = candidates.map((candidate) => {
    const obstacles = obstaclesBetween(baseline, candidate, across);
    const metrics = obstacles.length > 0 ? [] : sharedMetrics([baseline, candidate]);
    return { candidate, obstacles, metrics };
  });
  const intervals = planned.reduce((sum, { metrics }) => sum + metrics.length, 0);
  const one = eachOf(intervals, confidence);
  const each = planned.map(({ candidate, obstacles, metrics }): RunComparison => {
    const pairs = pairsOf(baseline, candidate);
    const limits = { baseline: describeLimit(baseline.repeats), candidate: describeLimit(candidate.repeats) };
    return {
      baseline,
      candidate,
      pairs: pairs?.length,
      obstacles,
      limits,
      metrics: metrics.map((metric) => withLimits(compareBy(metric, baseline, candidate, pairs, one), limits)),
    };
  });
  return { confidence, margin: MARGIN, each };
}

function compareBy(
  metric: Metric,
  baseline: RunRecord,
  candidate: RunRecord,
  pairs: readonly Pair[] | undefined,
  confidence: number,
): MetricComparison {
  const value = (repeat: RepeatRecord) => metric.of(repeat)!;
  const ours = (pairs?.map(([one]) => one) ?? wholeRepeats(baseline)).map(value);
  const theirs = (pairs?.map(([, other]) => other) ?? wholeRepeats(candidate)).map(value);
  const interval = (pairs === undefined ? unpairedRatio : pairedRatio)(ours, theirs, confidence);
  const [before, after] = [geometricMean(ours), geometricMean(theirs)];
  return {
    metric,
    baseline: before,
    candidate: after,
    ratio: after / before,
    interval,
    verdict: interval === undefined ? 'undecided' : verdictOf(interval, metric.better),
  };
}

/** A side that the generator held back may be better than its figures: they show what is better than them, and nothing else. */
function withLimits(comparison: MetricComparison, { baseline, candidate }: RunComparison['limits']): MetricComparison {
  const { verdict } = comparison;
  const isOpen = (baseline !== undefined && verdict !== 'slower') || (candidate !== undefined && verdict !== 'faster');
  return isOpen ? { ...comparison, verdict: 'undecided' } : comparison;
}

/** What an interval of ratios shows. That nothing is shown is no proof of sameness: only an interval close to 1 is. */
export function verdictOf({ low, high }: RatioInterval, better: Metric['better']): ChangeVerdict {
  if (low > 1) return better === 'higher' ? 'faster' : 'slower';
  if (high < 1) return better === 'higher' ? 'slower' : 'faster';
  return low >= 1 - MARGIN && high <= 1 + MARGIN ? 'no-difference' : 'undecided';
}

type Pair = readonly [baseline: RepeatRecord, candidate: RepeatRecord];

/** What was measured in the same rounds; undefined where the runs were not made together, or share no two rounds. */
function pairsOf(baseline: RunRecord, candidate: RunRecord): Pair[] | undefined {
  if (baseline.series === undefined || baseline.series.id !== candidate.series?.id) return undefined;
  const theirs = new Map(wholeRepeats(candidate).map((repeat) => [repeat.round, repeat]));
  const pairs = wholeRepeats(baseline).flatMap((repeat): Pair[] => {
    const other = repeat.round === undefined ? undefined : theirs.get(repeat.round);
    return other === undefined ? [] : [[repeat, other]];
  });
  return pairs.length < 2 ? undefined : pairs;
}
