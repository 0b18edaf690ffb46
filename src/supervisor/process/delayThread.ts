import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { packagePath } from '../../cli/packagePath.ts';
import type { DelayTask } from './delayProxyWorker.ts';

/** Threads run what is built. */
const WORKER = packagePath('dist', 'supervisor', 'process', 'delayProxyWorker.js');

/** Starts a DelayProxy in a thread of its own, so that what it costs is not this thread's. Resolves with how to end it. */
export async function startDelayThread(task: DelayTask): Promise<() => Promise<void>> {
  const worker = new Worker(WORKER, { workerData: task });
  // Rejects with the thread's error where it could not listen.
  await once(worker, 'message');
  return async () => {
    await worker.terminate();
  };
}
