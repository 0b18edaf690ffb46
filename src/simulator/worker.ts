import { parentPort, workerData } from 'node:worker_threads';
import { simulatedEngine } from './engines.ts';
import { runSeed } from './world.ts';

/** What a worker is to run: seeds `first`, `first + stride`, … below `end`. */
export interface WorkerTask {
  readonly engine: string;
  readonly first: number;
  readonly end: number;
  readonly stride: number;
}

const { engine, first, end, stride } = workerData as WorkerTask;
const simulated = simulatedEngine(engine);
for (let seed = first; seed < end; seed += stride) parentPort!.postMessage(runSeed(simulated, seed));
