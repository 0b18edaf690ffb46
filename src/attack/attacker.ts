import { parentPort, workerData } from 'node:worker_threads';
import { ATTACKS, type Target } from './attacks.ts';

/** A thread of its own, so that what attacking costs does not count as the server's delay. */
const { name, target } = workerData as { readonly name: string; readonly target: Target };
parentPort!.postMessage(await ATTACKS[name]!(target).catch((error: Error) => `ended early: ${error.message}`));
// What it holds open stays so until the thread is ended.
setInterval(() => {}, 1000);
