import { LATENCY_US_MAX, latencyHistogram } from './latencyRecorder.ts';
import type { LoadSink } from './loadGenerator.ts';

/**
 * In an open loop, how long requests took once it was their turn, reads and writes together: from when they were sent, or from when the
 * answer before on the same session came, whichever is later. What waits behind a stalled request is in the response times of all that
 * were due meanwhile, and in the service time of that one alone.
 */
export class ServiceRecorder implements LoadSink {
  /** Of the requests that succeeded, whole µs. */
  readonly times = latencyHistogram();

  completed(_read: boolean, _fromMs: number, endMs: number, _slot: number, turnMs: number): void {
    this.times.recordValue(Math.min(LATENCY_US_MAX, Math.max(0, Math.round((endMs - turnMs) * 1000))));
  }

  failed(): void {}

  dropped(): void {}
}
