import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { printable } from '../../cli/printable.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { CONFIDENCE_DEFAULT } from '../compare/comparison.ts';
import { throughputs, wholeRepeats } from '../compare/metrics.ts';
import type { PlannedRun, Rounds } from '../plan/plan.ts';
import type { WrittenRun } from '../render/runTable.ts';
import { ResultsInvalidError, writeWhole } from '../results/store.ts';
import { meanInterval } from '../statistics/intervals.ts';
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

const summarySchema = z.object({
  schemaVersion: z.literal(SUMMARY_VERSION),
  name: z.string(),
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
    }),
  ),
  /** Main effects and interactions, in words. */
  effects: z.array(z.string()),
});

/** `results/<sweep>/summary.json`: what a sweep was to measure, and what came of it so far. */
export type SweepSummary = z.infer<typeof summarySchema>;

export interface SweepPlan {
  readonly name: string;
  readonly why: string | undefined;
  readonly runs: readonly PlannedRun[];
  readonly rounds: Rounds;
}

export function summaryOf({ name, why, runs, rounds }: SweepPlan, written: readonly WrittenRun[]): SweepSummary {
  const records = new Map(written.map(({ record }) => [record.name, record]));
  const measured = runs.flatMap(({ name: run, levels }) => {
    const record = records.get(run);
    return record === undefined ? [] : [{ levels, record }];
  });
  return {
    schemaVersion: SUMMARY_VERSION,
    name,
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
      };
    }),
    effects: effectsOf(measured, CONFIDENCE_DEFAULT).map(describeEffect),
  };
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
