import type { Timeline } from './timeline.ts';

/** A server's monotonic clock: it runs at its own rate and jumps ahead, but never back. */
export class VirtualClock {
  readonly #timeline: Timeline;
  #rate: number;
  /** The clock's time at `#sinceUs` of the world. */
  #baseUs: number;
  #sinceUs = 0;

  constructor(timeline: Timeline, rate: number, offsetUs: number) {
    this.#timeline = timeline;
    this.#rate = rate;
    this.#baseUs = offsetUs;
  }

  get rate(): number {
    return this.#rate;
  }

  get nowMs(): number {
    return Math.floor((this.#baseUs + (this.#timeline.nowUs - this.#sinceUs) * this.#rate) / 1000);
  }

  setRate(rate: number): void {
    this.#advance(0);
    this.#rate = rate;
  }

  jump(aheadUs: number): void {
    this.#advance(aheadUs);
  }

  #advance(aheadUs: number): void {
    this.#baseUs += (this.#timeline.nowUs - this.#sinceUs) * this.#rate + aheadUs;
    this.#sinceUs = this.#timeline.nowUs;
  }
}
