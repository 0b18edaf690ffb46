/**
 * Recorded histories against their verdicts. The folder holds a `verdicts.json` (file name → linearizable or not) and,
 * at any depth below it, the files: `.log` is a Jepsen register log, `.txt` a log of a get/put/append store.
 */

import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { z } from 'zod';
import type { Limits } from '../checker/budget.ts';
import { type CheckReport, checkHistory } from '../checker/check.ts';
import { parseAppendLog } from '../checker/formats/appendLog.ts';
import { parseJepsenLog } from '../checker/formats/jepsenLog.ts';
import { appendStoreModel } from '../checker/models/appendStore.ts';
import { registerModel } from '../checker/models/register.ts';
import { processTerminal } from '../cli/terminal.ts';
import { readTextFile } from '../files/regularFile.ts';
import { CASE_BYTES_MAX, type ConformanceResult } from './result.ts';

const HISTORY_MS_MAX = 60_000;

/** Throws if `verdicts.json` is missing or malformed; a history that cannot be read is a failed case. */
export async function run(folder: string): Promise<ConformanceResult> {
  const verdicts = readVerdicts(join(folder, 'verdicts.json'));
  const paths = await historiesBelow(folder);
  let passed = 0;
  for (const [name, isLinearizable] of verdicts) {
    const startMs = performance.now();
    const expected = isLinearizable ? 'ok' : 'illegal';
    const found = await verdictOn(name, paths.get(name) ?? []);
    const passes = found === expected;
    if (passes) passed += 1;
    const elapsed = `${Math.round(performance.now() - startMs)} ms`;
    processTerminal.out(
      `${passes ? 'pass' : 'FAIL'} ${name}: ${found}${passes ? '' : `, expected ${expected}`} (${elapsed})`,
    );
  }
  const unjudged = [...paths.keys()].filter((name) => !verdicts.has(name));
  if (unjudged.length > 0) {
    processTerminal.err(`not run, as verdicts.json does not name them: ${unjudged.sort().join(', ')}`);
  }
  return { passed, failed: verdicts.size - passed };
}

function readVerdicts(path: string): Map<string, boolean> {
  let text: string;
  try {
    text = readTextFile(path, CASE_BYTES_MAX);
  } catch (cause) {
    throw new Error(`${path} cannot be read; it has to map each history's file name to true or false`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is not JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  const verdicts = z.record(z.string(), z.boolean()).safeParse(json);
  if (!verdicts.success)
    throw new Error(`${path}: expected file names mapped to booleans\n${z.prettifyError(verdicts.error)}`);
  return new Map(Object.entries(verdicts.data));
}

/** All paths of each file name with a history's extension. */
async function historiesBelow(folder: string): Promise<Map<string, string[]>> {
  const paths = new Map<string, string[]>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || !['.log', '.txt'].includes(extname(entry.name))) continue;
    paths.set(entry.name, [...(paths.get(entry.name) ?? []), join(entry.parentPath, entry.name)]);
  }
  return paths;
}

/** A verdict, or why there is none. */
async function verdictOn(name: string, paths: readonly string[]): Promise<string> {
  const [path, ...others] = paths;
  if (path === undefined) return 'no such file below the folder (.log or .txt)';
  if (others.length > 0) return `ambiguous: ${paths.join(', ')}`;
  try {
    const report = checkFile(path, readTextFile(path, CASE_BYTES_MAX));
    const [undecided] = report.undecided;
    if (report.verdict !== 'unknown' || undecided === undefined) return report.verdict;
    return `unknown (key ${JSON.stringify(undecided.key)} ran out of ${undecided.exhausted})`;
  } catch (error) {
    return `${basename(name)} cannot be checked: ${error instanceof Error ? error.message : error}`;
  }
}

function checkFile(path: string, text: string): CheckReport<unknown, unknown> {
  const limits: Limits = { now: () => performance.now(), deadline: performance.now() + HISTORY_MS_MAX };
  return extname(path) === '.log'
    ? checkHistory(registerModel, parseJepsenLog(text, path), limits)
    : checkHistory(appendStoreModel, parseAppendLog(text, path), limits);
}
