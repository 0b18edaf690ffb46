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

  /** Uses one up; false, and nothing is used, where none is left. */
  use(nowMs: number): boolean {
    this.left = Math.min(this.burst, this.left + (Math.max(0, nowMs - this.atMs) * this.perSecond) / 1000);
    this.atMs = nowMs;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}
