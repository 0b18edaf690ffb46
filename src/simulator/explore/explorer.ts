import { Random } from '../random.ts';
import type { RunName } from '../runName.ts';
import type { Reached } from './reached.ts';

/** A run that was the first to reach a combination of states. */
interface Kept {
  readonly run: RunName;
  readonly afterSteps: number;
  /** Runs that reached the combination. */
  hits: number;
  /** Times that the run was varied from there on. */
  varied: number;
  /** New combinations that those variations reached. */
  yielded: number;
}

/** What was found so far. */
export interface Exploration {
  readonly runs: number;
  /** Combinations of states that were reached. */
  readonly states: number;
  /** Runs that reached one first. */
  readonly keptRuns: number;
  readonly variations: number;
  /** Combinations that a variation reached first. */
  readonly byVariations: number;
}

/**
 * Which run comes next: a fresh seed, or a variation of a run that reached a rare combination of states, the same up to there
 * and another one from there on (coverage-guided fuzzing, with rare states first, as FairFuzz has it for rare branches). Everything follows from the first
 * seed and what the runs reached.
 */
export class Explorer {
  private readonly random: Random;
  private readonly byState = new Map<number, Kept>();
  private readonly kept: Kept[] = [];
  /** From where each run that is under way was varied. */
  private readonly parents = new Map<RunName, Kept>();
  private nextSeed: number;
  private runs = 0;
  private keptRuns = 0;
  private variations = 0;
  private byVariations = 0;
  /** What a run of each way has brought of late, on average. */
  private readonly yields = { fresh: FIRST_YIELD, varied: FIRST_YIELD };

  constructor(firstSeed: number) {
    this.nextSeed = firstSeed;
    this.random = new Random(firstSeed).fork('explorer');
  }

  get found(): Exploration {
    return {
      runs: this.runs,
      states: this.byState.size,
      keptRuns: this.keptRuns,
      variations: this.variations,
      byVariations: this.byVariations,
    };
  }

  next(): RunName {
    const parent = this.random.chance(this.variationChance) ? this.rarest() : undefined;
    if (parent === undefined) return { seed: this.nextSeed++, twists: [] };
    parent.varied++;
    const { run, afterSteps } = parent;
    const child = { seed: run.seed, twists: [...run.twists, { afterSteps, variation: parent.varied }] };
    this.parents.set(child, parent);
    return child;
  }

  /** What a run that `next` named has reached. */
  learn(run: RunName, reached: readonly Reached[]): void {
    this.runs++;
    const parent = this.parents.get(run);
    this.parents.delete(run);
    const lastTwist = run.twists.at(-1)?.afterSteps ?? 0;
    let found = 0;
    for (const { state, afterSteps } of reached) {
      const known = this.byState.get(state);
      // Up to its twist it is the run that it varies.
      if (afterSteps <= lastTwist) continue;
      if (known !== undefined) {
        known.hits++;
        continue;
      }
      const kept: Kept = { run, afterSteps, hits: 1, varied: 0, yielded: 0 };
      this.byState.set(state, kept);
      if (run.twists.length < TWISTS_MAX) this.kept.push(kept);
      found++;
    }
    if (parent !== undefined) {
      parent.yielded += found;
      this.variations++;
      this.byVariations += found;
    }
    if (found > 0) this.keptRuns++;
    const way = parent === undefined ? 'fresh' : 'varied';
    this.yields[way] += (found - this.yields[way]) / YIELD_RUNS;
  }

  /** The way that brings more is taken more often, and the other one often enough to notice when it brings more again. */
  private get variationChance(): number {
    const { fresh, varied } = this.yields;
    return Math.min(CHANCE_MAX, Math.max(CHANCE_MIN, varied / (fresh + varied)));
  }

  /** Of a few that are drawn, the one that promises most: reached seldom, varied seldom, and not for nothing. */
  private rarest(): Kept | undefined {
    if (this.kept.length === 0) return undefined;
    let best: Kept | undefined;
    for (let i = 0; i < DRAWN; i++) {
      const kept = this.random.pick(this.kept);
      if (best === undefined || costOf(kept) < costOf(best)) best = kept;
    }
    return best;
  }
}

function costOf({ hits, varied, yielded }: Kept): number {
  return (hits * (1 + varied)) / (1 + yielded);
}

/** Yields are averages over so many runs, about; before the first run they are equal. */
const YIELD_RUNS = 16;
const FIRST_YIELD = 1;
const CHANCE_MIN = 0.125;
const CHANCE_MAX = 0.875;
const DRAWN = 16;
/** A name stays short, and what was varied so often has little left of its seed. */
const TWISTS_MAX = 6;
