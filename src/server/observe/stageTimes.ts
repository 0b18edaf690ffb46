import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { Histogram } from 'hdr-histogram-js';
import { messageEntries } from '../../consensus/engineEntry.ts';
import type { MeasureStagesResponse, Spread } from '../../wire/generated/admin.ts';
import { STAGES, StageWatch } from '../host/stageWatch.ts';
import { newHistogram, recordIn } from './histogram.ts';

const LOOP_RESOLUTION_MS = 10;

/** Of the time since the report before. */
export type StageReport = Omit<MeasureStagesResponse, 'id'>;

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
      took: (stage, us) => this.record(stage, us),
      synced: (entries) => this.record('entries-per-sync', entries),
    });
  }

  /** Messages leave. */
  sent(envelopes: readonly { readonly message: unknown }[]): void {
    if (!this.watch.isOn) return;
    for (const { message } of envelopes) {
      const entries = messageEntries(message);
      if (entries > 0) this.record('entries-per-message', entries);
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

  private record(name: string, value: number): void {
    let histogram = this.histograms.get(name);
    if (histogram === undefined) {
      histogram = newHistogram();
      this.histograms.set(name, histogram);
    }
    recordIn(histogram, value);
  }

  private spreads(): Spread[] {
    const ofStages = STAGES.map((name) => ({ name, unit: 'us' }));
    const ofSizes = ['entries-per-sync', 'entries-per-message'].map((name) => ({ name, unit: 'entries' }));
    return [...ofStages, ...ofSizes].flatMap(({ name, unit }) => {
      const histogram = this.histograms.get(name);
      if (histogram === undefined) return [];
      const at = (percentile: number) => histogram.getValueAtPercentile(percentile);
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
