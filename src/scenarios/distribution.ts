import { SPREAD_SHARES, type Spread } from '../faults/spread.ts';

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

export function spreadOf(valuesMs: Iterable<number>): Spread {
  const found = new Distribution(valuesMs);
  return SPREAD_SHARES.map((share) => found.at(share)) as unknown as Spread;
}
