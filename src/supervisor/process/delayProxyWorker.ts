import { parentPort, workerData } from 'node:worker_threads';
import { type DelayedPort, DelayProxy } from './delayProxy.ts';

export interface DelayTask {
  readonly delayMs: number;
  readonly ports: readonly DelayedPort[];
}

const { delayMs, ports } = workerData as DelayTask;
await new DelayProxy(delayMs).listen(ports);
parentPort!.postMessage('listening');
