import type { Histogram } from 'hdr-histogram-js';
import { LATENCY_US_MAX, latencyHistogram } from '../../client/load/latencyRecorder.ts';
import type { LoadSink } from '../../client/load/loadGenerator.ts';

/** Half an hour of seconds takes some 40 MB. */
const DIGITS = 2;

/** The latencies of each second apart, so that those of any seconds can be added up: percentiles are never averaged. */
export class SecondLatencies implements LoadSink {
  private readonly seconds: (Histogram | undefined)[] = [];
  private startedMs = 0;

  started(nowMs: number): void {
    this.startedMs = nowMs;
  }

  completed(_read: boolean, fromMs: number, endMs: number): void {
    const second = Math.floor((endMs - this.startedMs) / 1000);
    this.seconds[second] ??= latencyHistogram(DIGITS);
    this.seconds[second].recordValue(Math.min(LATENCY_US_MAX, Math.max(1, Math.round((endMs - fromMs) * 1000))));
  }

  failed(): void {}

  dropped(): void {}

  /** Of the requests that were answered in these seconds, the p99 in ms; undefined where there were none. */
  p99Ms(isMeant: (second: number) => boolean): number | undefined {
    const all = latencyHistogram(DIGITS);
    for (const [second, each] of this.seconds.entries()) if (each !== undefined && isMeant(second)) all.add(each);
    return all.totalCount === 0 ? undefined : all.getValueAtPercentile(99) / 1000;
  }
}
