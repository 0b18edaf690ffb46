import type { NextRandom } from './distributions.ts';

/** Time and chance as the decorators of faults have them: a machine's, or the simulator's. */
export interface FaultEnvironment {
  /** By a clock with which nothing is wrong, µs. */
  readonly nowUs: () => number;
  readonly next: NextRandom;
  /** Runs it in a later turn, once so much time has passed; returns how to call that off. */
  readonly after: (delayUs: number, run: () => void) => () => void;
}
