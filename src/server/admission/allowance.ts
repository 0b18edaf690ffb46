/**
 * What may be used up at once, and how fast it comes back (a token bucket). Time is handed in, ms.
 */
export class Allowance {
  private readonly burst: number;
  private readonly perSecond: number;
  private left: number;
  private atMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.left = burst;
    this.atMs = nowMs;
  }

  /** Uses up `count`; false, and nothing is used, where fewer are left. */
  use(nowMs: number, count = 1): boolean {
    this.left = Math.min(this.burst, this.left + (Math.max(0, nowMs - this.atMs) * this.perSecond) / 1000);
    this.atMs = nowMs;
    if (this.left < count) return false;
    this.left -= count;
    return true;
  }
}
