import type { RunRecord } from '../results/schema.ts';
import { halfWidth, relativeError } from '../statistics/intervals.ts';
import { ALL_CONDITIONS } from './comparability.ts';
import { CONFIDENCE_DEFAULT, compareRuns } from './comparison.ts';
import { throughputs } from './metrics.ts';

/** With fewer, the figures' own scatter is not known well enough to stop by. */
export const ROUNDS_MIN_FOR_PRECISION = 5;

/** How well a series of runs is known. */
export interface Precision {
  readonly rounds: number;
  /** Half the width of the widest interval, as a share of what it is around; undefined where there is none yet. */
  readonly share: number | undefined;
  /** Rounds that `asked` would take, as far as these tell; undefined where they do not. */
  readonly roundsNeeded: number | undefined;
}

/**
 * How well the throughput is known: of one run its own, of several its ratio to the first one's. To stop by the width of an interval, and
 * not by what it shows, leaves the interval as sure as it says (Chow and Robbins, Annals of Mathematical Statistics 36, 1965).
 */
export function precisionOf(runs: readonly RunRecord[], asked: number): Precision {
  const rounds = Math.min(...runs.map(({ repeats }) => repeats.length));
  const widths = runs.length === 1 ? [ownError(runs[0]!)] : ratioErrors(runs);
  const share = widths.every((width) => width !== undefined) ? Math.max(...(widths as number[])) : undefined;
  const roundsNeeded = share === undefined ? undefined : Math.max(rounds, Math.ceil(rounds * (share / asked) ** 2));
  return { rounds, share, roundsNeeded };
}

/** Whether there have been rounds enough for what was asked. */
export function isPrecise({ rounds, share }: Precision, asked: number): boolean {
  return rounds >= ROUNDS_MIN_FOR_PRECISION && share !== undefined && share <= asked;
}

function ownError(run: RunRecord): number | undefined {
  const rates = throughputs(run);
  return rates === undefined ? undefined : relativeError(rates, CONFIDENCE_DEFAULT);
}

function ratioErrors(runs: readonly RunRecord[]): (number | undefined)[] {
  const { each } = compareRuns(runs, { across: ALL_CONDITIONS });
  return each.map(({ metrics }) => {
    const interval = metrics.find(({ metric }) => metric.name === 'throughput')?.interval;
    return interval === undefined ? undefined : halfWidth(interval);
  });
}
