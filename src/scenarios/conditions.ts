import type { Spread } from '../faults/spread.ts';

/** What a machine's processes and disk take, as a play on real servers measures it and a simulated one draws it. */
export interface Conditions {
  /** A synced write, of the database and of the promise beside it. */
  readonly syncMs: Spread;
  /** From the start of a server's process until it answers. */
  readonly startMs: Spread;
  /** How late a process gets round to what is due, because others have the cores or it does something else. */
  readonly wakeMs: Spread;
}

/** Of a machine of two cores with an SSD, on which nothing else runs. */
export const USUAL_CONDITIONS: Conditions = {
  syncMs: [0.6, 1.2, 4, 15],
  startMs: [450, 600, 800, 1000],
  wakeMs: [0.1, 0.5, 3, 10],
};
