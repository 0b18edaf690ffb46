import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, join } from 'node:path';
import { chosen, oneOrAll } from '../cli/oneOrAll.ts';
import { packagePath } from '../cli/packagePath.ts';
import { printable } from '../cli/printable.ts';
import { fromOption, processCommand, wholeNumber } from '../cli/runCommander.ts';
import { processTerminal } from '../cli/terminal.ts';
import { ENGINE_NAMES, type EngineName } from '../consensus/engines.ts';
import { type Conditions, USUAL_CONDITIONS } from '../scenarios/conditions.ts';
import { spreadOf } from '../scenarios/distribution.ts';
import { readScenario } from '../scenarios/file/read.ts';
import type { Measurements } from '../scenarios/measure.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { runSeeds } from '../simulator/runner.ts';
import { type PlayResult, playOnOwnCluster } from '../supervisor/play/play.ts';
import { medianSpread } from '../supervisor/play/syncTimes.ts';
import type { Pair } from './comparison.ts';
import { KeptPlays } from './kept.ts';
import { happenedTable, sideBySideTable } from './tables.ts';

/** The scenarios that come with rkv. */
const LIBRARY = packagePath('scenarios');
/** In a document that `--write` names. */
const MARKS = { happened: 'scenarios: what happened', sideBySide: 'scenarios: side by side' };

interface Options {
  readonly engine: EngineName | 'all';
  readonly plays: number;
  readonly atOnce: number;
  readonly seeds: number;
  readonly only?: string;
  readonly keep?: string;
  readonly write?: string;
}

const program = processCommand('scenarios')
  .description(
    'Plays the scenarios of scenarios/ on real clusters and in the simulator, with the disk and process times that the real ones had, and prints both side by side in Markdown.',
  )
  .addOption(oneOrAll('--engine <name>', 'the backend', ENGINE_NAMES))
  .option('--plays <count>', 'real plays of each scenario on each engine', wholeNumber, 20)
  .option('--at-once <count>', 'real plays side by side, each on a cluster of its own', wholeNumber, 1)
  .option('--seeds <count>', 'simulated ones; 0 for none', wholeNumber, 1000)
  .option('--only <names>', 'of the files of scenarios/ these, such as isolated-leader,leader-killed')
  .option('--keep <file>', 'take real plays from this file, and keep in it those that are made')
  .option('--write <document>', 'put the tables in the place of those in this document, between its marks');

const options = program.parse().opts<Options>();
const engines = chosen(options.engine, ENGINE_NAMES);
const scenarios = libraryOf(options.only);
const kept = fromOption(program, '--keep', () => new KeptPlays(options.keep));

function libraryOf(only: string | undefined): Scenario[] {
  const all = readdirSync(LIBRARY)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'))
    .sort();
  const names = only === undefined ? all : only.split(',');
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) program.error(`--only: no scenario ${printable(unknown)}: expected of ${all.join(', ')}`);
  return names.map((name) => readScenario(join(LIBRARY, `${name}.yaml`)));
}

async function playReally(scenario: Scenario, engine: EngineName): Promise<void> {
  const { name } = scenario;
  const result = await playOnOwnCluster(scenario, { backend: engine });
  kept.add(name, engine, result);
  const { gapMs } = result.measurements;
  const problems = result.problems.map((problem) => `; ${problem}`).join('');
  processTerminal.err(
    `${engine}: ${name}, ${kept.of(name, engine).length} of ${options.plays}: longest gap ${(gapMs / 1000).toFixed(2)} s${problems}`,
  );
}

/** One play of each at a time, so that all have had about as many whenever this is broken off. */
function* missingPlays(): Generator<[Scenario, EngineName]> {
  for (let play = 1; play <= options.plays; play++) {
    for (const engine of engines) {
      for (const scenario of scenarios) if (before.get(engine)!.get(scenario)! < play) yield [scenario, engine];
    }
  }
}

/** What the machine's disk and processes took in the plays of all scenarios. */
function conditionsOf(results: readonly PlayResult[]): Conditions {
  const starts = results.flatMap(({ startsMs }) => startsMs);
  return {
    syncMs: medianSpread(results.flatMap(({ syncMs }) => (syncMs === null ? [] : [syncMs]))) ?? USUAL_CONDITIONS.syncMs,
    wakeMs: medianSpread(results.map(({ wakeMs }) => wakeMs)) ?? USUAL_CONDITIONS.wakeMs,
    startMs: starts.length === 0 ? USUAL_CONDITIONS.startMs : spreadOf(starts),
  };
}

async function simulate(scenario: Scenario, engine: EngineName, conditions: Conditions): Promise<Measurements[]> {
  const measured: Measurements[] = [];
  if (options.seeds === 0) return measured;
  const range = { engine, first: 1, count: options.seeds, play: { scenario, conditions } };
  await runSeeds(range, availableParallelism(), ({ seed, violation, measurements }) => {
    if (measurements !== undefined) measured.push(measurements);
    else {
      process.exitCode = 1;
      processTerminal.err(`${engine}: ${scenario.name}, seed ${seed} failed: ${violation?.message}`);
    }
  });
  processTerminal.err(`${engine}: ${scenario.name}, ${measured.length} simulated`);
  return measured;
}

const before = new Map(
  engines.map((engine) => [engine, new Map(scenarios.map((each) => [each, kept.of(each.name, engine).length]))]),
);
const missing = missingPlays();
await Promise.all(
  Array.from({ length: Math.max(1, options.atOnce) }, async () => {
    // One generator for all: each takes what nobody plays yet.
    for (const [scenario, engine] of missing) await playReally(scenario, engine);
  }),
);

const pairs: Pair[] = [];
const told: string[] = [];
for (const engine of engines) {
  const plays = new Map(scenarios.map((each) => [each, kept.of(each.name, engine).slice(0, options.plays)]));
  const conditions = conditionsOf([...plays.values()].flat());
  const ms = (spread: readonly number[]) => spread.map((each) => Number(each.toPrecision(3))).join(', ');
  told.push(
    `${engine}: syncs ${ms(conditions.syncMs)} ms, starts ${ms(conditions.startMs)} ms, late by ${ms(conditions.wakeMs)} ms`,
  );
  for (const scenario of scenarios) {
    const results = plays.get(scenario)!;
    if (results.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
    pairs.push({
      scenario: scenario.name,
      engine,
      real: results.map(({ measurements }) => measurements),
      simulated: await simulate(scenario, engine, conditions),
    });
  }
}
const ordered = scenarios.flatMap(({ name }) => pairs.filter((pair) => pair.scenario === name));
const machine = `${cpus()[0]?.model.trim() || 'unknown processor'}, ${availableParallelism()} cores, Node.js ${process.versions.node}`;
const made = [
  `${options.plays} plays of each on real servers${options.atOnce > 1 ? `, ${options.atOnce} at once` : ''}, ${options.seeds} simulated ones. ${machine}.`,
  `p50, p90, p99 and p99.9 of what was measured there and simulated: ${told.join('; ')}.`,
].join('\n');
const tables = new Map([[MARKS.happened, `${made}\n\n${happenedTable(ordered)}`]]);
if (options.seeds > 0) tables.set(MARKS.sideBySide, `${made}\n\n${sideBySideTable(ordered)}`);
if (options.write === undefined) for (const table of tables.values()) processTerminal.out(`${table}\n`);
else writeInto(options.write, tables);

/** A document has the tables that it has marks for. */
function writeInto(path: string, tablesByMark: ReadonlyMap<string, string>): void {
  let text = readFileSync(path, 'utf8');
  for (const [mark, table] of tablesByMark) {
    text = text.replace(
      new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*?(\\n<!-- /${mark} -->)`),
      (_all, before: string, after: string) => `${before}${table}${after}`,
    );
  }
  writeFileSync(path, text);
}
