import type { Registry } from 'prom-client';
import { newHistogram, recordIn } from './histogram.ts';

const WINDOW_MS = 60_000;
const QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;

/**
 * A Prometheus summary on HdrHistograms: 50 ns an observation where the registry's own costs µs. Quantiles cover the
 * last one to two minutes; count and sum cover the process's life.
 */
export class HdrSummary {
  private readonly now: () => number;
  private recent = newHistogram();
  private older = newHistogram();
  private windowStartMs: number;
  private count = 0;
  private sumUs = 0;

  constructor(registry: Registry, name: string, help: string, now: () => number) {
    this.now = now;
    this.windowStartMs = now();
    registry.registerMetric({
      name,
      help,
      type: 'summary',
      aggregator: 'omit',
      reset: () => {},
      get: () => Promise.resolve({ name, help, type: 'summary', aggregator: 'omit', values: this.values(name) }),
    } as never);
  }

  observeUs(latencyUs: number): void {
    if (this.now() - this.windowStartMs > WINDOW_MS) this.rotate();
    this.count++;
    this.sumUs += latencyUs;
    recordIn(this.recent, latencyUs);
  }

  private rotate(): void {
    [this.older, this.recent] = [this.recent, this.older];
    this.recent.reset();
    this.windowStartMs = this.now();
  }

  private values(name: string): object[] {
    const both = newHistogram();
    both.add(this.older);
    both.add(this.recent);
    const quantiles = QUANTILES.map((quantile) => ({
      labels: { quantile },
      value: both.totalCount === 0 ? Number.NaN : both.getValueAtPercentile(quantile * 100) / 1e6,
    }));
    return [
      ...quantiles,
      { metricName: `${name}_sum`, labels: {}, value: this.sumUs / 1e6 },
      { metricName: `${name}_count`, labels: {}, value: this.count },
    ];
  }
}
