import type { Histogram } from 'hdr-histogram-js';
import { latencyHistogram } from '../../client/load/latencyRecorder.ts';
import { CONFIDENCE_DEFAULT } from '../compare/comparison.ts';
import { throughputs, wholeRepeats } from '../compare/metrics.ts';
import type { RunRecord } from '../results/schema.ts';
import { readMeasured } from '../results/store.ts';
import { type MeanInterval, meanInterval } from '../statistics/intervals.ts';
import { median } from '../statistics/median.ts';

/** What a report shows of a run. */
export interface ReportRun {
  readonly record: RunRecord;
  /** Undefined where the run's check failed: what loses writes has no speed. */
  readonly throughput: MeanInterval | undefined;
  readonly latencies: readonly LatencyCurve[];
  readonly seconds: readonly SecondFigures[];
}

export interface LatencyCurve {
  readonly operation: 'insert' | 'lookup';
  readonly points: readonly { readonly percentile: number; readonly us: number }[];
}

/** Medians over the repeats of what happened in a second. */
export interface SecondFigures {
  readonly second: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Of points a curve has for each factor of ten. */
const POINTS_PER_NINE = 12;
/** So many requests lie beyond the last point. */
const VALUES_BEYOND_MIN = 10;

/** Reads a run's folder. Rejects with ResultsError. */
export async function readReportRun(folder: string): Promise<ReportRun> {
  const { record, repeats } = await readMeasured(folder);
  if (!record.verdict.passed) return { record, throughput: undefined, latencies: [], seconds: [] };
  const rates = throughputs(record);
  const whole = new Set(wholeRepeats(record));
  const kept = repeats.filter((_, at) => whole.has(record.repeats[at]!));
  const curves: LatencyCurve[] = [
    { operation: 'insert', points: curveOf(kept.map(({ writes }) => writes)) },
    { operation: 'lookup', points: curveOf(kept.map(({ reads }) => reads)) },
  ];
  return {
    record,
    throughput: rates === undefined ? undefined : meanInterval(rates, CONFIDENCE_DEFAULT),
    latencies: curves.filter(({ points }) => points.length > 0),
    seconds: secondsOf(record),
  };
}

/** From the median's half on to where ten requests lie beyond. */
function curveOf(histograms: readonly Histogram[]): LatencyCurve['points'] {
  const all = latencyHistogram();
  for (const histogram of histograms) all.add(histogram);
  const points: { percentile: number; us: number }[] = [];
  for (let step = 1; ; step++) {
    const share = 10 ** (-step / POINTS_PER_NINE);
    if (all.totalCount * share < VALUES_BEYOND_MIN) return points;
    const percentile = 100 * (1 - share);
    points.push({ percentile, us: all.getValueAtPercentile(percentile) });
  }
}

function secondsOf(record: RunRecord): SecondFigures[] {
  const timelines = wholeRepeats(record).map(({ timeline }) => timeline);
  // The last one is seldom whole: what was on its way when the window ended is answered in it.
  const wholeSeconds = Math.floor(Math.min(...wholeRepeats(record).map(({ windowMs }) => windowMs)) / 1000);
  const length = Math.min(wholeSeconds, ...timelines.map((timeline) => timeline.length));
  return Array.from({ length }, (_, second) => {
    const rows = timelines.map((timeline) => timeline[second]!);
    return {
      second,
      perSecond: median(rows.map(({ writes, reads }) => writes + reads)),
      p50Us: median(rows.map(({ p50Us }) => p50Us)),
      p99Us: median(rows.map(({ p99Us }) => p99Us)),
    };
  });
}
