import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isPrecise, type Precision, precisionOf } from './compare/precision.ts';
import { machineFacts } from './facts/machine.ts';
import { gitFacts, packageVersions } from './facts/packageFacts.ts';
import type { BenchPlan, Rounds } from './plan/plan.ts';
import { roundOrder } from './plan/roundOrder.ts';
import { TimeLeft } from './plan/timeLeft.ts';
import type { WrittenRun } from './render/runTable.ts';
import type { RunRecord } from './results/schema.ts';
import { ResultsError } from './results/store.ts';
import { type MeasureOptions, measureOnce, type Progress } from './run/measure.ts';
import type { Interrupts } from './run/target.ts';
import { type SeriesFacts, SeriesRun } from './series.ts';
import { expectEtcd } from './systems/etcd/etcdCluster.ts';

/** Where a bench's results go, and how it is followed and stopped. */
export interface BenchContext {
  readonly results: string;
  /** Go on with what is there of the runs, rather than refuse. */
  readonly resumes?: boolean;
  /** Keep the original's CSV files of clients and servers in the runs' folders. */
  readonly keepsCsv?: boolean;
  /** Who looks on while it is measured. */
  readonly onlookers?: Pick<MeasureOptions, 'observer' | 'sink'>;
  /** End what is under way; what was measured until then is written. */
  readonly interrupts: Interrupts;
  /** One for each repeat; `end` is called when that is over, however it went. */
  readonly progress: (title: string) => Progress & { end(): void };
  /** Told of all that there is after each repeat. */
  readonly onMeasured?: (written: readonly WrittenRun[]) => Promise<void>;
}

export interface BenchOutcome {
  readonly written: readonly WrittenRun[];
  /** Where a precision was asked for. */
  readonly precision: Precision | undefined;
}

/**
 * Measures the runs in rounds, every run once a round, and writes all that there is of a run after each of its repeats. Rejects with what a
 * run rejects with.
 */
export async function benchRuns({ runs, rounds }: BenchPlan, context: BenchContext): Promise<BenchOutcome> {
  const { results, resumes = false, interrupts } = context;
  // Before hours are spent on results that could not be had, or not be written.
  if (runs.some(({ settings }) => settings.cluster.kind === 'etcd')) expectEtcd();
  const series: SeriesRun[] = [];
  for (const run of runs) {
    series.push(resumes ? await SeriesRun.resume(run, results) : SeriesRun.begin(run, results));
  }
  const facts = await factsOf(series);
  const timeLeft = new TimeLeft(runs, rounds);
  let precision: Precision | undefined;
  for (let round = 0; round < roundsMax(rounds) && !interrupts.stop.aborted; round++) {
    for (const at of roundOrder(series.length, round)) {
      const one = series[at]!;
      if (interrupts.stop.aborted) break;
      if (one.has(round)) timeLeft.skip();
      else {
        await measureRun(one, facts, round, timeLeft, context);
        await context.onMeasured?.(writtenOf(series));
      }
    }
    if (rounds.kind !== 'precision' || interrupts.stop.aborted) continue;
    const records = series.flatMap(({ record }) => record ?? []);
    precision = precisionOf(records, rounds.share);
    // What loses writes has no speed, however precisely that is measured.
    if (isPrecise(precision, rounds.share) || records.some(({ verdict }) => !verdict.passed)) break;
  }
  return { written: writtenOf(series), precision };
}

function roundsMax(rounds: Rounds): number {
  return rounds.kind === 'fixed' ? rounds.count : rounds.countMax;
}

function writtenOf(series: readonly SeriesRun[]): WrittenRun[] {
  return series.flatMap(({ record, folder }) => (record === undefined ? [] : [{ record, folder }]));
}

/** Throws ResultsError where what is there of the series was measured on another machine, or of another commit. */
async function factsOf(series: readonly SeriesRun[]): Promise<SeriesFacts> {
  const now = { machine: machineFacts(), versions: await packageVersions(), git: await gitFacts() };
  const begun = series.find(({ record }) => record?.series !== undefined);
  if (begun === undefined) return { series: { id: randomBytes(8).toString('hex') }, ...now };
  const { machine, git, series: before } = begun.record as RunRecord & SeriesFacts;
  if (!isDeepStrictEqual([machine, git?.commit], [now.machine, now.git?.commit])) {
    throw new ResultsError(`${begun.folder} was measured on another machine or commit: give this another --name`);
  }
  return { series: before, ...now };
}

async function measureRun(
  one: SeriesRun,
  facts: SeriesFacts,
  round: number,
  timeLeft: TimeLeft,
  { progress: progressOf, interrupts, keepsCsv = false, onlookers }: BenchContext,
): Promise<void> {
  const progress = progressOf(timeLeft.title(one.plan.name, round));
  const csvFolder = keepsCsv ? join(one.folder, 'csv', `round-${round + 1}`) : undefined;
  const startMs = performance.now();
  try {
    const measurement = await measureOnce(one.plan, round, progress, interrupts, { csvFolder, ...onlookers });
    if (measurement !== undefined) await one.add(measurement, facts, interrupts.stop.aborted);
  } finally {
    progress.end();
  }
  timeLeft.took(performance.now() - startMs);
}
