import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, parse, resolve } from 'node:path';
import type { Command } from 'commander';
import { addCompletionCommand } from '../cli/completion/completionCommand.ts';
import { EXIT_INTERRUPTED, StopRequests } from '../cli/interrupts.ts';
import { printable } from '../cli/printable.ts';
import { innerCommand, runCommander } from '../cli/runCommander.ts';
import { typedName } from '../cli/typedName.ts';
import { makeFolders } from '../files/folders.ts';
import type { ProcessContext } from '../supervisor/commandProcess.ts';
import { type BenchOutcome, benchRuns, type BenchContext as RunsContext } from './bench.ts';
import { ALL_CONDITIONS } from './compare/comparability.ts';
import { compareRuns } from './compare/comparison.ts';
import { comparisonsJson } from './compare/comparisonJson.ts';
import { type Crossing, crossingsOf, parseThreshold, runCrossings } from './compare/threshold.ts';
import { experimentOf, requestOfExperiment } from './experiments/experiments.ts';
import {
  addBenchOptions,
  addCompareOptions,
  addExperimentOptions,
  addReportOptions,
  addSearchOptions,
  addSweepOptions,
  type CompareFlags,
  type ExperimentFlags,
  type ReportFlags,
  type RunFlags,
  requestOf,
  type SearchFlags,
  type SweepFlags,
} from './options.ts';
import { type BenchPlan, type BenchRequest, type PlannedRun, planBench, timestamp } from './plan/plan.ts';
import { roughly, TimeLeft } from './plan/timeLeft.ts';
import { renderComparison } from './render/compareTable.ts';
import { renderPrecision } from './render/precisionLine.ts';
import { progressOn } from './render/progress.ts';
import { renderRuns, type WrittenRun } from './render/runTable.ts';
import { renderStages } from './render/stageTable.ts';
import { renderSweep } from './render/sweepTable.ts';
import { renderVerdicts } from './render/verdictTable.ts';
import { csvTables } from './report/csvTables.ts';
import type { ReportRequest } from './report/report.ts';
import { ResultsError, readRun, writeWhole } from './results/store.ts';
import { NOTHING_FOUND, SearchError, type SearchRequest, search } from './search/search.ts';
import { parseObjective } from './search/slo.ts';
import { readGrid } from './sweep/gridFile.ts';
import { contests } from './sweep/groups.ts';
import { readSummary, runPlaces, type SweepPlan, summaryOf, writeSummary } from './sweep/summary.ts';

/** What it uses of the process; it asks nothing. */
type BenchContext = Omit<ProcessContext, 'confirm'>;

const REPORT_FILE = 'report.html';
/** How close the ends of a search's answer are, where nobody says. */
const SEARCH_PRECISION = 0.05;
/** What `--fail-if` names was seen. */
const CROSSED_EXIT_CODE = 3;

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
  addBenchOptions(program).action(async (flags: RunFlags) => exit(await bench(flags, context)));
  addCompareOptions(
    program
      .command('compare')
      .description('print runs side by side: what differs from the first, by how much and how sure'),
  ).action(async (places: string[], flags: CompareFlags) => exit(await compare(places, flags, context)));
  addSweepOptions(
    program
      .command('sweep')
      .description('measure every combination of settings in rounds; the same command goes on where it was ended'),
  ).action(async (file: string | undefined, _: SweepFlags, command: Command) =>
    exit(await sweep(file, command, context)),
  );
  addExperimentOptions(
    program
      .command('experiment')
      .description('run one of the experiments that everybody asks for, and tell how engines get over it'),
  ).action(async (name: string, flags: ExperimentFlags) => exit(await experiment(name, flags, context)));
  addSearchOptions(
    program
      .command('search')
      .description('find the highest rate that keeps to an objective, or how throughput grows with the clients'),
  ).action(async (flags: SearchFlags) => exit(await searchLoad(flags, context)));
  addReportOptions(
    program.command('report').description('write a page with charts of runs, to be opened in a browser'),
  ).action(async (places: string[], flags: ReportFlags) => report(places, flags, context));
  addCompletionCommand(program, terminal);
  return program;
}

/** A shell's `results/*` names the README there too. What is named alone is meant. */
function sorted(places: readonly string[]): { readonly folders: readonly string[]; readonly files: readonly string[] } {
  const files = places.length > 1 ? places.filter(isOtherFile) : [];
  return { folders: places.filter((place) => !files.includes(place)), files };
}

function isOtherFile(place: string): boolean {
  return !place.endsWith('.json') && (statSync(place, { throwIfNoEntry: false })?.isFile() ?? false);
}

/** Prints how runs differ from the first. Resolves with the exit code. */
async function compare(places: readonly string[], flags: CompareFlags, { terminal }: BenchContext): Promise<number> {
  const thresholds = (flags.failIf ?? []).map((text) => parseThreshold(text, true));
  const { folders, files } = sorted(places);
  for (const file of files) terminal.err(`${printable(file)} is no run and is left out`);
  const runs = await Promise.all(folders.flatMap((place) => runPlaces(place)).map(readRun));
  const comparisons = compareRuns(runs, { across: new Set(flags.across) });
  if (flags.json === true) terminal.json(comparisonsJson(comparisons));
  else {
    const style = flags.markdown === true ? 'markdown' : 'terminal';
    terminal.out(renderComparison(runs, comparisons, style));
    if (flags.why === true) terminal.out(['', ...renderStages(runs, style)].join('\n'));
  }
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

async function bench(flags: RunFlags, context: BenchContext): Promise<number> {
  const { terminal } = context;
  const thresholds = (flags.failIf ?? []).map((text) => parseThreshold(text, false));
  const plan = planBench(requestOf(flags), new Date());
  makeFolders(flags.results);
  const { written, precision, stopped } = await benchInterruptibly(
    plan,
    { results: flags.results, keepsCsv: flags.csv === true },
    context,
  );
  const records = written.map(({ record }) => record);
  const people = flags.json === true ? terminal.err : terminal.out;
  people(renderRuns(written, typedName('rkv-bench')));
  if (flags.why === true) people(['', ...renderStages(records, 'terminal')].join('\n'));
  if (records.length > 1 && records[0]!.repeats.length > 1) {
    // What was varied on purpose is no obstacle here.
    people(['', ...renderVerdicts(compareRuns(records, { across: ALL_CONDITIONS }), 'terminal')].join('\n'));
  }
  if (precision !== undefined && flags.precision !== undefined) people(renderPrecision(precision, flags.precision));
  if (flags.json === true) terminal.json(records);
  if (records.some(({ verdict }) => !verdict.passed)) return 1;
  if (stopped) return EXIT_INTERRUPTED;
  const crossings = records.flatMap((record) => runCrossings(record, thresholds));
  return tellCrossings(crossings, terminal);
}

/** As `benchRuns`, followed on the terminal and ended by Ctrl-C. */
async function benchInterruptibly(
  plan: BenchPlan,
  where: Pick<RunsContext, 'results' | 'resumes' | 'keepsCsv' | 'onMeasured'>,
  { terminal, progressStream, onInterrupt }: BenchContext,
): Promise<BenchOutcome & { readonly stopped: boolean }> {
  const interrupts = new StopRequests();
  const ignoreInterrupts = onInterrupt(() => {
    if (!interrupts.stop.aborted) terminal.err('\nstopping; once more to wait for nothing');
    interrupts.ask();
  });
  try {
    const outcome = await benchRuns(plan, {
      ...where,
      interrupts,
      progress: progressOn(progressStream, terminal),
    });
    return { ...outcome, stopped: interrupts.stop.aborted };
  } finally {
    ignoreInterrupts();
  }
}

/** Writes a report of the runs and sweeps in `places`. */
async function report(places: readonly string[], flags: ReportFlags, { terminal }: BenchContext): Promise<void> {
  const { folders } = sorted(places);
  const path = flags.out ?? join(folders.length === 1 ? folders[0]! : '.', REPORT_FILE);
  makeFolders(dirname(path));
  if (flags.svg !== undefined) makeFolders(flags.svg);
  const title = folders.map((each) => basename(resolve(each))).join(', ');
  const { writeReport } = await drawing();
  const written = await writeReport(reportRequest(title, folders), path, flags.svg);
  const tables = flags.csv === undefined ? [] : await writeTables(reportRequest(title, folders).folders, flags.csv);
  for (const file of [written.path, ...written.svgs, ...tables]) terminal.out(file);
}

/** Answers the paths of the files. */
async function writeTables(places: readonly string[], folder: string): Promise<string[]> {
  makeFolders(folder);
  const tables = csvTables(await Promise.all(places.map(readRun)));
  for (const { name, text } of tables) await writeWhole(join(folder, name), text);
  return tables.map(({ name }) => join(folder, name));
}

/** The library of charts takes longer to load than all the rest. */
function drawing() {
  return import('./report/report.ts');
}

function reportRequest(title: string, places: readonly string[]): ReportRequest {
  const summaries = places.map((place) => readSummary(place));
  const [only] = summaries;
  const isSweep = places.length === 1 && only !== undefined;
  return {
    title,
    why: isSweep ? (only.why ?? undefined) : undefined,
    folders: places.flatMap((place, at) => runPlaces(place, summaries[at])),
    effects: isSweep ? only.effects : [],
    answers: isSweep ? (only.answers ?? []) : [],
    knees: isSweep ? (only.knees ?? []) : [],
  };
}

async function sweep(file: string | undefined, command: Command, context: BenchContext): Promise<number> {
  const grid = file === undefined ? undefined : readGrid(file, command);
  const given = command.opts<SweepFlags>();
  // Under its file's name the same command goes on with it.
  const flags = file === undefined || given.name !== undefined ? given : { ...given, name: parse(file).name };
  return measureGrid({ stem: 'sweep', request: requestOf(flags), why: flags.reason ?? grid?.why }, flags, context);
}

function experiment(name: string, flags: ExperimentFlags, context: BenchContext): Promise<number> {
  const known = experimentOf(name);
  const isQuick = flags.quick === true;
  const request = requestOfExperiment(known, isQuick, requestOf(flags));
  const why = flags.reason ?? `${name}${isQuick ? ' (quick)' : ''}: ${known.description}.`;
  return measureGrid({ stem: name, experiment: name, request, why }, flags, context);
}

interface Grid {
  /** Of its name, where that is not given. */
  readonly stem: string;
  readonly experiment?: string;
  readonly request: BenchRequest;
  readonly why: string | undefined;
}

/** Searches loads, or goes on with what is there of it. Resolves with the exit code. */
async function searchLoad(flags: SearchFlags, context: BenchContext): Promise<number> {
  const { terminal } = context;
  const request = searchRequest(flags);
  const now = new Date();
  const asked = requestOf(flags);
  if (asked.throughputs !== undefined) throw new SearchError('--throughput: expected none: it is what a search finds');
  const { runs: configurations, rounds } = planBench({ ...asked, precision: undefined }, now);
  const { name, folder } = newGridFolder('search', flags, now);
  terminal.err(`Ended early, it goes on by the same command with --name ${name}`);
  const runs: PlannedRun[] = [];
  const written: WrittenRun[] = [];
  let stopped = false;
  const measure = async (run: PlannedRun) => {
    const plan = { runs: [run], rounds };
    const outcome = await benchInterruptibly(
      plan,
      { results: folder, resumes: true, keepsCsv: flags.csv === true },
      context,
    );
    runs.push(run);
    written.push(...outcome.written);
    stopped = outcome.stopped;
    // Others can read what there is while it goes on, or after it was ended.
    await writeSummary(folder, summaryOf({ name, why: flags.reason, runs, rounds, findings: NOTHING_FOUND }, written));
    return stopped ? undefined : outcome.written[0]?.record;
  };
  const findings = await search(configurations, request, measure);
  const plan: SweepPlan = { name, why: flags.reason, runs, rounds, findings };
  return tellGrid(plan, { written, precision: undefined, stopped }, folder, flags, context);
}

function searchRequest({ slo, knee, precision }: SearchFlags): SearchRequest {
  if (slo === undefined && knee === undefined)
    throw new SearchError("expected what to search for: --slo 'p99<10ms', or --knee");
  return {
    objective: slo === undefined ? undefined : parseObjective(slo),
    precision: precision ?? SEARCH_PRECISION,
    wantsKnee: knee === true,
  };
}

/** Throws ResultsError where a run of that name is there. */
function newGridFolder(stem: string, flags: SweepFlags, now: Date): { readonly name: string; readonly folder: string } {
  const name = flags.name ?? `${stem}-${timestamp(now)}`;
  const folder = join(flags.results, name);
  if (existsSync(join(folder, 'run.json')))
    throw new ResultsError(`${printable(folder)} is a run: give this another --name`);
  makeFolders(folder);
  return { name, folder };
}

/** Measures a grid, or what is missing of it. Resolves with the exit code. */
async function measureGrid(grid: Grid, flags: SweepFlags, context: BenchContext): Promise<number> {
  const now = new Date();
  const { runs, rounds } = planBench(grid.request, now);
  const { name, folder } = newGridFolder(grid.stem, flags, now);
  const { why, experiment } = grid;
  const plan: SweepPlan = { name, experiment, why, runs: runs.map((run) => ({ ...run, name: run.label })), rounds };
  const { total, restMs } = new TimeLeft(plan.runs, rounds);
  const roundsText = total === runs.length ? '1 round' : `${total! / runs.length} rounds`;
  const count = total === undefined ? '' : ` in ${roundsText}, about ${roughly(restMs!)} in all`;
  context.terminal.err(
    `${runs.length === 1 ? '1 configuration' : `${runs.length} configurations`}${count}. Ended early, it goes on by the same command with --name ${name}`,
  );
  const outcome = await benchInterruptibly(
    plan,
    {
      results: folder,
      resumes: true,
      keepsCsv: flags.csv === true,
      onMeasured: (done) => writeSummary(folder, summaryOf(plan, done)),
    },
    context,
  );
  return tellGrid(plan, outcome, folder, flags, context);
}

/** Writes and prints what came of a grid. Resolves with the exit code. */
async function tellGrid(
  plan: SweepPlan,
  { written, precision, stopped }: BenchOutcome & { readonly stopped: boolean },
  folder: string,
  flags: SweepFlags,
  { terminal }: BenchContext,
): Promise<number> {
  const summary = summaryOf(plan, written);
  await writeSummary(folder, summary);
  if (flags.json === true) terminal.json(summary);
  const people = flags.json === true ? terminal.err : terminal.out;
  const records = written.map(({ record }) => record);
  people(renderSweep(summary, written));
  if (flags.why === true) people(['', ...renderStages(records, 'terminal'), ''].join('\n'));
  if (plan.experiment !== undefined) {
    for (const contest of contests(summary, records)) {
      people(renderVerdicts(compareRuns(contest, { across: ALL_CONDITIONS }), 'terminal').join('\n'));
    }
  }
  people(`Written to ${folder}. Side by side: ${typedName('rkv-bench')} compare ${folder}`);
  if (written.length > 0) {
    const { writeReport } = await drawing();
    const { path } = await writeReport(reportRequest(plan.name, [folder]), join(folder, REPORT_FILE));
    people(`To look at: ${path}`);
  }
  if (precision !== undefined && flags.precision !== undefined) people(renderPrecision(precision, flags.precision));
  if (records.some(({ verdict }) => !verdict.passed)) return 1;
  return stopped ? EXIT_INTERRUPTED : 0;
}
