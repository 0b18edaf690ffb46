import { parentPort, workerData } from 'node:worker_threads';
import { simulatedEngine } from '../engines.ts';
import { type RunReport, runSeed } from '../world.ts';
import type { NamedRun } from './orderedRuns.ts';

export interface EndedRun {
  readonly number: number;
  readonly report: RunReport;
}

const engine = simulatedEngine(workerData as string);
parentPort!.on('message', ({ number, run: { seed, twists } }: NamedRun) => {
  const report = runSeed(engine, seed, { twists, watches: true });
  parentPort!.postMessage({ number, report } satisfies EndedRun);
});
