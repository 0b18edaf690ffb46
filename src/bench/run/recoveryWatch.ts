import type { LoadSink } from '../../client/load/loadGenerator.ts';
import { STALL_MS_MIN, WAYS } from '../incidents/stallWatch.ts';

/** Of what rates are counted in, ms. */
const BUCKET_MS = 100;
/** A second of them has to be as good as before. */
const BUCKETS_OF_A_SECOND = 1000 / BUCKET_MS;
const FULL_RATE_SHARE = 0.95;
/** What is made up for after a pause makes a second no better than this, as a share of the rate before: it would hide the pause. */
const MADE_UP_SHARE_MAX = 1.25;
/** A week of them. */
const BUCKETS_MAX = 6_048_000;

/** What a load saw of a fault. Times are ms, from the fault where nothing else is said. */
export interface LoadRecovery {
  readonly firstWriteMs: number;
  readonly gapMs: number;
  /** Null where nothing was measured before the fault. */
  readonly fullRateMs: number | null;
  readonly isFullRateReached: boolean;
  readonly ratePerSecondBefore: number;
  readonly failed: number;
  readonly slow: number;
}

/** Notes of a load what says how a fault was got over. */
export class RecoveryWatch implements LoadSink {
  private readonly slowMsMin: number;
  private buckets = new Uint32Array(1024);
  private startedMs = 0;
  private faultMs: number | undefined;
  private firstWriteMs: number | undefined;
  private lastWriteMs = 0;
  private gapMs = 0;
  private failures = 0;
  private slow = 0;

  /** `distanceMs`: what a byte takes one way. */
  constructor(distanceMs: number) {
    this.slowMsMin = STALL_MS_MIN + WAYS * distanceMs;
  }

  started(nowMs: number): void {
    this.startedMs = nowMs;
  }

  completed(read: boolean, fromMs: number, endMs: number): void {
    const at = Math.floor((endMs - this.startedMs) / BUCKET_MS);
    if (at >= this.buckets.length && at < BUCKETS_MAX) this.grow(at);
    if (at >= 0 && at < this.buckets.length) this.buckets[at]!++;
    if (this.faultMs === undefined) {
      if (!read) this.lastWriteMs = endMs;
      return;
    }
    if (endMs - fromMs > this.slowMsMin) this.slow++;
    if (read) return;
    if (fromMs >= this.faultMs) this.firstWriteMs ??= endMs;
    const gapMs = endMs - Math.max(this.lastWriteMs, this.faultMs);
    if (gapMs > this.gapMs) this.gapMs = gapMs;
    this.lastWriteMs = endMs;
  }

  private grow(at: number): void {
    const grown = new Uint32Array(Math.min(BUCKETS_MAX, Math.max(2 * this.buckets.length, at + 1)));
    grown.set(this.buckets);
    this.buckets = grown;
  }

  failed(): void {
    if (this.faultMs !== undefined) this.failures++;
  }

  dropped(count: number): void {
    if (this.faultMs !== undefined) this.failures += count;
  }

  /** The first of them counts. */
  faultAt(atMs: number): void {
    this.faultMs ??= atMs;
  }

  /** Of a load that issued requests until `untilMs`; undefined where there was no fault. */
  result(untilMs: number): LoadRecovery | undefined {
    const { faultMs } = this;
    if (faultMs === undefined) return undefined;
    const restMs = Math.max(0, untilMs - faultMs);
    const firstMs = this.firstWriteMs === undefined ? restMs : this.firstWriteMs - faultMs;
    const openGapMs = untilMs - Math.max(this.lastWriteMs, faultMs);
    const rate = this.rateBefore(faultMs);
    const fullMs = rate === undefined ? undefined : this.fullRateMs(faultMs, untilMs, rate);
    return {
      firstWriteMs: firstMs,
      gapMs: Math.max(this.gapMs, openGapMs),
      fullRateMs: rate === undefined ? null : (fullMs ?? restMs),
      isFullRateReached: fullMs !== undefined,
      ratePerSecondBefore: (rate ?? 0) * BUCKETS_OF_A_SECOND,
      failed: this.failures,
      slow: this.slow,
    };
  }

  /** Answers a bucket; undefined where there is no whole second before the fault, or nothing was answered in them. */
  private rateBefore(faultMs: number): number | undefined {
    const count = Math.floor((faultMs - this.startedMs) / BUCKET_MS);
    if (count < BUCKETS_OF_A_SECOND) return undefined;
    const sum = this.buckets.subarray(0, count).reduce((total, each) => total + each, 0);
    return sum === 0 ? undefined : sum / count;
  }

  private fullRateMs(faultMs: number, untilMs: number, rate: number): number | undefined {
    const goal = FULL_RATE_SHARE * BUCKETS_OF_A_SECOND * rate;
    const last = Math.floor((untilMs - this.startedMs) / BUCKET_MS) - BUCKETS_OF_A_SECOND;
    for (let at = Math.floor((faultMs - this.startedMs) / BUCKET_MS); at <= last; at++) {
      let sum = 0;
      for (let i = at; i < at + BUCKETS_OF_A_SECOND; i++)
        sum += Math.min(this.buckets[i] ?? 0, MADE_UP_SHARE_MAX * rate);
      if (sum >= goal) return Math.max(0, this.startedMs + at * BUCKET_MS - faultMs);
    }
    return undefined;
  }
}
