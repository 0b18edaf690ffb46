import { availableParallelism } from 'node:os';
import { processCommand, wholeNumber, wholeNumberBelow } from '../cli/runCommander.ts';
import { SIMULATED_ENGINES, simulatedEngine, UnknownEngineError } from './engines.ts';
import { runSeeds } from './runner.ts';
import { plannedKinds, Totals } from './totals.ts';
import { type RunReport, runSeed } from './world.ts';

interface Options {
  readonly engine: string;
  readonly seeds: number;
  readonly seed: number | undefined;
  readonly first: number | undefined;
  readonly trace: boolean;
  readonly threads: number;
}

/** Below this many runs a rare fault may well not happen by chance. */
const RUNS_FOR_COVERAGE_MIN = 400;
const SEED_MAX = 2 ** 48;
const PROGRESS_INTERVAL_MS = 500;

const seedNumber = wholeNumberBelow(SEED_MAX);
const program = processCommand('simulate')
  .description('Runs clusters in virtual time, each from one seed, and holds them to the safety invariants.')
  .option('--engine <name>', `${Object.keys(SIMULATED_ENGINES).join(', ')} or all`, 'gorums')
  .option('--seeds <count>', 'how many seeds to run', wholeNumber, 100)
  .option('--first <seed>', 'the first of them; by default a fresh one', seedNumber)
  .option('--seed <seed>', 'run this seed alone', seedNumber)
  .option('--trace', 'print what happens, line by line (with --seed)', false)
  .option('--threads <count>', 'threads to run on', wholeNumber, availableParallelism());

function replayCommand({ engine, seed }: RunReport): string {
  return `npm run simulate -- --engine ${engine} --seed ${seed} --trace`;
}

function describeFailure(report: RunReport): string {
  return `seed ${report.seed} of ${report.engine} failed\n  ${report.violation!.message}\n  replay: ${replayCommand(report)}`;
}

function replay(engine: string, seed: number, trace: boolean): boolean {
  const print = trace ? (line: string) => console.log(line) : undefined;
  const report = runSeed(simulatedEngine(engine), seed, print === undefined ? {} : { print });
  const { virtualSeconds, operations, leaderships, committed, traceHash } = report;
  console.log(
    `engine ${engine}  seed ${seed}  ${virtualSeconds.toFixed(1)} s  ${operations} operations  ${committed} entries  ${leaderships} leaders  trace ${traceHash}`,
  );
  if (report.violation === undefined) return true;
  console.log(`${describeFailure(report)}\n${report.violation.stack}`);
  return false;
}

async function runMany(engine: string, options: Options): Promise<boolean> {
  const first = options.first ?? (Date.now() % 1_000_000_000) * 1000;
  const totals = new Totals();
  const beganMs = performance.now();
  let printedMs = 0;
  console.log(`${engine}: seeds ${first} to ${first + options.seeds - 1}`);
  await runSeeds({ engine, first, count: options.seeds }, options.threads, (report) => {
    totals.add(report);
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
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  printTotals(engine, totals, (performance.now() - beganMs) / 1000);
  const missing = options.seeds < RUNS_FOR_COVERAGE_MIN ? [] : totals.neverHappened(simulatedEngine(engine));
  if (missing.length > 0) console.log(`planned, but never happened: ${missing.join(', ')}`);
  return totals.failures.length === 0 && missing.length === 0;
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

const options = program.parse().opts<Options>();
try {
  const engines = options.engine === 'all' ? Object.keys(SIMULATED_ENGINES) : [options.engine];
  for (const engine of engines) simulatedEngine(engine);
  let isFine = true;
  for (const engine of engines) {
    const passed =
      options.seed === undefined ? await runMany(engine, options) : replay(engine, options.seed, options.trace);
    isFine = isFine && passed;
  }
  process.exitCode = isFine ? 0 : 1;
} catch (error) {
  if (!(error instanceof UnknownEngineError)) throw error;
  program.error(error.message);
}
