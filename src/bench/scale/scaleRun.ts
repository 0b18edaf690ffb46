import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchContext, benchRuns } from '../bench.ts';
import type { WrittenRun } from '../render/runTable.ts';
import { writeWhole } from '../results/store.ts';
import { scaleChart } from './chart.ts';
import { type ScaleFigures, scaleFigures } from './figures.ts';
import type { ScaleMode, ScaleSize } from './modes.ts';
import { plannedScale } from './request.ts';
import { SecondLatencies } from './secondLatencies.ts';
import { ServerWatch } from './serverWatch.ts';

export interface ScaleRequest extends Pick<BenchContext, 'results' | 'interrupts' | 'progress'> {
  readonly engine: string;
  readonly mode: Omit<ScaleMode, 'size' | 'quick' | 'bounds'>;
  readonly size: ScaleSize;
  /** Of the run among the results. */
  readonly name: string;
  readonly dataDirectory: string | undefined;
}

export interface MeasuredScale extends WrittenRun {
  readonly figures: ScaleFigures;
}

/**
 * Measures a run as rkv-bench does, with its servers watched, and writes scale.json and scale.svg beside its run.json. Undefined where it was
 * interrupted before there was anything. Rejects with what a run rejects with, and ReturnError.
 */
export async function runScale(request: ScaleRequest): Promise<MeasuredScale | undefined> {
  const { engine, mode, size, name, dataDirectory, ...context } = request;
  const run = plannedScale(engine, size, name, dataDirectory);
  const recorders = await mkdtemp(join(tmpdir(), 'rkv-scale-'));
  const { rejoinAt, restarts = false } = mode;
  const rejoinAtMs = rejoinAt === undefined ? undefined : rejoinAt * size.timeMs;
  const observer = new ServerWatch(recorders, { rejoinAtMs, restarts });
  const sink = new SecondLatencies();
  try {
    const plan = { runs: [run], rounds: { kind: 'fixed', count: 1 } as const };
    const { written } = await benchRuns(plan, { ...context, onlookers: { observer, sink } });
    const [only] = written;
    if (only === undefined) return undefined;
    const figures = scaleFigures(only.record.repeats[0]!, sink, observer.watched());
    await writeWhole(join(only.folder, 'scale.json'), `${JSON.stringify({ mode: mode.name, size, figures })}\n`);
    await writeWhole(join(only.folder, 'scale.svg'), scaleChart(`${engine}: ${mode.description}`, figures));
    return { ...only, figures };
  } finally {
    observer.close();
    await rm(recorders, { recursive: true, force: true });
  }
}
