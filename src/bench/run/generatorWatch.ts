import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Histogram } from 'hdr-histogram-js';
import { LATENCY_US_MAX, latencyHistogram } from '../../client/load/latencyRecorder.ts';
import type { LoadSink } from '../../client/load/loadGenerator.ts';
import { threadSeconds } from '../facts/processTimes.ts';

/** Of the timer that is waited for; what it is late beyond is the delay. */
const RESOLUTION_MS = 10;

/** What a generator's thread was like while it made load. */
export interface GeneratorFigures {
  /** Of its time, the share in which its thread ran on a core. */
  readonly cpuShare: number;
  /** CPU time of all threads of the process. */
  readonly processCpuSeconds: number;
  /** How late its timers ran, µs. */
  readonly loopDelayUsP99: number;
  readonly loopDelayUsMax: number;
  /** Open loop: how long after they were due requests left, µs. */
  readonly sentLate: Histogram | undefined;
}

/** Watches the thread that it is made in, from when the load starts: it is a sink of it. */
export class GeneratorWatch implements LoadSink {
  private readonly loopDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly sentLate: Histogram | undefined;
  private startedMs = 0;
  private startedCpuSeconds = 0;
  private startedCpuUsage = process.cpuUsage();

  constructor(isOpenLoop: boolean) {
    this.sentLate = isOpenLoop ? latencyHistogram() : undefined;
  }

  started(): void {
    this.startedMs = performance.now();
    this.startedCpuSeconds = threadSeconds();
    this.startedCpuUsage = process.cpuUsage();
    this.loopDelay.enable();
  }

  issued(_slot: number, _read: boolean, _key: number, lateMs: number): void {
    this.sentLate?.recordValue(Math.min(LATENCY_US_MAX, Math.max(0, Math.round(lateMs * 1000))));
  }

  completed(): void {}

  failed(): void {}

  dropped(): void {}

  end(): GeneratorFigures {
    this.loopDelay.disable();
    const seconds = (performance.now() - this.startedMs) / 1000;
    const cpuSeconds = threadSeconds() - this.startedCpuSeconds;
    const { user, system } = process.cpuUsage(this.startedCpuUsage);
    const delayUs = (ns: number) => Math.max(0, Math.round(ns / 1000 - RESOLUTION_MS * 1000));
    const hasDelays = this.loopDelay.count > 0;
    return {
      cpuShare: seconds > 0 ? Math.min(1, cpuSeconds / seconds) : 0,
      processCpuSeconds: (user + system) / 1e6,
      loopDelayUsP99: hasDelays ? delayUs(this.loopDelay.percentile(99)) : 0,
      loopDelayUsMax: hasDelays ? delayUs(this.loopDelay.max) : 0,
      sentLate: this.sentLate,
    };
  }
}
