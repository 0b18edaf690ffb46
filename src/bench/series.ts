import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { judge } from './judge.ts';
import { mergeRepeats } from './merge.ts';
import type { PlannedRun } from './plan/plan.ts';
import { type RunRecord, SCHEMA_VERSION } from './results/schema.ts';
import { ResultsError, ResultsMissingError, readMeasured, runFolder, writeRun } from './results/store.ts';
import type { Measurement } from './run/measure.ts';

/** What is the same for all runs of a series. */
export type SeriesFacts = Required<Pick<RunRecord, 'series' | 'machine' | 'versions' | 'git'>>;

/** A run of a series, and what there is of it so far. */
export class SeriesRun {
  readonly plan: PlannedRun;
  readonly folder: string;
  private readonly measurements: Measurement[] = [];
  /** Undefined until there is a repeat. */
  record: RunRecord | undefined;

  private constructor(plan: PlannedRun, folder: string) {
    this.plan = plan;
    this.folder = folder;
  }

  /** Throws ResultsError where there is a run of that name. */
  static begin(plan: PlannedRun, results: string): SeriesRun {
    return new SeriesRun(plan, runFolder(results, plan.name));
  }

  /** Goes on with what is there of it, without repeats that were cut short. Throws ResultsError where that was something else. */
  static async resume(plan: PlannedRun, results: string): Promise<SeriesRun> {
    const run = new SeriesRun(plan, join(results, plan.name));
    let measured: Awaited<ReturnType<typeof readMeasured>>;
    try {
      measured = await readMeasured(run.folder);
    } catch (error) {
      if (error instanceof ResultsMissingError) return run;
      throw error;
    }
    const { record, repeats } = measured;
    const asked = { ...plan.settings, repeats: record.settings.repeats };
    if (!isDeepStrictEqual(record.settings, asked)) {
      throw new ResultsError(`${run.folder} was measured with other settings: give this another --name`);
    }
    for (const [at, each] of record.repeats.entries()) {
      if (!each.interrupted) run.measurements.push({ record: each, histograms: repeats[at]!, disk: record.disk });
    }
    const { series, machine, versions, git } = record;
    if (run.measurements.length > 0 && series !== undefined) {
      run.record = run.recordOf({ series, machine, versions, git }, false);
    }
    return run;
  }

  has(round: number): boolean {
    return this.measurements.some(({ record }) => record.round === round);
  }

  /** Writes the run with one more repeat. Rejects with ResultsError. */
  async add(measurement: Measurement, facts: SeriesFacts, interrupted: boolean): Promise<void> {
    this.measurements.push(measurement);
    this.measurements.sort((a, b) => (a.record.round ?? 0) - (b.record.round ?? 0));
    this.record = this.recordOf(facts, interrupted);
    await writeRun(
      this.folder,
      this.record,
      this.measurements.map(({ histograms }) => histograms),
    );
  }

  private recordOf(facts: SeriesFacts, interrupted: boolean): RunRecord {
    const repeats = this.measurements.map(({ record }) => record);
    const histograms = this.measurements.map((each) => each.histograms);
    const merged = mergeRepeats(repeats, histograms);
    const disk = this.measurements[0]!.disk;
    const { name, settings } = this.plan;
    return {
      schemaVersion: SCHEMA_VERSION,
      name,
      startedAt: repeats[0]!.startedAt,
      interrupted,
      ...facts,
      settings: { ...settings, repeats: repeats.length },
      disk,
      repeats,
      merged,
      verdict: judge({ load: settings.load, repeats, merged, disk }),
    };
  }
}
