import { Worker } from 'node:worker_threads';
import type { ScenarioRun } from './scenario/scenarioPlan.ts';
import type { WorkerTask } from './worker.ts';
import type { RunReport } from './world.ts';

export interface SeedRange {
  readonly engine: string;
  readonly first: number;
  readonly count: number;
  /** Instead of what the seeds would draw. */
  readonly play?: ScenarioRun | undefined;
}

/** Runs a range of seeds on `threads` threads, which take seed by seed. `done` is told of each run, in no particular order. */
export async function runSeeds(range: SeedRange, threads: number, done: (report: RunReport) => void): Promise<void> {
  const taken = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const task: WorkerTask = { ...range, taken };
  const workers = Math.min(threads, range.count);
  await Promise.all(Array.from({ length: workers }, () => runTask(task, done)));
}

function runTask(task: WorkerTask, done: (report: RunReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: task });
    worker.on('message', done);
    worker.on('error', reject);
    worker.on('exit', resolve);
  });
}
