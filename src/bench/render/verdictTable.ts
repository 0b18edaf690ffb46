import { printable } from '../../cli/printable.ts';
import { type TableStyle, tableIn } from '../../cli/table.ts';
import type { Obstacle } from '../compare/comparability.ts';
import type { Comparisons, MetricComparison, RunComparison } from '../compare/comparison.ts';
import type { RunRecord } from '../results/schema.ts';
import { formatCount, formatUsAsMs, leftThenRight } from './format.ts';

const HEAD = ['', 'baseline', 'candidate', 'ratio', 'interval', 'verdict'];
const NAME_LENGTH_MAX = 40;

/** For each candidate what differs from the baseline, by how much, and how sure. Paragraphs and tables, in order. */
export function renderVerdicts({ each, confidence, margin }: Comparisons, style: TableStyle): string[] {
  const tables = each.flatMap((one) => comparisonLines(one, style));
  if (each.every(({ metrics }) => metrics.every(({ interval }) => interval === undefined))) return tables;
  const percent = (share: number) => `${Number((share * 100).toFixed(2))} %`;
  return [
    ...tables,
    `All intervals hold together with ${percent(confidence)}. "no difference": the whole interval is within ${percent(margin)}; "undecided": more rounds may tell.`,
  ];
}

function comparisonLines(comparison: RunComparison, style: TableStyle): string[] {
  const { baseline, candidate, obstacles, metrics, pairs } = comparison;
  const title = `${nameOf(candidate)} beside ${nameOf(baseline)}`;
  if (obstacles.length > 0)
    return [`${title}: not comparable. ${obstacles.map(describeObstacle).join('; ')}.${hint(obstacles)}`];
  if (metrics.length === 0) return [`${title}: no figure that both have.`];
  if (metrics[0]!.interval === undefined) {
    return [
      `${title}: no verdict, for one run says nothing of how far runs lie apart. Measure them together, with --runs 10 or --precision 3%.`,
      tableIn(
        style,
        HEAD.slice(0, 4),
        metrics.map((each) => metricRow(each).slice(0, 4)),
        leftThenRight(1, 3),
      ),
    ];
  }
  const how =
    pairs === undefined
      ? 'not made together, so compared run by run, which takes more of them to show the same'
      : `${pairs} rounds, compared pair by pair`;
  return [`${title} (${how}):`, tableIn(style, HEAD, metrics.map(metricRow), [...leftThenRight(1, 4), 'left'])];
}

function metricRow({ metric, baseline, candidate, ratio, interval, verdict }: MetricComparison): string[] {
  const isRate = metric.unit === '1/s';
  const value = isRate ? formatCount : formatUsAsMs;
  const times = (factor: number) => factor.toFixed(Math.abs(factor) >= 10 ? 1 : 3);
  return [
    isRate ? `${metric.name}, per second` : `${metric.name.replace('-', ' ')}, ms`,
    value(isRate ? Math.round(baseline) : baseline),
    value(isRate ? Math.round(candidate) : candidate),
    `×${times(ratio)}`,
    interval === undefined ? '-' : `${times(interval.low)} – ${times(interval.high)}`,
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
