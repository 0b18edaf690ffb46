/** What a check may spend. When it is gone the answer is 'unknown'. */
export interface Limits {
  /** Operations tried, over the whole check. One step costs on the order of a microsecond. */
  readonly stepsMax?: number;
  /** Bytes of configurations remembered at a time: some tens of bytes each. Half as much again is in use while growing. */
  readonly memoryBytesMax?: number;
  /** A clock of the caller's, in any unit, and the time on it at which to give up. The checker has no clock of its own. */
  readonly now?: () => number;
  readonly deadline?: number;
}

export const STEPS_MAX_DEFAULT = 50_000_000;
export const MEMORY_BYTES_MAX_DEFAULT = 128 * 1024 * 1024;
/** How many steps pass between two looks at the caller's clock. */
const STEPS_PER_CLOCK_READ = 1024;

export type Exhausted = 'steps' | 'memory' | 'deadline';

/** Counts down; shared by all searches of one check. */
export class Budget {
  readonly memoryBytesMax: number;
  private readonly now: () => number;
  private readonly deadline: number;
  private left: number;
  private stepsToClock = 0;
  private isLate = false;

  constructor({ stepsMax, memoryBytesMax, now, deadline }: Limits = {}) {
    this.left = stepsMax ?? STEPS_MAX_DEFAULT;
    this.memoryBytesMax = memoryBytesMax ?? MEMORY_BYTES_MAX_DEFAULT;
    this.now = now ?? (() => 0);
    this.deadline = deadline ?? Infinity;
  }

  get stepsLeft(): number {
    return this.left;
  }

  /** Takes one step, or says why there is none left. Once exhausted it stays so. */
  spend(): Exhausted | undefined {
    if (this.isLate) return 'deadline';
    if (this.left <= 0) return 'steps';
    this.left -= 1;
    this.stepsToClock -= 1;
    if (this.stepsToClock <= 0) {
      this.stepsToClock = STEPS_PER_CLOCK_READ;
      this.isLate = this.now() >= this.deadline;
    }
    return undefined;
  }
}
