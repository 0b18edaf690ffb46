import { printable } from '../../cli/printable.ts';
import { type TableStyle, tableIn } from '../../cli/table.ts';
import type { Obstacle } from '../compare/comparability.ts';
import type { Comparisons, MetricComparison, RunComparison } from '../compare/comparison.ts';
import type { RunRecord } from '../results/schema.ts';
import { formatCount, formatFactor, formatUsAsMs, leftThenRight } from './format.ts';

export const VERDICT_HEAD = ['', 'baseline', 'candidate', 'ratio', 'interval', 'verdict'];
const NAME_LENGTH_MAX = 40;

/** For each candidate what differs from the baseline, by how much, and how sure. Paragraphs and tables, in order. */
export function renderVerdicts(comparisons: Comparisons, style: TableStyle): string[] {
  const { each } = comparisons;
  const isSure = each.some(({ metrics }) => metrics.some(({ interval }) => interval !== undefined));
  return [...each.flatMap((one) => comparisonLines(one, style)), ...(isSure ? [describeConfidence(comparisons)] : [])];
}

function comparisonLines(comparison: RunComparison, style: TableStyle): string[] {
  const title = `${nameOf(comparison.candidate)} beside ${nameOf(comparison.baseline)}: ${describeComparison(comparison)}`;
  const { metrics } = comparison;
  if (metrics.length === 0) return [title];
  const columns = metrics[0]!.interval === undefined ? 4 : VERDICT_HEAD.length;
  const rows = metrics.map((each) => verdictRow(each).slice(0, columns));
  const aligns = [...leftThenRight(1, columns - 1)];
  if (columns > 4) aligns[columns - 1] = 'left';
  return [title, tableIn(style, VERDICT_HEAD.slice(0, columns), rows, aligns)];
}

/** How a candidate was compared with the baseline, or why it was not. */
export function describeComparison(comparison: RunComparison): string {
  return [describeMethod(comparison), ...describeLimits(comparison)].join(' ');
}

/** A figure that the generator held back is no figure of the servers. */
function describeLimits({ baseline, candidate, limits, metrics }: RunComparison): string[] {
  if (metrics.length === 0) return [];
  const sides = [
    [baseline, limits.baseline],
    [candidate, limits.candidate],
  ] as const;
  return sides.flatMap(([run, limit]) =>
    limit === undefined
      ? []
      : [
          `${nameOf(run)} was ${limit}. It may be better than its figures, so only those verdicts stand that this would not change.`,
        ],
  );
}

function describeMethod({ obstacles, metrics, pairs }: RunComparison): string {
  if (obstacles.length > 0) return `not comparable. ${obstacles.map(describeObstacle).join('; ')}.${hint(obstacles)}`;
  if (metrics.length === 0) return 'no figure that both have.';
  if (metrics[0]!.interval === undefined) {
    return 'no verdict, for one run says nothing of how far runs lie apart. Measure them together, with --runs 10 or --precision 3%.';
  }
  return pairs === undefined
    ? 'not made together, so compared run by run, which takes more of them to show the same.'
    : `${pairs} rounds, compared pair by pair.`;
}

/** What the intervals and the verdicts mean. */
export function describeConfidence({ confidence, margin }: Comparisons): string {
  const percent = (share: number) => `${Number((share * 100).toFixed(2))} %`;
  return `All intervals hold together with ${percent(confidence)}. "no difference": the whole interval is within ${percent(margin)}; "undecided": more rounds may tell.`;
}

export function verdictRow({ metric, baseline, candidate, ratio, interval, verdict }: MetricComparison): string[] {
  const isRate = metric.unit === '1/s';
  const value = isRate ? formatCount : formatUsAsMs;
  return [
    isRate ? `${metric.name}, per second` : `${metric.name.replace('-', ' ')}, ms`,
    value(isRate ? Math.round(baseline) : baseline),
    value(isRate ? Math.round(candidate) : candidate),
    formatFactor(ratio, 3, '×'),
    interval === undefined ? '-' : `${formatFactor(interval.low, 3)} – ${formatFactor(interval.high, 3)}`,
    verdict === 'no-difference' ? 'no difference' : verdict,
  ];
}

function describeObstacle({ condition, fact, baseline, candidate }: Obstacle): string {
  const values = `${printable(baseline)} against ${printable(candidate)}`;
  return condition === 'check' ? 'The check of a run failed, so it has no figures' : `${fact}: ${values}`;
}

function hint(obstacles: readonly Obstacle[]): string {
  const conditions = [...new Set(obstacles.map(({ condition }) => condition))];
  if (conditions.includes('check')) return '';
  return ` If that is what you vary: --across ${conditions.join(',')}.`;
}

function nameOf({ name }: RunRecord): string {
  return printable(name, NAME_LENGTH_MAX);
}
