import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { addCompletionCommand } from '../cli/completion/completionCommand.ts';
import { printable } from '../cli/printable.ts';
import { innerCommand, runCommander } from '../cli/runCommander.ts';
import { typedName } from '../cli/typedName.ts';
import { makeFolders } from '../files/folders.ts';
import type { ProcessContext } from '../supervisor/commandProcess.ts';
import { type BenchOutcome, benchRuns } from './bench.ts';
import { CONDITIONS } from './compare/comparability.ts';
import { compareRuns } from './compare/comparison.ts';
import { comparisonsJson } from './compare/comparisonJson.ts';
import { type Crossing, crossingsOf, parseThreshold, runCrossings } from './compare/threshold.ts';
import { addBenchOptions, addCompareOptions, type BenchFlags, type CompareFlags, requestOf } from './options.ts';
import { planBench } from './plan.ts';
import { renderComparison } from './render/compareTable.ts';
import { renderPrecision } from './render/precisionLine.ts';
import { barProgress, plainProgress } from './render/progress.ts';
import { renderRuns } from './render/runTable.ts';
import { renderVerdicts } from './render/verdictTable.ts';
import { readRun } from './results/store.ts';

/** What it uses of the process; it asks nothing. */
type BenchContext = Omit<ProcessContext, 'confirm'>;

/** What `--fail-if` names was seen. */
const CROSSED_EXIT_CODE = 3;
/** As a shell tells of a command that Ctrl-C ended. */
const INTERRUPTED_EXIT_CODE = 130;

/** Runs `rkv-bench` with the arguments that follow its name. Resolves with its exit code. */
export function runCommand(args: readonly string[], context: BenchContext): Promise<number> {
  return runCommander(
    (exit) => buildProgram(context, exit),
    args,
    (error) => {
      const message = error instanceof Error ? error.message : String(error);
      for (const line of message.split('\n')) context.terminal.err(`rkv-bench: ${line}`);
    },
  );
}

function buildProgram(context: BenchContext, exit: (code: number) => void): Command {
  const { terminal } = context;
  const program = innerCommand('rkv-bench', terminal).description(
    'Measures a cluster: starts rkvd servers, drives them with inserts and lookups, checks that what they acknowledged\nis there, and writes what was measured to results/<run>/.',
  );
  // Both have --json and --fail-if: those that follow `compare` are its own.
  program.enablePositionalOptions();
  addBenchOptions(program).action(async (flags: BenchFlags) => exit(await bench(flags, context)));
  addCompareOptions(
    program
      .command('compare')
      .description('print runs side by side: what differs from the first, by how much and how sure'),
  ).action(async (places: string[], flags: CompareFlags) => exit(await compare(places, flags, context)));
  addCompletionCommand(program, terminal);
  return program;
}

/** A shell's `results/*` names the README there too. */
function isOtherFile(place: string): boolean {
  return !place.endsWith('.json') && (statSync(place, { throwIfNoEntry: false })?.isFile() ?? false);
}

/** Prints how runs differ from the first. Resolves with the exit code. */
async function compare(places: readonly string[], flags: CompareFlags, { terminal }: BenchContext): Promise<number> {
  const thresholds = (flags.failIf ?? []).map((text) => parseThreshold(text, true));
  const files = places.length > 1 ? places.filter(isOtherFile) : [];
  for (const file of files) terminal.err(`${printable(file)} is no run and is left out`);
  const runs = await Promise.all(places.filter((place) => !files.includes(place)).map(readRun));
  const comparisons = compareRuns(runs, { across: new Set(flags.across) });
  if (flags.json === true) terminal.json(comparisonsJson(comparisons));
  else terminal.out(renderComparison(runs, comparisons, flags.markdown === true ? 'markdown' : 'terminal'));
  if (thresholds.length === 0) return 0;
  const incomparable = comparisons.each.filter(({ obstacles }) => obstacles.length > 0);
  for (const { candidate } of incomparable) {
    terminal.err(`${printable(candidate.name)} is not comparable, so --fail-if cannot be told of it`);
  }
  const crossings = comparisons.each.flatMap((each) => crossingsOf(each, thresholds));
  return tellCrossings(crossings, terminal) || (incomparable.length > 0 ? 1 : 0);
}

/** The exit code for what `--fail-if` does not want: 0 where nothing is shown to be so. */
function tellCrossings(crossings: readonly Crossing[], terminal: BenchContext['terminal']): number {
  for (const { threshold, what, isShown } of crossings) {
    terminal.err(
      `--fail-if '${printable(threshold.text)}': ${printable(what)}${isShown ? '' : ', which may be chance'}`,
    );
  }
  return crossings.some(({ isShown }) => isShown) ? CROSSED_EXIT_CODE : 0;
}

async function bench(flags: BenchFlags, context: BenchContext): Promise<number> {
  const { terminal, progressStream } = context;
  const thresholds = (flags.failIf ?? []).map((text) => parseThreshold(text, false));
  const plan = planBench(requestOf(flags), new Date());
  makeFolders(flags.results);
  const stop = new AbortController();
  const hurry = new AbortController();
  const ignoreInterrupts = context.onInterrupt(() => {
    if (stop.signal.aborted) hurry.abort();
    else terminal.err('\nstopping; once more to wait for nothing');
    stop.abort();
  });
  let outcome: BenchOutcome;
  try {
    outcome = await benchRuns(plan, {
      results: flags.results,
      interrupts: { stop: stop.signal, hurry: hurry.signal },
      progress: (title) =>
        progressStream === undefined
          ? plainProgress(title, (text) => terminal.err(text.trimEnd()))
          : barProgress(title, progressStream),
    });
  } finally {
    ignoreInterrupts();
  }
  const { written, precision } = outcome;
  const records = written.map(({ record }) => record);
  const people = flags.json === true ? terminal.err : terminal.out;
  people(renderRuns(written, typedName('rkv-bench')));
  if (records.length > 1 && records[0]!.repeats.length > 1) {
    // What was varied on purpose is no obstacle here.
    people(['', ...renderVerdicts(compareRuns(records, { across: new Set(CONDITIONS) }), 'terminal')].join('\n'));
  }
  if (precision !== undefined && flags.precision !== undefined) people(renderPrecision(precision, flags.precision));
  if (flags.json === true) terminal.json(records);
  if (records.some(({ verdict }) => !verdict.passed)) return 1;
  if (stop.signal.aborted) return INTERRUPTED_EXIT_CODE;
  const crossings = records.flatMap((record) => runCrossings(record, thresholds));
  return tellCrossings(crossings, terminal);
}
