/** Some numbers in ascending order, and what can be read from that. */
export class Distribution {
  private readonly sorted: readonly number[];

  constructor(values: Iterable<number>) {
    this.sorted = [...values].sort((a, b) => a - b);
  }

  get count(): number {
    return this.sorted.length;
  }

  get min(): number {
    return this.sorted[0] ?? Number.NaN;
  }

  get max(): number {
    return this.sorted.at(-1) ?? Number.NaN;
  }

  /** The least value that such a share of all is not above; NaN where there is none. */
  at(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.sorted.length));
    return this.sorted[rank - 1] ?? Number.NaN;
  }
}

/** Times that something takes: p50, p90, p99 and p99.9, ms, ascending. */
export type Spread = readonly [number, number, number, number];

const SHARES = [0.5, 0.9, 0.99, 0.999] as const;

export function spreadOf(valuesMs: Iterable<number>): Spread {
  const found = new Distribution(valuesMs);
  return SHARES.map((share) => found.at(share)) as unknown as Spread;
}

/** A time by such a spread, ms: straight lines between the shares, from half the median on. `uniform` in [0, 1). */
export function drawMs(spread: Spread, uniform: number): number {
  const [p50] = spread;
  let [share, ms] = [0, p50 / 2];
  for (const [i, nextShare] of SHARES.entries()) {
    const nextMs = spread[i]!;
    if (uniform < nextShare) return ms + ((nextMs - ms) * (uniform - share)) / (nextShare - share);
    [share, ms] = [nextShare, nextMs];
  }
  return ms;
}
