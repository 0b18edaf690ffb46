import type { RunName } from '../runName.ts';
import type { Explorer } from './explorer.ts';
import type { Reached } from './reached.ts';

export interface NamedRun {
  readonly number: number;
  readonly run: RunName;
}

/**
 * Runs go on side by side and end in any order; the explorer learns of them in the order in which it named them, and names each one
 * after it has learned of the same number of others. So an exploration does not depend on how many threads it has, nor on which of them is quick.
 */
export class OrderedRuns {
  private readonly explorer: Explorer;
  private readonly count: number;
  /** By number: runs that were named and not learned of. */
  private readonly open = new Map<number, { readonly run: RunName; reached: readonly Reached[] | undefined }>();
  private named = 0;
  private learnedOf = 0;

  constructor(explorer: Explorer, count: number) {
    this.explorer = explorer;
    this.count = count;
  }

  /** Whether all have ended. */
  get isOver(): boolean {
    return this.learnedOf === this.count;
  }

  /** The next run; undefined where there is none, or none before another one has ended. */
  next(): NamedRun | undefined {
    if (this.named === this.count) return undefined;
    if (this.named - this.learnedOf === AHEAD_MAX && !this.learn()) return undefined;
    const run = this.explorer.next();
    const number = this.named++;
    this.open.set(number, { run, reached: undefined });
    return { number, run };
  }

  ended(number: number, reached: readonly Reached[]): void {
    this.open.get(number)!.reached = reached;
    // The last ones: nothing is named after them.
    if (this.named === this.count) while (this.learn());
  }

  private learn(): boolean {
    const first = this.open.get(this.learnedOf);
    if (first?.reached === undefined) return false;
    this.open.delete(this.learnedOf++);
    this.explorer.learn(first.run, first.reached);
    return true;
  }
}

/** Enough for a machine's cores to be busy while one of them has a long run. */
const AHEAD_MAX = 64;
