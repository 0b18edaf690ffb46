import type { LoadSink } from '../../client/load/loadGenerator.ts';

/**
 * Counts what completes while requests are being issued. Throughput is taken from that alone: answers that come after
 * the end of the window would otherwise be work without time.
 */
export class WindowCounter implements LoadSink {
  reads = 0;
  writes = 0;
  private readonly windowMs: number;
  private readonly signal: AbortSignal;
  private endMs = Number.POSITIVE_INFINITY;

  constructor(windowMs: number, signal: AbortSignal) {
    this.windowMs = windowMs;
    this.signal = signal;
  }

  started(nowMs: number): void {
    this.endMs = nowMs + this.windowMs;
  }

  completed(read: boolean, _fromMs: number, endMs: number): void {
    if (endMs > this.endMs || this.signal.aborted) return;
    if (read) this.reads++;
    else this.writes++;
  }

  failed(): void {}

  dropped(): void {}
}
