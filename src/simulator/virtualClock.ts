import type { Timeline } from './timeline.ts';

/** A server's monotonic clock: it runs at its own rate and jumps ahead, but never back. */
export class VirtualClock {
  private readonly timeline: Timeline;
  private currentRate: number;
  /** The clock's time at `sinceUs` of the world. */
  private baseUs: number;
  private sinceUs = 0;

  constructor(timeline: Timeline, rate: number, offsetUs: number) {
    this.timeline = timeline;
    this.currentRate = rate;
    this.baseUs = offsetUs;
  }

  get rate(): number {
    return this.currentRate;
  }

  get nowMs(): number {
    return Math.floor((this.baseUs + (this.timeline.nowUs - this.sinceUs) * this.currentRate) / 1000);
  }

  setRate(rate: number): void {
    this.advance(0);
    this.currentRate = rate;
  }

  jump(aheadUs: number): void {
    this.advance(aheadUs);
  }

  private advance(aheadUs: number): void {
    this.baseUs += (this.timeline.nowUs - this.sinceUs) * this.currentRate + aheadUs;
    this.sinceUs = this.timeline.nowUs;
  }
}
