import { SAMPLE_MS } from '../scenarios/conductor.ts';
import { Distribution } from '../scenarios/distribution.ts';
import type { Measurements } from '../scenarios/measure.ts';
import type { TimeKey } from '../scenarios/measurementNames.ts';

/** Real plays of a scenario on one engine, and simulated ones. */
export interface Pair {
  readonly scenario: string;
  readonly engine: string;
  readonly real: readonly Measurements[];
  readonly simulated: readonly Measurements[];
}

/** One kind of time, in both. */
export interface Comparison {
  readonly real: Distribution;
  readonly simulated: Distribution;
  /** Real ones that are no shorter than the shortest and no longer than the longest that was simulated, but for what sampling cannot tell. */
  readonly within: number;
}

/** Undefined where no play has such a time. */
export function compare({ real, simulated }: Pair, key: TimeKey): Comparison | undefined {
  const values = (plays: readonly Measurements[]) => plays.flatMap((play) => play[key] ?? []);
  const [own, virtual] = [new Distribution(values(real)), new Distribution(values(simulated))];
  if (own.count === 0 && virtual.count === 0) return undefined;
  const isWithin = (ms: number) => ms >= virtual.min - SAMPLE_MS && ms <= virtual.max + SAMPLE_MS;
  return { real: own, simulated: virtual, within: values(real).filter(isWithin).length };
}
