import { parentPort, workerData } from 'node:worker_threads';
import { clientSecurity } from '../net/endpoints/clientSecurity.ts';
import type { AttackerData } from './attack.ts';
import { ATTACKS } from './attacks.ts';

/** A thread of its own, so that what attacking costs does not count as the server's delay. */
const { name, target } = workerData as AttackerData;
const security = clientSecurity(target.credentials);
// What it stores first it stores as a client that means no harm: where that fails, nothing was shown.
const outcome = await ATTACKS[name]!({ ...target, security }).then(
  (did) => ({ did, failed: false }),
  (error: Error) => ({ did: `could not go on: ${error.message}`, failed: true }),
);
parentPort!.postMessage(outcome);
// What it holds open stays so until the thread is ended.
setInterval(() => {}, 1000);
