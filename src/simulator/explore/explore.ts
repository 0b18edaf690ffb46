import { Worker } from 'node:worker_threads';
import type { SeedRange } from '../runner.ts';
import type { RunReport } from '../world.ts';
import { type Exploration, Explorer } from './explorer.ts';
import { OrderedRuns } from './orderedRuns.ts';
import type { EndedRun } from './worker.ts';

/**
 * As many runs as the range has seeds, on `threads` threads: fresh seeds from its first one on, and variations of those that reached
 * something rare. `done` is told of each run, and then of what was found by then.
 */
export async function explore(
  { engine, first, count }: SeedRange,
  threads: number,
  done: (report: RunReport, found: Exploration) => void,
): Promise<void> {
  const explorer = new Explorer(first);
  const runs = new OrderedRuns(explorer, count);
  const workers = Array.from({ length: Math.min(threads, count) }, () => {
    return new Worker(new URL('./worker.js', import.meta.url), { workerData: engine });
  });
  const idle = [...workers];
  const handOut = () => {
    while (idle.length > 0) {
      const next = runs.next();
      if (next === undefined) break;
      idle.pop()!.postMessage(next);
    }
    if (runs.isOver) for (const worker of workers) void worker.terminate();
  };
  const ends = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('error', reject);
        worker.on('exit', () => resolve());
        worker.on('message', ({ number, report }: EndedRun) => {
          runs.ended(number, report.reached);
          done(report, explorer.found);
          idle.push(worker);
          handOut();
        });
      }),
  );
  handOut();
  await Promise.all(ends);
}
