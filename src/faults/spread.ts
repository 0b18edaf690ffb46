/** Times that something takes, measured: p50, p90, p99 and p99.9, ms, ascending. */
export type Spread = readonly [number, number, number, number];

export const SPREAD_SHARES = [0.5, 0.9, 0.99, 0.999] as const;

/** A time by such a spread, ms: straight lines between the shares, from half the median on. `uniform` in [0, 1). */
export function drawMs(spread: Spread, uniform: number): number {
  const [p50] = spread;
  let [share, ms] = [0, p50 / 2];
  for (const [i, nextShare] of SPREAD_SHARES.entries()) {
    const nextMs = spread[i]!;
    if (uniform < nextShare) return ms + ((nextMs - ms) * (uniform - share)) / (nextShare - share);
    [share, ms] = [nextShare, nextMs];
  }
  return ms;
}
