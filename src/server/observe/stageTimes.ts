import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { build, type Histogram } from 'hdr-histogram-js';
import { messageEntries } from '../../consensus/engineEntry.ts';
import { STAGES, StageWatch } from '../host/stageWatch.ts';

const HIGHEST_US = 3_600_000_000;
const LOOP_RESOLUTION_MS = 10;

/** Of values in `unit`; without any value all are 0. */
export interface Spread {
  readonly name: string;
  readonly unit: 'us' | 'entries';
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface StageReport {
  /** Since the report before. */
  readonly seconds: number;
  readonly spreads: readonly Spread[];
  /** Share of the time in which one thread of the process ran our code: 0 to 1. */
  readonly loopUtilization: number;
  /** Share of the time that garbage collection held it up: 0 to 1. */
  readonly collectionShare: number;
}

/** What a server's time goes to, and how much goes together, while somebody wants to know. */
export class StageTimes {
  readonly watch: StageWatch;
  private readonly histograms = new Map<string, Histogram>();
  private readonly loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  private readonly collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.collectionMs += duration;
  });
  private collectionMs = 0;
  private loop = performance.eventLoopUtilization();
  private sinceMs = 0;
  private off: NodeJS.Timeout | undefined;

  constructor() {
    this.watch = new StageWatch({
      nowUs: () => performance.now() * 1000,
      soon: queueMicrotask,
      took: (stage, us) => this.histogram(stage).recordValue(clamped(us)),
      synced: (entries) => this.histogram('entries-per-sync').recordValue(clamped(entries)),
    });
  }

  /** Messages leave. */
  sent(envelopes: readonly { readonly message: unknown }[]): void {
    if (!this.watch.isOn) return;
    for (const { message } of envelopes) {
      const entries = messageEntries(message);
      if (entries > 0) this.histogram('entries-per-message').recordValue(clamped(entries));
    }
  }

  /**
   * What there was since it was asked before; then goes on for `lastsMs` more, or not at all. Empty where it was off, for there is
   * nothing to say.
   */
  report(lastsMs: number): StageReport {
    const nowMs = performance.now();
    const wasOn = this.watch.isOn;
    const elapsedMs = nowMs - this.sinceMs;
    const utilization = performance.eventLoopUtilization(this.loop).utilization;
    const report: StageReport = {
      seconds: wasOn ? elapsedMs / 1000 : 0,
      spreads: wasOn ? [...this.spreads(), this.loopSpread()] : [],
      loopUtilization: wasOn ? utilization : 0,
      collectionShare: wasOn ? this.collectionMs / elapsedMs : 0,
    };
    this.begin(nowMs, lastsMs);
    return report;
  }

  private begin(nowMs: number, lastsMs: number): void {
    clearTimeout(this.off);
    this.histograms.clear();
    this.loopDelay.reset();
    this.collectionMs = 0;
    this.loop = performance.eventLoopUtilization();
    this.sinceMs = nowMs;
    if (lastsMs === 0) {
      this.turnOff();
      return;
    }
    if (!this.watch.isOn) {
      this.watch.isOn = true;
      this.loopDelay.enable();
      this.collections.observe({ entryTypes: ['gc'] });
    }
    this.off = setTimeout(() => this.turnOff(), lastsMs).unref();
  }

  private turnOff(): void {
    this.watch.isOn = false;
    this.loopDelay.disable();
    this.collections.disconnect();
  }

  private histogram(name: string): Histogram {
    let histogram = this.histograms.get(name);
    if (histogram === undefined) {
      histogram = build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: HIGHEST_US,
        numberOfSignificantValueDigits: 2,
      });
      this.histograms.set(name, histogram);
    }
    return histogram;
  }

  private spreads(): Spread[] {
    const names = [...Object.keys(STAGES), 'entries-per-sync', 'entries-per-message'];
    return names.flatMap((name) => {
      const histogram = this.histograms.get(name);
      if (histogram === undefined) return [];
      const at = (percentile: number) => histogram.getValueAtPercentile(percentile);
      const unit = name in STAGES ? 'us' : 'entries';
      const { totalCount: count, mean, maxValue: max } = histogram;
      return [{ name, unit, count, mean, p50: at(50), p90: at(90), p99: at(99), max }];
    });
  }

  /** How much later than asked for a timer ran. */
  private loopSpread(): Spread {
    const { loopDelay } = this;
    const late = (ns: number) => (Number.isFinite(ns) ? Math.max(0, ns / 1000 - LOOP_RESOLUTION_MS * 1000) : 0);
    const at = (percentile: number) => late(loopDelay.percentile(percentile));
    const max = loopDelay.count === 0 ? 0 : late(loopDelay.max);
    const mean = late(loopDelay.mean);
    return { name: 'loop', unit: 'us', count: loopDelay.count, mean, p50: at(50), p90: at(90), p99: at(99), max };
  }
}

function clamped(value: number): number {
  return Math.max(0, Math.min(Math.round(value), HIGHEST_US));
}
