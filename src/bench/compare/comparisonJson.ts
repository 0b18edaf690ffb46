import type { Incident, RunRecord } from '../results/schema.ts';
import type { Comparisons, RunComparison } from './comparison.ts';

/** What `compare --json` prints of two runs; of more, one for each candidate stands under `comparisons`. */
export interface ComparisonJson {
  readonly baseline: string;
  readonly candidate: string;
  readonly comparable: boolean;
  /** What makes them incomparable. */
  readonly obstacles: readonly { condition: string; fact: string; baseline: string; candidate: string }[];
  /** How a side was limited by the generator, in words: it could do at least what is shown. Null where it was not. */
  readonly limits: Readonly<Record<'baseline' | 'candidate', string | null>>;
  /** Whether they were made together, and compared round by round. */
  readonly paired: boolean;
  /** With which all intervals hold together. */
  readonly confidence: number;
  /** What happened while they were measured. */
  readonly incidents: Readonly<Record<'baseline' | 'candidate', readonly (Incident & { readonly round: number })[]>>;
  readonly metrics: readonly {
    readonly name: string;
    readonly unit: string;
    readonly baseline: number;
    readonly candidate: number;
    readonly ratio: number;
    /** Null where a side was measured once. */
    readonly low: number | null;
    readonly high: number | null;
    readonly verdict: string;
  }[];
}

export function comparisonsJson({ each, confidence }: Comparisons): ComparisonJson | { comparisons: ComparisonJson[] } {
  const comparisons = each.map((one) => comparisonJson(one, confidence));
  return comparisons.length === 1 ? comparisons[0]! : { comparisons };
}

function comparisonJson(comparison: RunComparison, confidence: number): ComparisonJson {
  const { baseline, candidate, obstacles, limits, pairs, metrics } = comparison;
  return {
    baseline: baseline.name,
    candidate: candidate.name,
    comparable: obstacles.length === 0,
    obstacles: obstacles.map((obstacle) => ({ ...obstacle })),
    limits: { baseline: limits.baseline ?? null, candidate: limits.candidate ?? null },
    paired: pairs !== undefined,
    confidence,
    incidents: { baseline: incidentsOf(baseline), candidate: incidentsOf(candidate) },
    metrics: metrics.map(({ metric, interval, ...rest }) => ({
      name: metric.name,
      unit: metric.unit,
      baseline: rest.baseline,
      candidate: rest.candidate,
      ratio: rest.ratio,
      low: interval?.low ?? null,
      high: interval?.high ?? null,
      verdict: rest.verdict,
    })),
  };
}

function incidentsOf({ repeats }: RunRecord): (Incident & { round: number })[] {
  return repeats.flatMap(({ incidents, round }, at) => incidents.map((each) => ({ ...each, round: round ?? at })));
}
