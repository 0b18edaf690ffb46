import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { addCompletionCommand } from '../cli/completion/completionCommand.ts';
import { printable } from '../cli/printable.ts';
import { innerCommand, runCommander } from '../cli/runCommander.ts';
import { typedName } from '../cli/typedName.ts';
import { makeFolders } from '../files/folders.ts';
import type { ProcessContext } from '../supervisor/commandProcess.ts';
import { benchRuns } from './bench.ts';
import { addBenchOptions, type BenchFlags, requestOf } from './options.ts';
import { planRuns } from './plan.ts';
import { renderComparison } from './render/compareTable.ts';
import { barProgress, plainProgress } from './render/progress.ts';
import { renderRuns, type WrittenRun } from './render/runTable.ts';
import { readRun } from './results/store.ts';

/** What it uses of the process; it asks nothing. */
type BenchContext = Omit<ProcessContext, 'confirm'>;

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
  addBenchOptions(program).action(async (flags: BenchFlags) => exit(await bench(flags, context)));
  program
    .command('compare')
    .description('print runs side by side, with ratios to the first and the settings that differ')
    .argument('<runs...>', 'folders of runs, such as results/demo')
    .action(async (places: string[]) => {
      const files = places.length > 1 ? places.filter(isOtherFile) : [];
      for (const file of files) terminal.err(`${printable(file)} is no run and is left out`);
      const runs = await Promise.all(places.filter((place) => !files.includes(place)).map(readRun));
      terminal.out(renderComparison(runs));
    });
  addCompletionCommand(program, terminal);
  return program;
}

/** A shell's `results/*` names the README there too. */
function isOtherFile(place: string): boolean {
  return !place.endsWith('.json') && (statSync(place, { throwIfNoEntry: false })?.isFile() ?? false);
}

async function bench(flags: BenchFlags, context: BenchContext): Promise<number> {
  const { terminal, progressStream } = context;
  const runs = planRuns(requestOf(flags), new Date());
  makeFolders(flags.results);
  const stop = new AbortController();
  const hurry = new AbortController();
  const ignoreInterrupts = context.onInterrupt(() => {
    if (stop.signal.aborted) hurry.abort();
    else terminal.err('\nstopping; once more to wait for nothing');
    stop.abort();
  });
  let written: WrittenRun[];
  try {
    written = await benchRuns(runs, {
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
  const people = flags.json === true ? terminal.err : terminal.out;
  people(renderRuns(written, typedName('rkv-bench')));
  if (flags.json === true) terminal.json(written.map(({ record }) => record));
  if (written.some(({ record }) => !record.verdict.passed)) return 1;
  return stop.signal.aborted ? INTERRUPTED_EXIT_CODE : 0;
}
