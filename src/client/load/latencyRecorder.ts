import type { Histogram } from 'hdr-histogram-js';
// The package as a whole brings number formats, zlib and WebAssembly along, which take a third of rkvctl's start.
import { constructorFromBucketSize } from 'hdr-histogram-js/dist/JsHistogramFactory.js';
import type { FailureKind, LoadSink } from './loadGenerator.ts';

const Histogram64 = constructorFromBucketSize(64);

/** Everything above is recorded as this: 10 minutes. */
export const LATENCY_US_MAX = 600_000_000;

/** One second of a run, counted by when requests ended. Latencies are of reads and writes together, in whole µs. */
export interface SecondRow {
  /** From the start of the run: 0 is its first second. */
  readonly second: number;
  readonly reads: number;
  readonly writes: number;
  readonly failed: number;
  readonly dropped: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
  readonly latencyUsMax: number;
}

export interface LatencyDigest {
  readonly count: number;
  readonly meanUs: number;
  readonly p25Us: number;
  readonly p50Us: number;
  readonly p75Us: number;
  readonly p90Us: number;
  readonly p95Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly p9999Us: number;
  readonly maxUs: number;
}

/** A histogram of latencies in whole µs, exact to so many digits, up to LATENCY_US_MAX. */
export function latencyHistogram(digits: 2 | 3 = 3): Histogram {
  return new Histogram64(1, LATENCY_US_MAX, digits);
}

export function digest(histogram: Histogram): LatencyDigest {
  const at = (percentile: number) => (histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile));
  return {
    count: histogram.totalCount,
    meanUs: histogram.totalCount === 0 ? 0 : Math.round(histogram.mean),
    p25Us: at(25),
    p50Us: at(50),
    p75Us: at(75),
    p90Us: at(90),
    p95Us: at(95),
    p99Us: at(99),
    p999Us: at(99.9),
    p9999Us: at(99.99),
    maxUs: histogram.totalCount === 0 ? 0 : histogram.maxValue,
  };
}

/** `latencies`: of the second's requests that succeeded, until the next second is told. */
export type OnSecond = (row: SecondRow, latencies: Histogram) => void;

/**
 * Records what a run did: a histogram of reads and one of writes, failures by kind, and a row for each second. What is
 * recorded shows up at the end of its second; call `finish` before reading the rest.
 */
export class LatencyRecorder implements LoadSink {
  /** Latencies of the requests that succeeded. */
  readonly reads = latencyHistogram();
  readonly writes = latencyHistogram();
  readonly failuresByKind = new Map<FailureKind, number>();
  /** Finished seconds, none left out. */
  readonly seconds: SecondRow[] = [];
  /** Requests that were due but never sent. */
  droppedCount = 0;
  private readonly onSecond: OnSecond | undefined;
  private readonly secondReads = new LatencyCounts();
  private readonly secondWrites = new LatencyCounts();
  private readonly secondAll = latencyHistogram();
  private secondFailed = 0;
  private secondDropped = 0;
  private startedMs = 0;
  private secondEndMs = Number.POSITIVE_INFINITY;

  /** `onSecond` hears of each second when something happens after it, or when `catchUp` is called. */
  constructor(onSecond?: OnSecond) {
    this.onSecond = onSecond;
  }

  started(nowMs: number): void {
    this.startedMs = nowMs;
    this.secondEndMs = nowMs + 1000;
  }

  completed(read: boolean, fromMs: number, endMs: number): void {
    if (endMs >= this.secondEndMs) this.catchUp(endMs);
    (read ? this.secondReads : this.secondWrites).record(Math.round((endMs - fromMs) * 1000));
  }

  failed(_read: boolean, kind: FailureKind, _fromMs: number, endMs: number): void {
    if (endMs >= this.secondEndMs) this.catchUp(endMs);
    this.failuresByKind.set(kind, (this.failuresByKind.get(kind) ?? 0) + 1);
    this.secondFailed++;
  }

  dropped(count: number, nowMs: number): void {
    if (nowMs >= this.secondEndMs) this.catchUp(nowMs);
    this.droppedCount += count;
    this.secondDropped += count;
  }

  /** Closes the seconds that ended before `nowMs`. */
  catchUp(nowMs: number): void {
    while (nowMs >= this.secondEndMs) this.closeSecond();
  }

  /** Closes the last second, whole or not, if anything happened in it. */
  finish(): void {
    if (this.secondReads.count + this.secondWrites.count + this.secondFailed + this.secondDropped > 0) {
      this.closeSecond();
    }
  }

  private closeSecond(): void {
    const { secondAll } = this;
    const reads = this.secondReads.count;
    const writes = this.secondWrites.count;
    secondAll.reset();
    this.secondReads.moveTo(this.reads, secondAll);
    this.secondWrites.moveTo(this.writes, secondAll);
    const any = secondAll.totalCount > 0;
    const row: SecondRow = {
      second: Math.round((this.secondEndMs - this.startedMs) / 1000) - 1,
      reads,
      writes,
      failed: this.secondFailed,
      dropped: this.secondDropped,
      latencyUsP50: any ? secondAll.getValueAtPercentile(50) : 0,
      latencyUsP99: any ? secondAll.getValueAtPercentile(99) : 0,
      latencyUsMax: any ? secondAll.maxValue : 0,
    };
    this.secondFailed = 0;
    this.secondDropped = 0;
    this.secondEndMs += 1000;
    this.seconds.push(row);
    this.onSecond?.(row, secondAll);
  }
}

/** Latencies below are counted one by one, which costs a fiftieth of recording them in the histogram. */
const COUNTED_US_MAX = 1 << 16;

class LatencyCounts {
  count = 0;
  private readonly counts = new Uint32Array(COUNTED_US_MAX);
  private readonly larger: number[] = [];

  record(us: number): void {
    this.count++;
    if (us < COUNTED_US_MAX) this.counts[Math.max(us, 0)]!++;
    else this.larger.push(Math.min(us, LATENCY_US_MAX));
  }

  moveTo(...histograms: Histogram[]): void {
    const { counts, larger } = this;
    if (this.count === 0) return;
    for (let us = 0; us < COUNTED_US_MAX; us++) {
      const count = counts[us]!;
      if (count === 0) continue;
      for (const histogram of histograms) histogram.recordValueWithCount(us, count);
    }
    for (const us of larger) for (const histogram of histograms) histogram.recordValue(us);
    counts.fill(0);
    larger.length = 0;
    this.count = 0;
  }
}
