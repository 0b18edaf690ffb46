import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { printable } from '../../cli/printable.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { CONFIDENCE_DEFAULT } from '../compare/comparison.ts';
import { RECOVERY_TIMES, throughputs, wholeRepeats } from '../compare/metrics.ts';
import type { PlannedRun, Rounds } from '../plan/plan.ts';
import type { WrittenRun } from '../render/runTable.ts';
import type { RunRecord } from '../results/schema.ts';
import { ResultsInvalidError, writeWhole } from '../results/store.ts';
import { meanInterval } from '../statistics/intervals.ts';
import { median } from '../statistics/median.ts';
import { describeEffect, effectsOf } from './effects.ts';

const SUMMARY_FILE = 'summary.json';
const SUMMARY_VERSION = 1;
const SUMMARY_BYTES_MAX = 64 * 1024 * 1024;

const figure = z.object({
  /** Geometric mean over the rounds. */
  mean: z.number().min(0),
  /** In which it lies with 95 %; null after one round. */
  low: z.number().min(0).nullable(),
  high: z.number().min(0).nullable(),
});

/** The highest rate at which an objective is met. */
const limit = z.object({
  /** Of the configuration. */
  name: z.string(),
  objective: z.string(),
  /** Requests a second in all: met at `low`, in a longer run too, and missed at `high`. Null where there is none, or none yet. */
  low: z.number().min(0).nullable(),
  high: z.number().min(0).nullable(),
  /** In a longer run too, and the two are as close as was asked for. */
  isConfirmed: z.boolean(),
});

/** The universal scalability law of a closed loop, fitted to its points. */
const knee = z.object({
  name: z.string(),
  alonePerSecond: z.number().min(0),
  contention: z.number().min(0),
  coherence: z.number().min(0),
  kneeClients: z.number().min(0),
  kneePerSecond: z.number().min(0),
  /** Null where more clients always get more. */
  peakClients: z.number().min(0).nullable(),
  peakPerSecond: z.number().min(0).nullable(),
});

const summarySchema = z.object({
  schemaVersion: z.literal(SUMMARY_VERSION),
  name: z.string(),
  /** Of one that is known by its name. */
  experiment: z.string().optional(),
  /** Why it was made, in the words of who made it. */
  why: z.string().nullable(),
  /** Rounds that were planned; null where a precision decides. */
  rounds: z.int().min(1).nullable(),
  configurations: z.array(
    z.object({
      /** Of its folder beside this file. */
      name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
      levels: z.record(z.string(), z.string()),
      rounds: z.int().min(0),
      /** Null while it was not measured, or its check failed. */
      throughput: figure.nullable(),
      passed: z.boolean().nullable(),
      /** Where something was done to the servers meanwhile, ms from then: by the name that `compare` has for each time. */
      recovery: z.record(z.string(), figure).optional(),
      /** After it, over the rounds: medians. */
      failed: z.number().min(0).optional(),
      slow: z.number().min(0).optional(),
    }),
  ),
  /** Main effects and interactions, in words. */
  effects: z.array(z.string()),
  /** Of a search: what it found, in words and in figures. */
  answers: z.array(z.string()).optional(),
  limits: z.array(limit).optional(),
  knees: z.array(knee).optional(),
});

/** `results/<sweep>/summary.json`: what a sweep was to measure, and what came of it so far. */
export type SweepSummary = z.infer<typeof summarySchema>;

export type Limit = z.infer<typeof limit>;
export type Knee = z.infer<typeof knee>;

/** What a search found so far. */
export type Findings = Required<Pick<SweepSummary, 'answers' | 'limits' | 'knees'>>;

export interface SweepPlan {
  readonly name: string;
  readonly experiment?: string | undefined;
  readonly why: string | undefined;
  readonly runs: readonly PlannedRun[];
  readonly rounds: Rounds;
  /** Of a search. */
  readonly findings?: Findings | undefined;
}

export function summaryOf(
  { name, experiment, why, runs, rounds, findings }: SweepPlan,
  written: readonly WrittenRun[],
): SweepSummary {
  const records = new Map(written.map(({ record }) => [record.name, record]));
  const measured = runs.flatMap(({ name: run, levels }) => {
    const record = records.get(run);
    return record === undefined ? [] : [{ levels, record }];
  });
  return {
    schemaVersion: SUMMARY_VERSION,
    name,
    ...(experiment === undefined ? {} : { experiment }),
    why: why ?? null,
    rounds: rounds.kind === 'fixed' ? rounds.count : null,
    configurations: runs.map(({ name: run, levels }) => {
      const record = records.get(run);
      const rates = record?.verdict.passed === true ? throughputs(record) : undefined;
      return {
        name: run,
        levels,
        rounds: record === undefined ? 0 : wholeRepeats(record).length,
        throughput: rates === undefined ? null : meanInterval(rates, CONFIDENCE_DEFAULT),
        passed: record?.verdict.passed ?? null,
        ...(record?.verdict.passed === true ? recoveryOf(record) : {}),
      };
    }),
    // Where a fault comes in between, or a search chose what to measure, the throughput is not what is asked about.
    effects:
      hadFaults(measured) || findings !== undefined ? [] : effectsOf(measured, CONFIDENCE_DEFAULT).map(describeEffect),
    ...findings,
  };
}

function hadFaults(measured: readonly { readonly record: RunRecord }[]): boolean {
  return measured.some(({ record }) => record.settings.schedule !== undefined);
}

function recoveryOf(record: RunRecord): Partial<SweepSummary['configurations'][number]> {
  const repeats = wholeRepeats(record).filter(({ recovery }) => recovery !== undefined);
  if (repeats.length === 0) return {};
  const times = RECOVERY_TIMES.flatMap(({ name, key }) => {
    const found = repeats.flatMap(({ recovery }) => recovery![key] ?? []).filter((ms) => ms > 0);
    return found.length === 0 ? [] : [[name, meanInterval(found, CONFIDENCE_DEFAULT)] as const];
  });
  const middle = (of: 'failed' | 'slow') => median(repeats.map(({ recovery }) => recovery![of]));
  return { recovery: Object.fromEntries(times), failed: middle('failed'), slow: middle('slow') };
}

/** Rejects with what the file system rejects with. */
export function writeSummary(folder: string, summary: SweepSummary): Promise<void> {
  return writeWhole(join(folder, SUMMARY_FILE), `${JSON.stringify(summarySchema.parse(summary), null, 2)}\n`);
}

/** Of a sweep's folder; undefined where that is none. Throws ResultsInvalidError where it cannot be read as one. */
export function readSummary(folder: string): SweepSummary | undefined {
  const path = join(folder, SUMMARY_FILE);
  if (!existsSync(path)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readTextFile(path, SUMMARY_BYTES_MAX));
  } catch (error) {
    throw new ResultsInvalidError(`${printable(path)}: ${printable((error as Error).message)}`, { cause: error });
  }
  const summary = summarySchema.safeParse(value);
  if (summary.success) return summary.data;
  const [issue] = summary.error.issues;
  throw new ResultsInvalidError(
    `${printable(path)} is no summary of a sweep: ${printable(issue!.path.join('.'))}: ${printable(issue!.message)}`,
  );
}

/** The folders of the runs that a place holds: of a sweep all that were measured, else itself. */
export function runPlaces(place: string, summary: SweepSummary | undefined = readSummary(place)): string[] {
  if (summary === undefined) return [place];
  return summary.configurations.filter(({ rounds }) => rounds > 0).map(({ name }) => join(place, name));
}
