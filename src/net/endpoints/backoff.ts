/** Delays between attempts that fail: doubling from `minMs` to `maxMs`, each drawn from its upper half so that clients spread. */
export class Backoff {
  private failures = 0;
  private readonly minMs: number;
  private readonly maxMs: number;
  private readonly random: () => number;

  constructor(minMs: number, maxMs: number, random: () => number) {
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.random = random;
  }

  /** The delay before the next attempt, this time at most `capMs`. */
  nextMs(capMs = this.maxMs): number {
    const delayMs = Math.min(this.maxMs, this.minMs * 2 ** this.failures);
    if (delayMs < Math.min(this.maxMs, capMs)) this.failures++;
    return Math.min(delayMs, capMs) * (0.5 + this.random() / 2);
  }

  reset(): void {
    this.failures = 0;
  }
}
