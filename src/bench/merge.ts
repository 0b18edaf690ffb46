import type { Histogram } from 'hdr-histogram-js';
import { digest, latencyHistogram } from '../client/load/latencyRecorder.ts';
import type { RepeatHistograms } from './results/repeatHistograms.ts';
import type { LatencyUs, Merged, RepeatRecord, Spread } from './results/schema.ts';
import { median } from './statistics/median.ts';

/** Percentiles of a histogram in whole µs; zeros where it is empty. */
export function latencyUs(histogram: Histogram): LatencyUs {
  const { count, meanUs, p25Us, p50Us, p75Us, p90Us, p95Us, p99Us, p999Us, p9999Us, maxUs } = digest(histogram);
  return {
    count,
    mean: meanUs,
    p25: p25Us,
    p50: p50Us,
    p75: p75Us,
    p90: p90Us,
    p95: p95Us,
    p99: p99Us,
    p999: p999Us,
    p9999: p9999Us,
    max: maxUs,
  };
}

/** The repeats as one: counts and histograms added up, rates as their median and spread. */
export function mergeRepeats(repeats: readonly RepeatRecord[], histograms: readonly RepeatHistograms[]): Merged {
  const sum = (of: (repeat: RepeatRecord) => number) => repeats.reduce((total, repeat) => total + of(repeat), 0);
  const errorsByKind: Record<string, number> = {};
  for (const repeat of repeats) {
    for (const [kind, count] of Object.entries(repeat.errorsByKind)) {
      errorsByKind[kind] = (errorsByKind[kind] ?? 0) + count;
    }
  }
  const serviced = histograms.flatMap(({ service }) => service ?? []);
  return {
    writes: sum((repeat) => repeat.writes),
    reads: sum((repeat) => repeat.reads),
    failed: sum((repeat) => repeat.failed),
    dropped: sum((repeat) => repeat.dropped),
    writesPerSecond: spread(repeats.map((repeat) => repeat.writesPerSecond)),
    readsPerSecond: spread(repeats.map((repeat) => repeat.readsPerSecond)),
    writeLatencyUs: latencyUs(added(histograms.map(({ writes }) => writes))),
    readLatencyUs: latencyUs(added(histograms.map(({ reads }) => reads))),
    writeP50Us: spread(repeats.map((repeat) => repeat.writeLatencyUs.p50)),
    writeP99Us: spread(repeats.map((repeat) => repeat.writeLatencyUs.p99)),
    ...(serviced.length === 0 ? {} : { serviceUs: latencyUs(added(serviced)) }),
    errorsByKind,
  };
}

/** Percentiles of percentiles mean nothing; those of all values together do. */
export function added(histograms: readonly Histogram[]): Histogram {
  const total = latencyHistogram();
  for (const histogram of histograms) total.add(histogram);
  return total;
}

/** Median (of an even count: the mean of the middle two), least and greatest. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('there is no spread of no values');
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
