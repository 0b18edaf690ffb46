import type { Histogram } from 'hdr-histogram-js';
import type { OnSecond, SecondRow } from '../../client/load/latencyRecorder.ts';
import type { FailureKind, LoadSummary } from '../../client/load/loadGenerator.ts';
import type { RepeatRecord } from '../results/schema.ts';
import type { GeneratorFigures } from './generatorWatch.ts';
import type { WriteChecks } from './writeChecks.ts';

/** Makes the load of a run: sessions, what is there before, a warm-up, and what is measured, in that order. */
export interface Generator {
  /** What was acknowledged, warm-up included; once all requests have ended. */
  readonly audit: WriteChecks;
  /** Registers the clients. False where it was stopped meanwhile. */
  open(): Promise<boolean>;
  /** Inserts what has to be there before, of a workload that has such. */
  fill(): Promise<void>;
  /** Drives the servers for `durationMs` without measuring. */
  warmUp(durationMs: number): Promise<void>;
  /** `onSecond` hears of each second when it is over. */
  measure(onSecond: OnSecond): Promise<Generated>;
  close(): void;
}

/** What a generator saw in the measured phase. */
export interface Generated {
  readonly startedAtMs: number;
  /** Its times are those of this process' `performance.now()`. */
  readonly summary: LoadSummary;
  /** Response times of the requests that succeeded, µs: from when they were sent; in an open loop, from when they were due. */
  readonly writes: Histogram;
  readonly reads: Histogram;
  /** Open loop: of both, from when it was their turn. */
  readonly service: Histogram | undefined;
  readonly seconds: readonly SecondRow[];
  readonly failuresByKind: ReadonlyMap<FailureKind, number>;
  /** Requests answered in the window. */
  readonly answeredReads: number;
  readonly answeredWrites: number;
  /** What the clients mended by sending again. */
  readonly mended: RepeatRecord['client'];
  /** CPU time of processes other than this one that made load. */
  readonly otherCpuSeconds: number;
  /** Of each process that made load. */
  readonly figures: readonly GeneratorFigures[];
}
