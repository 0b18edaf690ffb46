import type { Histogram } from 'hdr-histogram-js';

/** The histograms of one repeat, and when it was. */
export interface RepeatHistograms {
  readonly startedAtMs: number;
  readonly windowMs: number;
  readonly writes: Histogram;
  readonly reads: Histogram;
  /** Open loop: of both, from when it was their turn (client/load/serviceRecorder.ts). */
  readonly service?: Histogram | undefined;
}
