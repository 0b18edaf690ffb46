import { wholeRepeats } from '../compare/metrics.ts';
import type { Levels } from '../plan/axes.ts';
import { formatFactor } from '../render/format.ts';
import type { RunRecord } from '../results/schema.ts';
import { eachOf, type RatioInterval, ratioToOne } from '../statistics/intervals.ts';

/** A configuration of a sweep that was measured. */
export interface MeasuredConfiguration {
  readonly levels: Levels;
  readonly record: RunRecord;
}

/** What a level of an axis does to the throughput, beside the axis' first level. */
export interface Effect {
  readonly axis: string;
  readonly level: string;
  readonly baseline: string;
  /** Over all configurations that differ in nothing else; the interval is over the rounds. */
  readonly overall: RatioInterval;
  /** Where it depends on another axis: what it does at each level of that. */
  readonly interactions: readonly Interaction[];
}

export interface Interaction {
  readonly axis: string;
  readonly each: readonly { readonly level: string; readonly ratio: number }[];
}

/** An effect that differs by less between the levels of another axis is not worth a word, however sure it is. */
const INTERACTION_MIN = 1.1;

/**
 * Main effects and two-way interactions of a full factorial design on the logarithm of throughput, every round an observation of its own (Box, Hunter and Hunter,
 * Statistics for Experimenters, ch. 5): a configuration is compared with the one that differs in a single axis, in the same round. An interaction is
 * named where the intervals leave no doubt that there is one (all of them together hold with `confidence`) and it is worth a word.
 */
export function effectsOf(configurations: readonly MeasuredConfiguration[], confidence: number): Effect[] {
  const right = configurations.filter(({ record }) => record.verdict.passed);
  const axes = axesOf(right);
  const comparisons = [...axes].flatMap(([axis, levels]) =>
    levels
      .slice(1)
      .map((level) => ({ axis, level, baseline: levels[0]!, pairs: pairsOf(right, axis, levels[0]!, level) })),
  );
  const tests = comparisons.reduce((sum, { axis }) => {
    const others = [...axes].filter(([other]) => other !== axis);
    return sum + 1 + others.reduce((more, [, levels]) => more + levels.length - 1, 0);
  }, 0);
  const one = eachOf(tests, confidence);
  return comparisons.flatMap(({ axis, level, baseline, pairs }): Effect[] => {
    const overall = ratioOver(pairs, one);
    if (overall === undefined) return [];
    const interactions = [...axes].flatMap(([other, levels]) =>
      other === axis ? [] : (interactionWith(other, levels, pairs, one) ?? []),
    );
    return [{ axis, level, baseline, overall, interactions }];
  });
}

/** The axes of several levels, each with its levels in the order of their first configuration. */
function axesOf(configurations: readonly MeasuredConfiguration[]): Map<string, string[]> {
  const axes = new Map<string, string[]>();
  for (const { levels } of configurations) {
    for (const [axis, level] of Object.entries(levels)) {
      const known = axes.get(axis) ?? [];
      if (!known.includes(level)) known.push(level);
      axes.set(axis, known);
    }
  }
  return new Map([...axes].filter(([, levels]) => levels.length > 1));
}

/** Two configurations that differ in one axis. */
interface LevelPair {
  /** Of both, but for the axis. */
  readonly levels: Levels;
  /** The logarithm of the ratio of their rates in each round that both have. */
  readonly logs: ReadonlyMap<number, number>;
}

function pairsOf(all: readonly MeasuredConfiguration[], axis: string, baseline: string, level: string): LevelPair[] {
  return all.flatMap((one): LevelPair[] => {
    if (one.levels[axis] !== baseline) return [];
    const other = all.find(({ levels }) => levels[axis] === level && differOnlyIn(axis, levels, one.levels));
    if (other === undefined) return [];
    const theirs = ratesOf(other.record);
    const logs = [...ratesOf(one.record)].flatMap(([round, rate]): [number, number][] => {
      const their = theirs.get(round);
      return their === undefined ? [] : [[round, Math.log(their / rate)]];
    });
    return [{ levels: one.levels, logs: new Map(logs) }];
  });
}

function differOnlyIn(axis: string, one: Levels, other: Levels): boolean {
  return Object.keys(one).every((name) => name === axis || one[name] === other[name]);
}

function ratesOf(record: RunRecord): Map<number, number> {
  const rates = new Map<number, number>();
  for (const { round, writesPerSecond, readsPerSecond } of wholeRepeats(record)) {
    const rate = writesPerSecond + readsPerSecond;
    if (round !== undefined && rate > 0) rates.set(round, rate);
  }
  return rates;
}

/** The mean over the pairs in each round that all have. */
function meansByRound(pairs: readonly LevelPair[]): Map<number, number> {
  const [first, ...rest] = pairs;
  const means = new Map<number, number>();
  for (const round of first?.logs.keys() ?? []) {
    if (!rest.every(({ logs }) => logs.has(round))) continue;
    means.set(round, pairs.reduce((sum, { logs }) => sum + logs.get(round)!, 0) / pairs.length);
  }
  return means;
}

function ratioOver(pairs: readonly LevelPair[], confidence: number): RatioInterval | undefined {
  return intervalOf([...meansByRound(pairs).values()], confidence);
}

function intervalOf(logs: readonly number[], confidence: number): RatioInterval | undefined {
  return ratioToOne(logs.map(Math.exp), confidence);
}

function interactionWith(
  axis: string,
  levels: readonly string[],
  pairs: readonly LevelPair[],
  confidence: number,
): Interaction[] | undefined {
  const byLevel = levels.map((level) => ({
    level,
    means: meansByRound(pairs.filter((pair) => pair.levels[axis] === level)),
  }));
  const [first, ...rest] = byLevel;
  const isShown = rest.some(({ means }) => {
    const differences = [...means].flatMap(([round, log]) => {
      const before = first!.means.get(round);
      return before === undefined ? [] : [log - before];
    });
    const interval = intervalOf(differences, confidence);
    if (interval === undefined || (interval.low <= 1 && interval.high >= 1)) return false;
    return Math.max(interval.ratio, 1 / interval.ratio) >= INTERACTION_MIN;
  });
  if (!isShown) return undefined;
  const each = byLevel.flatMap(({ level, means }) => {
    const logs = [...means.values()];
    return logs.length === 0 ? [] : [{ level, ratio: Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length) }];
  });
  return [{ axis, each }];
}

/** `batch: nobatch makes ×0.16 of batch (0.15 – 0.17); ×0.15 with gorums, ×0.19 with etcd`. */
export function describeEffect({ axis, level, baseline, overall, interactions }: Effect): string {
  const { ratio, low, high } = overall;
  const times = (value: number) => formatFactor(value, 2, '×');
  const range = `${times(low)} – ${times(high)}`;
  const what =
    low > 1 || high < 1
      ? `${level} makes ${times(ratio)} of what ${baseline} does (${range})`
      : `no difference shown between ${level} and ${baseline} (${range})`;
  const where = interactions.map(({ each }) => each.map((one) => `${times(one.ratio)} with ${one.level}`).join(', '));
  return [`${axis}: ${what}`, ...where].join('; it depends: ');
}
