/** Uniform in [0, 1). */
export type NextRandom = () => number;

/** Exponentially distributed with this mean, as a whole number of at least 1. */
export function exponential(next: NextRandom, mean: number): number {
  return Math.max(1, Math.round(-Math.log(1 - next()) * mean));
}

/** Normally distributed (Box and Muller 1958), not rounded. */
export function normal(next: NextRandom, mean: number, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - next()));
  return mean + deviation * radius * Math.cos(2 * Math.PI * next());
}

/** Pareto's distribution from `least` on, not rounded: of two shapes the smaller one has the heavier tail. */
export function pareto(next: NextRandom, least: number, shape: number): number {
  return least * (1 - next()) ** (-1 / shape);
}
