/** A clock that runs at its own rate beside a true one, and may jump ahead, but never goes back; in the unit of that. */
export class DriftingClock {
  private readonly trueNow: () => number;
  private currentRate: number;
  /** This clock's time when the true one showed `since`. */
  private base: number;
  private since = 0;

  constructor(trueNow: () => number, rate = 1, offset = 0) {
    this.trueNow = trueNow;
    this.currentRate = rate;
    this.base = offset;
  }

  get rate(): number {
    return this.currentRate;
  }

  get now(): number {
    return this.base + (this.trueNow() - this.since) * this.currentRate;
  }

  setRate(rate: number): void {
    this.advance(0);
    this.currentRate = rate;
  }

  jump(ahead: number): void {
    this.advance(ahead);
  }

  private advance(ahead: number): void {
    const now = this.trueNow();
    this.base += (now - this.since) * this.currentRate + ahead;
    this.since = now;
  }
}
