import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { InvalidArgumentError } from 'commander';
import { printable, printableJson, printableLines } from '../cli/printable.ts';
import { fromOption, processCommand, wholeNumber, wholeNumberBelow } from '../cli/runCommander.ts';
import { renderTable } from '../cli/table.ts';
import type { Spread } from '../faults/spread.ts';
import { USUAL_CONDITIONS } from '../scenarios/conditions.ts';
import { readScenario } from '../scenarios/file/read.ts';
import type { Measurements } from '../scenarios/measure.ts';
import { DISTRIBUTION_ALIGNS, DISTRIBUTION_HEAD, distributionRows, renderMeasurements } from '../scenarios/render.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { SIMULATED_ENGINES, simulatedEngine, UnknownEngineError } from './engines.ts';
import { explore } from './explore/explore.ts';
import type { Exploration } from './explore/explorer.ts';
import { formatRunName, parseRunName, type RunName, SEED_MAX } from './runName.ts';
import { runSeeds } from './runner.ts';
import { parseSpread } from './scenario/options.ts';
import type { ScenarioRun } from './scenario/scenarioPlan.ts';
import { plannedKinds, Totals } from './totals.ts';
import { type RunReport, runSeed } from './world.ts';

interface Options {
  readonly engine: string;
  readonly seeds: number;
  readonly seed: RunName | undefined;
  readonly explore: boolean;
  readonly first: number | undefined;
  readonly trace: boolean;
  readonly threads: number;
  readonly scenario?: string;
  readonly syncMs: Spread;
  readonly startMs: Spread;
  readonly wakeMs: Spread;
  readonly json: boolean;
}

/** Below this many runs a rare fault may well not happen by chance. */
const RUNS_FOR_COVERAGE_MIN = 400;
const PROGRESS_INTERVAL_MS = 500;

/** New combinations are counted for so many runs at a time. */
const RUNS_PER_LINE = 100;

const seedNumber = wholeNumberBelow(SEED_MAX);
const runName = (text: string): RunName => {
  const name = parseRunName(text);
  if (name === undefined)
    throw new InvalidArgumentError('expected a seed, or the name that --explore printed of a run');
  return name;
};
const program = processCommand('simulate')
  .description('Runs clusters in virtual time, each from one seed, and holds them to the safety invariants.')
  .option('--engine <name>', `${Object.keys(SIMULATED_ENGINES).join(', ')} or all`, 'gorums')
  .option('--seeds <count>', 'how many seeds to run', wholeNumber, 100)
  .option('--first <seed>', 'the first of them; by default a fresh one', seedNumber)
  .option('--seed <seed>', 'run this seed alone, or the variation of one that --explore named', runName)
  .option('--explore', 'vary seeds that reached rare combinations of states, besides fresh ones', false)
  .option('--trace', 'print what happens, line by line (with --seed)', false)
  .option('--threads <count>', 'threads to run on', wholeNumber, availableParallelism())
  .option(
    '--scenario <file>',
    'play this scenario in each seed instead of what it would draw, and print how long what took',
  )
  .option('--sync-ms <p50,p90,p99,p99.9>', 'of a scenario: how long disks sync', parseSpread, USUAL_CONDITIONS.syncMs)
  .option(
    '--start-ms <p50,p90,p99,p99.9>',
    'of a scenario: how long a process takes until it answers',
    parseSpread,
    USUAL_CONDITIONS.startMs,
  )
  .option(
    '--wake-ms <p50,p90,p99,p99.9>',
    'of a scenario: how late a process gets round to what has come',
    parseSpread,
    USUAL_CONDITIONS.wakeMs,
  )
  .option('--json', 'of a scenario: print the measurements of each seed as JSON', false);

function replayCommand(report: RunReport): string {
  return `npm run simulate -- --engine ${report.engine} --seed ${formatRunName(report)} --trace`;
}

function describeFailure(report: RunReport): string {
  return `seed ${formatRunName(report)} of ${report.engine} failed\n  ${report.violation!.message}\n  replay: ${replayCommand(report)}`;
}

function replay(engine: string, run: RunName, options: Options, play: ScenarioRun | undefined): boolean {
  const { seed, twists } = run;
  const print = options.trace
    ? (line: string) => console.log(printableLines(line, Number.POSITIVE_INFINITY))
    : undefined;
  const report = runSeed(simulatedEngine(engine), seed, {
    twists,
    play,
    ...(print === undefined ? {} : { print }),
  });
  const { virtualSeconds, operations, leaderships, committed, traceHash } = report;
  console.log(
    `engine ${engine}  seed ${formatRunName(run)}  ${virtualSeconds.toFixed(1)} s  ${operations} operations  ${committed} entries  ${leaderships} leaders  trace ${traceHash}`,
  );
  if (report.measurements !== undefined) console.log(renderMeasurements(report.measurements).join('\n'));
  if (report.violation === undefined) return true;
  console.log(`${describeFailure(report)}\n${report.violation.stack}`);
  return false;
}

async function runMany(engine: string, options: Options, play: ScenarioRun | undefined): Promise<boolean> {
  const first = options.first ?? (Date.now() % 1_000_000_000) * 1000;
  const range = { engine, first, count: options.seeds, play };
  const measured: Measurements[] = [];
  const totals = new Totals();
  const beganMs = performance.now();
  let printedMs = 0;
  const done = (report: RunReport) => {
    totals.add(report);
    if (report.measurements !== undefined) measured.push(report.measurements);
    if (report.violation !== undefined) {
      process.stderr.write('\r');
      console.log(describeFailure(report));
    }
    const nowMs = performance.now();
    if (nowMs - printedMs < PROGRESS_INTERVAL_MS && totals.runs < options.seeds) return;
    printedMs = nowMs;
    const rate = totals.runs / ((nowMs - beganMs) / 1000);
    const line = `${totals.runs} of ${options.seeds} seeds, ${rate.toFixed(1)} seeds/s, ${totals.failures.length} failed`;
    process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`);
  };
  if (!options.json)
    console.log(
      options.explore
        ? `${engine}: exploring from seed ${first} on`
        : `${engine}: seeds ${first} to ${first + options.seeds - 1}`,
    );
  if (options.explore) {
    const newStates = new NewStates(options.seeds);
    await explore(range, options.threads, (report, found) => {
      done(report);
      newStates.show(found);
    });
  } else await runSeeds(range, options.threads, done);
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (play !== undefined) {
    printPlays(engine, play.scenario, measured, options.json);
    return totals.failures.length === 0;
  }
  printTotals(engine, totals, (performance.now() - beganMs) / 1000);
  const missing = options.seeds < RUNS_FOR_COVERAGE_MIN ? [] : totals.neverHappened(simulatedEngine(engine));
  if (missing.length > 0) console.log(`planned, but never happened: ${missing.join(', ')}`);
  return totals.failures.length === 0 && missing.length === 0;
}

function printPlays(engine: string, { name }: Scenario, measured: readonly Measurements[], json: boolean): void {
  if (json) {
    console.log(printableJson({ engine, scenario: name, plays: measured }));
    return;
  }
  console.log(`${engine}: ${printable(name)}, ${measured.length} simulated plays`);
  console.log(renderTable(DISTRIBUTION_HEAD, distributionRows(measured), DISTRIBUTION_ALIGNS));
}

/** Prints, every so many runs and after the last one, how many combinations of states they were the first to reach. */
class NewStates {
  private readonly runs: number;
  private shown: Exploration = { runs: 0, states: 0, keptRuns: 0, variations: 0, byVariations: 0 };

  constructor(runs: number) {
    this.runs = runs;
  }

  show(found: Exploration): void {
    const before = this.shown;
    if (found.runs < before.runs + RUNS_PER_LINE && found.runs < this.runs) return;
    this.shown = found;
    const since = (of: (found: Exploration) => number) => of(found) - of(before);
    const states = since((each) => each.states);
    console.log(
      `  runs ${before.runs + 1} to ${found.runs}: ${states} new combinations of states, ${since((each) => each.byVariations)} of them by ${since((each) => each.variations)} variations; ${since((each) => each.keptRuns)} runs kept; ${found.states} combinations so far`,
    );
  }
}

function printTotals(engine: string, totals: Totals, seconds: number): void {
  const { runs, virtualSeconds, operations, acknowledged, committed, leaderships, steps, eventful, dense } = totals;
  const denseRate = dense.operations / dense.virtualSeconds;
  const otherRate = (operations - dense.operations) / (virtualSeconds - dense.virtualSeconds);
  console.log(
    [
      `${engine}: ${runs} seeds in ${seconds.toFixed(1)} s (${(runs / seconds).toFixed(1)} seeds/s), ${totals.failures.length} failed`,
      `  ${Math.round(virtualSeconds)} virtual seconds, ${steps} events, ${operations} client operations, ${acknowledged} of them acknowledged`,
      `  ${committed} committed entries, ${leaderships} leaders elected`,
      `  ${eventful} seeds (${((100 * eventful) / runs).toFixed(1)} %) had 100 entries, two leaders, an installed snapshot and a finished change`,
      `  ${dense.runs} dense seeds with ${denseRate.toFixed(1)} operations a virtual second, ${otherRate.toFixed(1)} in the others`,
      ...plannedKinds(simulatedEngine(engine)).map((kind) => `  ${kind.padEnd(30)} ${totals.census.of(kind)}`),
    ].join('\n'),
  );
}

// Of the threads that are yet to start: nearly everything that a run makes is garbage by its next event.
setFlagsFromString('--min-semi-space-size=16');
const options = program.parse().opts<Options>();
const { scenario: file, syncMs, startMs, wakeMs } = options;
const play =
  file === undefined
    ? undefined
    : {
        scenario: fromOption(program, '--scenario', () => readScenario(file)),
        conditions: { syncMs, startMs, wakeMs },
      };
try {
  const engines = options.engine === 'all' ? Object.keys(SIMULATED_ENGINES) : [options.engine];
  for (const engine of engines) simulatedEngine(engine);
  let isFine = true;
  for (const engine of engines) {
    const passed =
      options.seed === undefined ? await runMany(engine, options, play) : replay(engine, options.seed, options, play);
    isFine = isFine && passed;
  }
  process.exitCode = isFine ? 0 : 1;
} catch (error) {
  if (!(error instanceof UnknownEngineError)) throw error;
  program.error(error.message);
}
