import type { Spread } from './distribution.ts';

/** What a machine's processes and disk take, as a play on real servers measures it and a simulated one draws it. */
export interface Conditions {
  /** A synced write, of the database and of the promise beside it. */
  readonly syncMs: Spread;
  /** From the start of a server's process until it answers. */
  readonly startMs: Spread;
}

/** Of a machine of two cores with an SSD, on which nothing else runs. */
export const USUAL_CONDITIONS: Conditions = { syncMs: [0.6, 1.2, 4, 15], startMs: [450, 600, 800, 1000] };
