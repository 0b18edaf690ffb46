/**
 * etcd-io/raft's scripts against our engine. Every `.txt` file below the folder that holds a `----` line is a script:
 * of quorum mathematics, of configuration changes, or of the interaction of whole nodes, told apart by its first command.
 * Lines of log output are left out on both sides; apart from them the traces must be equal. A command that is not known
 * fails its script.
 */

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { processTerminal } from '../cli/terminal.ts';
import { readTextFile } from '../files/regularFile.ts';
import { lineDifference } from './etcdRaft/difference.ts';
import { InteractionScript } from './etcdRaft/interactionScript.ts';
import { MembershipScript } from './etcdRaft/membershipScript.ts';
import { runQuorumCommand } from './etcdRaft/quorumScript.ts';
import { parseScript, type ScriptStep } from './etcdRaft/script.ts';
import { CASE_BYTES_MAX, type ConformanceResult } from './result.ts';

/** Steps that differ are all shown up to this many a script; the rest are counted. */
const DIFFERENCES_SHOWN_MAX = 3;
const FOLDERS_SKIPPED = new Set(['node_modules', 'vendor', '.git']);
const LOG_LINE = /^\s*(DEBUG|INFO|WARN|ERROR|FATAL|PANIC)(\s|$)/;

/** Accepts a single script's path, too. */
export async function run(folder: string): Promise<ConformanceResult> {
  const single = (await stat(folder)).isFile();
  const paths = single ? [folder] : await scriptsBelow(folder);
  const root = single ? dirname(folder) : folder;
  let passed = 0;
  let failed = 0;
  for (const path of paths) {
    const text = readTextFile(path, CASE_BYTES_MAX);
    if (!single && !text.split('\n').some((line) => line.trimEnd() === '----')) continue;
    const problems = runScript(text);
    if (problems.length === 0) passed++;
    else failed++;
    processTerminal.out(`${problems.length === 0 ? 'pass' : 'FAIL'} ${relative(root, path) || basename(path)}`);
    for (const problem of problems.slice(0, DIFFERENCES_SHOWN_MAX)) processTerminal.err(problem);
    const hidden = problems.length - DIFFERENCES_SHOWN_MAX;
    if (hidden > 0) processTerminal.err(`… and ${hidden} more steps that differ`);
  }
  return { passed, failed };
}

async function scriptsBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !FOLDERS_SKIPPED.has(entry.name)) paths.push(...(await scriptsBelow(path)));
    else if (entry.isFile() && extname(entry.name) === '.txt') paths.push(path);
  }
  return paths.sort();
}

/** What differs, one text a step; nothing where the script passes. */
export function runScript(text: string): string[] {
  let steps: ScriptStep[];
  try {
    steps = parseScript(text);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const runStep = runnerFor(steps);
  const problems: string[] = [];
  for (const step of steps) {
    const difference = lineDifference(normalize(step.expected), normalize(outputOf(step, runStep).split('\n')));
    if (difference !== undefined) problems.push(`line ${step.line}: ${step.text}\n${difference}`);
  }
  return problems;
}

/** An engine that throws has failed the step; its reason shows in the difference. */
function outputOf(step: ScriptStep, runStep: (step: ScriptStep) => string): string {
  try {
    return runStep(step);
  } catch (error) {
    return `the engine failed: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
  }
}

function runnerFor(steps: readonly ScriptStep[]): (step: ScriptStep) => string {
  const first = steps[0]?.name ?? '';
  if (first === 'committed' || first === 'vote') return runQuorumCommand;
  if (['simple', 'enter-joint', 'leave-joint'].includes(first)) {
    const script = new MembershipScript();
    return (step) => script.run(step);
  }
  const script = new InteractionScript();
  return (step) => script.run(step);
}

/**
 * Without log output, blank lines at the end, and the `ok` that stands for no output: whether there was any beside the log
 * cannot be seen once the log is left out.
 */
function normalize(lines: readonly string[]): string[] {
  const kept = lines.map((line) => line.trimEnd()).filter((line) => !LOG_LINE.test(line));
  while (kept.length > 0 && kept[kept.length - 1] === '') kept.pop();
  return kept.length === 1 && kept[0] === 'ok' ? [] : kept;
}
