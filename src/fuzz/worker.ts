import { parentPort, workerData } from 'node:worker_threads';
import { type FuzzOrder, type FuzzReport, fuzz } from './run.ts';
import { TARGETS } from './targets.ts';

/** A thread of its own, so that an input that is never done with, or takes all memory, ends it and not the run. */
export interface FuzzTask {
  readonly target: string;
  readonly order: FuzzOrder;
  /** What it is at: the seed, the place of the input among those of the seed, and how many inputs there were so far. */
  readonly at: Int32Array;
}

const { target, order, at } = workerData as FuzzTask;
const report: FuzzReport = await fuzz(TARGETS.find(({ name }) => name === target)!, order, (seed, place) => {
  at[0] = seed;
  at[1] = place;
  Atomics.add(at, 2, 1);
});
parentPort!.postMessage(report);
