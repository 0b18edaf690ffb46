import { Worker } from 'node:worker_threads';
import type { FuzzOrder, FuzzReport } from './run.ts';
import type { FuzzTask } from './worker.ts';

/**
 * An input that is not done with after so long never is: ms of a processor, for others may have them. What is merely slow is found, and
 * made smaller, by the thread itself.
 */
const HANG_MS = 20_000;
const LOOK_MS = 500;
/** Of a thread: what it keeps is far less. */
const HEAP_MIB_MAX = 768;

/** Fuzzes one target in a thread of its own. `progress` is told how many inputs there were, now and then. */
export function fuzzWatched(target: string, order: FuzzOrder, progress: (inputs: number) => void): Promise<FuzzReport> {
  const at = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const task: FuzzTask = { target, order, at };
  const startMs = performance.now();
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
    });
    let last = 0;
    let lastMs = 0;
    const looking = setInterval(() => {
      const inputs = Atomics.load(at, 2);
      const { user, system } = process.cpuUsage();
      const nowMs = (user + system) / 1000;
      if (inputs !== last || inputs === 0) [last, lastMs] = [inputs, nowMs];
      else if (nowMs - lastMs > HANG_MS) end(`an input is not done with after ${HANG_MS / 1000} s of a processor`);
      progress(inputs);
    }, LOOK_MS);
    const done = (report: FuzzReport) => {
      clearInterval(looking);
      resolve(report);
    };
    const end = (what: string) => {
      void worker.terminate();
      const [seed = 0, place = 0, inputs = 0] = at;
      const find = { what, counterexample: '', seed, path: String(place) };
      done({ target, inputs, accepted: 0, ms: performance.now() - startMs, grownBytes: undefined, find });
    };
    worker.on('message', done);
    worker.on('error', (error) => end(error.stack ?? error.message));
    worker.on('exit', (code) => {
      if (code !== 0) end(`the thread ended with code ${code}`);
    });
  });
}
