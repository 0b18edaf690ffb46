import { machineFacts } from './facts/machine.ts';
import { gitFacts, packageVersions } from './facts/packageFacts.ts';
import { judge } from './judge.ts';
import { mergeRepeats } from './merge.ts';
import type { PlannedRun } from './plan.ts';
import type { WrittenRun } from './render/runTable.ts';
import { type RunRecord, SCHEMA_VERSION } from './results/schema.ts';
import { runFolder, writeRun } from './results/store.ts';
import { type Measurement, measureOnce, type Progress } from './run/measure.ts';
import type { Interrupts } from './run/target.ts';

/** Where a bench's results go, and how it is followed and stopped. */
export interface BenchContext {
  readonly results: string;
  /** End what is under way; what was measured until then is written. */
  readonly interrupts: Interrupts;
  /** One for each repeat; `end` is called when that is over, however it went. */
  readonly progress: (title: string) => Progress & { end(): void };
}

/** Measures the runs one after the other and writes each as soon as it is done. Rejects with what a run rejects with. */
export async function benchRuns(runs: readonly PlannedRun[], context: BenchContext): Promise<WrittenRun[]> {
  // Before hours are spent on results that could not be written.
  const folders = runs.map(({ name }) => runFolder(context.results, name));
  const written: WrittenRun[] = [];
  for (const [at, run] of runs.entries()) {
    if (context.interrupts.stop.aborted) break;
    const folder = folders[at]!;
    const measurements = await measureRepeats(run, context);
    if (measurements.length === 0) break;
    const record = await runRecord(run, measurements, context.interrupts.stop.aborted);
    await writeRun(
      folder,
      record,
      measurements.map(({ histograms }) => histograms),
    );
    written.push({ record, folder });
  }
  return written;
}

async function measureRepeats(run: PlannedRun, context: BenchContext): Promise<Measurement[]> {
  const { repeats } = run.settings;
  const measurements: Measurement[] = [];
  for (let repeat = 0; repeat < repeats && !context.interrupts.stop.aborted; repeat++) {
    const progress = context.progress(repeats > 1 ? `${run.name} ${repeat + 1}/${repeats}` : run.name);
    try {
      const measurement = await measureOnce(run, repeat, progress, context.interrupts);
      if (measurement !== undefined) measurements.push(measurement);
    } finally {
      progress.end();
    }
  }
  return measurements;
}

async function runRecord(
  run: PlannedRun,
  measurements: readonly Measurement[],
  interrupted: boolean,
): Promise<RunRecord> {
  const repeats = measurements.map(({ record }) => record);
  const merged = mergeRepeats(
    repeats,
    measurements.map(({ histograms }) => histograms),
  );
  const disk = measurements[0]?.disk ?? null;
  return {
    schemaVersion: SCHEMA_VERSION,
    name: run.name,
    startedAt: repeats[0]!.startedAt,
    interrupted,
    settings: run.settings,
    machine: machineFacts(),
    disk,
    versions: await packageVersions(),
    git: await gitFacts(),
    repeats,
    merged,
    verdict: judge({ load: run.settings.load, repeats, merged, disk }),
  };
}
