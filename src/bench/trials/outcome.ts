import { compareRuns } from '../compare/comparison.ts';
import type { RunRecord } from '../results/schema.ts';
import type { TrialKind } from './calibration.ts';

/** What became of one comparison. */
export interface TrialOutcome {
  readonly rounds: number;
  readonly minutes: number;
  readonly ratio: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
  readonly verdict: string;
  /** Other figures that were called faster or slower. */
  readonly others: readonly string[];
}

/** Of a baseline and a candidate that were measured together. Throws RangeError where they cannot be compared. */
export function outcomeOf(baseline: RunRecord, candidate: RunRecord): TrialOutcome {
  const [comparison] = compareRuns([baseline, candidate], {}).each;
  const throughput = comparison?.metrics.find(({ metric }) => metric.name === 'throughput');
  if (comparison === undefined || throughput === undefined) {
    const why = comparison?.obstacles.map(({ fact }) => fact).join(', ') || 'no figure that both have';
    throw new RangeError(`${candidate.name} cannot be compared with ${baseline.name}: ${why}`);
  }
  const others = comparison.metrics.filter(
    ({ metric, verdict }) => metric.name !== 'throughput' && (verdict === 'faster' || verdict === 'slower'),
  );
  return {
    rounds: comparison.pairs ?? 0,
    minutes: minutesOf([baseline, candidate]),
    ratio: throughput.ratio,
    low: throughput.interval?.low,
    high: throughput.interval?.high,
    verdict: throughput.verdict,
    others: others.map(({ metric, verdict }) => `${metric.name} ${verdict}`),
  };
}

/** From the beginning of the first round to the end of the last, as far as their clocks tell. */
function minutesOf(runs: readonly RunRecord[]): number {
  const repeats = runs.flatMap((run) => run.repeats);
  const begun = repeats.map(({ startedAt }) => Date.parse(startedAt));
  const ended = repeats.map(({ startedAt, windowMs }) => Date.parse(startedAt) + windowMs);
  return (Math.max(...ended) - Math.min(...begun)) / 60_000;
}

/** What has to come of so many trials. */
export interface TrialsVerdict {
  readonly isMet: boolean;
  readonly words: string;
}

/** Of twenty: one of the same may be called different in any figure, 10 % have to be called slower in 18, and 3 % never no difference. */
export function judgeTrials(kind: TrialKind, outcomes: readonly TrialOutcome[]): TrialsVerdict {
  const count = outcomes.length;
  if (kind === 'aa') {
    const called = outcomes.filter(({ verdict, others }) => isCalled(verdict) || others.length > 0).length;
    const most = Math.floor(count / 20);
    return { isMet: called <= most, words: `${called} of ${count} called different in any figure (at most ${most})` };
  }
  if (kind === 'slow10') {
    const called = outcomes.filter(({ verdict }) => verdict === 'slower').length;
    const least = Math.ceil(count * 0.9);
    return { isMet: called >= least, words: `${called} of ${count} called slower (at least ${least})` };
  }
  const wrong = outcomes.filter(({ verdict }) => verdict === 'no-difference' || verdict === 'faster').length;
  const slower = outcomes.filter(({ verdict }) => verdict === 'slower').length;
  return {
    isMet: wrong === 0,
    words: `${wrong} of ${count} called no difference (none may be); ${slower} slower, ${count - wrong - slower} undecided`,
  };
}

function isCalled(verdict: string): boolean {
  return verdict === 'faster' || verdict === 'slower';
}

/** A table for docs/benchmarking.md. */
export function trialsTable(outcomes: readonly TrialOutcome[]): string {
  const rows = outcomes.map(({ rounds, minutes, ratio, low, high, verdict, others }, at) => {
    const interval = low === undefined || high === undefined ? '-' : `${low.toFixed(3)} – ${high.toFixed(3)}`;
    const called = verdict === 'no-difference' ? 'no difference' : verdict;
    return `| ${at + 1} | ${rounds} | ${minutes.toFixed(1)} | ${ratio.toFixed(3)} | ${interval} | ${called} | ${others.join(', ') || 'none'} |`;
  });
  return [
    '| trial | rounds | minutes | ratio | interval | throughput | other figures called |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
