import jstat from 'jstat';

/**
 * How sure a ratio of two figures is that were each measured several times, after Kalibera and Jones, "Rigorous
 * Benchmarking in Reasonable Time" (ISMM 2013): what is compared is the size of the effect with its interval, not whether there is
 * one. Figures of a benchmark differ by factors, so all is computed of their logarithms: what comes out are ratios of
 * geometric means, the one mean of ratios that does not depend on which side is the baseline (Fleming and Wallace, CACM 29(3), 1986).
 */
export interface RatioInterval {
  /** candidate / baseline. */
  readonly ratio: number;
  /** The interval in which it lies with the confidence asked for. */
  readonly low: number;
  readonly high: number;
}

/** Fewer say nothing of how far they lie apart. */
export const SAMPLES_MIN = 2;

/**
 * Of figures that were taken in pairs, one of each side in the same round: what a round did to both cancels out. Student's t on
 * the logarithms of the ratios. Undefined where there are fewer than two pairs. All figures are above 0.
 */
export function pairedRatio(
  baseline: readonly number[],
  candidate: readonly number[],
  confidence: number,
): RatioInterval | undefined {
  if (baseline.length !== candidate.length) throw new RangeError('pairs have two sides');
  if (baseline.length < SAMPLES_MIN) return undefined;
  const logs = candidate.map((value, at) => Math.log(value / baseline[at]!));
  const { mean, variance } = moments(logs);
  const half = studentT(confidence, logs.length - 1) * Math.sqrt(variance / logs.length);
  return around(mean, half);
}

/**
 * Of figures that were taken apart: Welch's t for unequal variances (Biometrika 34, 1947) on their logarithms. Undefined where a side has
 * fewer than two. All figures are above 0.
 */
export function unpairedRatio(
  baseline: readonly number[],
  candidate: readonly number[],
  confidence: number,
): RatioInterval | undefined {
  if (baseline.length < SAMPLES_MIN || candidate.length < SAMPLES_MIN) return undefined;
  const [one, other] = [baseline, candidate].map((values) => {
    const { mean, variance } = moments(values.map(Math.log));
    return { mean, error: variance / values.length, count: values.length };
  }) as [MeanError, MeanError];
  const error = one.error + other.error;
  const freedom =
    error === 0
      ? one.count + other.count - 2
      : error ** 2 / (one.error ** 2 / (one.count - 1) + other.error ** 2 / (other.count - 1));
  return around(other.mean - one.mean, studentT(confidence, freedom) * Math.sqrt(error));
}

interface MeanError {
  readonly mean: number;
  /** The square of the mean's standard error. */
  readonly error: number;
  readonly count: number;
}

/** Of ratios that were taken already: their geometric mean, and where it lies. Undefined for fewer than two. */
export function ratioToOne(ratios: readonly number[], confidence: number): RatioInterval | undefined {
  const ones = ratios.map(() => 1);
  return pairedRatio(ones, ratios, confidence);
}

/** A figure that was measured once or more. */
export interface MeanInterval {
  /** The geometric mean. */
  readonly mean: number;
  /** In which it lies with the confidence asked for; null after one measurement. */
  readonly low: number | null;
  readonly high: number | null;
}

/** Of values above 0. */
export function meanInterval(values: readonly number[], confidence: number): MeanInterval {
  const interval = ratioToOne(values, confidence);
  return { mean: geometricMean(values), low: interval?.low ?? null, high: interval?.high ?? null };
}

/** Half the width of the interval of `values`' geometric mean, as a share of it; undefined for fewer than two. */
export function relativeError(values: readonly number[], confidence: number): number | undefined {
  const own = ratioToOne(values, confidence);
  return own === undefined ? undefined : halfWidth(own);
}

/** Half the width of an interval, as a share of its ratio; of the longer half. */
export function halfWidth({ ratio, low, high }: RatioInterval): number {
  return Math.max(1 - low / ratio, high / ratio - 1);
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(moments(values.map(Math.log)).mean);
}

/** Bonferroni's: so confident each of `count` intervals has to be for all of them to hold together with `confidence`. */
export function eachOf(count: number, confidence: number): number {
  return 1 - (1 - confidence) / Math.max(1, count);
}

function around(mean: number, half: number): RatioInterval {
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) };
}

/** Between minus and plus this, in standard errors, lies the mean with `confidence`. */
function studentT(confidence: number, degreesOfFreedom: number): number {
  return jstat.studentt.inv(1 - (1 - confidence) / 2, degreesOfFreedom);
}

function moments(values: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: values.length < 2 ? 0 : squares / (values.length - 1) };
}
