import { parentPort, workerData } from 'node:worker_threads';
import { simulatedEngine } from './engines.ts';
import type { ScenarioRun } from './scenario/scenarioPlan.ts';
import { runSeed } from './world.ts';

/** What all workers of a run share: its seeds, and how many of them somebody has taken. */
export interface WorkerTask {
  readonly engine: string;
  readonly first: number;
  readonly count: number;
  readonly taken: Int32Array;
  readonly play?: ScenarioRun | undefined;
}

const { engine, first, count, taken, play } = workerData as WorkerTask;
const simulated = simulatedEngine(engine);
for (;;) {
  const next = Atomics.add(taken, 0, 1);
  if (next >= count) break;
  parentPort!.postMessage(runSeed(simulated, first + next, { play }));
}
