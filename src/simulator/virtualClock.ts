import { DriftingClock } from '../faults/driftingClock.ts';
import type { Timeline } from './timeline.ts';

/** A server's monotonic clock: it runs at its own rate and jumps ahead, but never back. */
export class VirtualClock {
  private readonly clockUs: DriftingClock;

  constructor(timeline: Timeline, rate: number, offsetUs: number) {
    this.clockUs = new DriftingClock(() => timeline.nowUs, rate, offsetUs);
  }

  get rate(): number {
    return this.clockUs.rate;
  }

  get nowMs(): number {
    return Math.floor(this.clockUs.now / 1000);
  }

  setRate(rate: number): void {
    this.clockUs.setRate(rate);
  }

  jump(aheadUs: number): void {
    this.clockUs.jump(aheadUs);
  }
}
