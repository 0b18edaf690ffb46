import { randomBytes } from 'node:crypto';
import { isPrecise, type Precision, precisionOf } from './compare/precision.ts';
import { machineFacts } from './facts/machine.ts';
import { gitFacts, packageVersions } from './facts/packageFacts.ts';
import { judge } from './judge.ts';
import { mergeRepeats } from './merge.ts';
import type { BenchPlan, PlannedRun, Rounds } from './plan.ts';
import type { WrittenRun } from './render/runTable.ts';
import { type RunRecord, SCHEMA_VERSION } from './results/schema.ts';
import { runFolder, writeRun } from './results/store.ts';
import { roundOrder } from './roundOrder.ts';
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

export interface BenchOutcome {
  readonly written: readonly WrittenRun[];
  /** Where a precision was asked for. */
  readonly precision: Precision | undefined;
}

/** What is the same for all runs of a series. */
type SeriesFacts = Required<Pick<RunRecord, 'series' | 'machine' | 'versions' | 'git'>>;

/** A run of the series that is under way. */
interface SeriesRun {
  readonly run: PlannedRun;
  readonly folder: string;
  readonly measurements: Measurement[];
  record: RunRecord | undefined;
}

/**
 * Measures the runs in rounds, every run once a round, and writes all that there is of a run after each of its repeats. Rejects with what a
 * run rejects with.
 */
export async function benchRuns({ runs, rounds }: BenchPlan, context: BenchContext): Promise<BenchOutcome> {
  // Before hours are spent on results that could not be written.
  const series = runs.map(
    (run): SeriesRun => ({ run, folder: runFolder(context.results, run.name), measurements: [], record: undefined }),
  );
  const facts = {
    series: { id: randomBytes(8).toString('hex') },
    machine: machineFacts(),
    versions: await packageVersions(),
    git: await gitFacts(),
  };
  const { stop } = context.interrupts;
  let precision: Precision | undefined;
  for (let round = 0; round < roundsMax(rounds) && !stop.aborted; round++) {
    for (const at of roundOrder(series.length, round)) {
      if (stop.aborted) break;
      await measureRun(series[at]!, facts, round, rounds, context);
    }
    if (rounds.kind !== 'precision' || stop.aborted) continue;
    const records = recordsOf(series);
    precision = precisionOf(records, rounds.share);
    // What loses writes has no speed, however precisely that is measured.
    if (isPrecise(precision, rounds.share) || records.some(({ verdict }) => !verdict.passed)) break;
  }
  const written = series.flatMap(({ record, folder }) => (record === undefined ? [] : [{ record, folder }]));
  return { written, precision };
}

function roundsMax(rounds: Rounds): number {
  return rounds.kind === 'fixed' ? rounds.count : rounds.countMax;
}

function recordsOf(series: readonly SeriesRun[]): RunRecord[] {
  return series.flatMap(({ record }) => record ?? []);
}

async function measureRun(
  one: SeriesRun,
  facts: SeriesFacts,
  round: number,
  rounds: Rounds,
  context: BenchContext,
): Promise<void> {
  const { run, folder, measurements } = one;
  const progress = context.progress(titleOf(run.name, round, rounds));
  let measurement: Measurement | undefined;
  try {
    measurement = await measureOnce(run, round, progress, context.interrupts);
  } finally {
    progress.end();
  }
  if (measurement === undefined) return;
  measurements.push(measurement);
  one.record = runRecord(one, facts, context.interrupts.stop.aborted);
  await writeRun(
    folder,
    one.record,
    measurements.map(({ histograms }) => histograms),
  );
}

function titleOf(name: string, round: number, rounds: Rounds): string {
  if (rounds.kind === 'precision') return `${name} ${round + 1}`;
  return rounds.count > 1 ? `${name} ${round + 1}/${rounds.count}` : name;
}

function runRecord({ run, measurements }: SeriesRun, facts: SeriesFacts, interrupted: boolean): RunRecord {
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
    ...facts,
    settings: { ...run.settings, repeats: repeats.length },
    disk,
    repeats,
    merged,
    verdict: judge({ load: run.settings.load, repeats, merged, disk }),
  };
}
