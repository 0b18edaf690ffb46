import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { EXIT_INTERRUPTED, onInterrupt } from '../cli/interrupts.ts';
import { packagePath } from '../cli/packagePath.ts';
import { fromOption, processCommand, wholeNumber } from '../cli/runCommander.ts';
import { processTerminal } from '../cli/terminal.ts';
import { MeasuringError } from './measuringProcess.ts';
import { groupsOf } from './operations.ts';
import { type BuiltRevision, buildRevision, RevisionError } from './revision.ts';
import { measureRounds } from './rounds.ts';
import { renderResults, resultsOf } from './tables.ts';

const HELP = `
Every group of operations runs in a process of its own, in rounds; a figure is the median of the rounds' medians. Against another commit each round is cut into
slices, there, here, here, there and so on: the ratio is that of each round's medians, with its interval; all intervals hold together with 95 %.

  npm run bench:micro -- --only "etcd engine"
  npm run bench:micro -- --against main --rounds 10
  npm run bench:micro -- --long       also what a durable append costs on the disk here, and a map of a million keys
`;
const ROUNDS = 5;
const ROUNDS_AGAINST = 10;
/** Measurements of minutes, which have tables of their own. */
const LONG = ['server/storage/storage.bench.js', 'server/stateMachine/stateMachine.bench.js'];

interface Options {
  readonly only?: readonly string[];
  readonly against?: string;
  readonly rounds?: number;
  readonly time: number;
  readonly long?: true;
  readonly json?: true;
  readonly markdown?: true;
}

const program = processCommand('bench:micro')
  .description('says what parts of a server take by themselves, in ns')
  .option('--only <text>', 'only what has this in its name; given again, each', collect)
  .option('--against <commit>', 'compare with another commit, which is checked out and built in a temporary folder')
  .option(
    '--rounds <count>',
    `how often everything is measured, each time in new processes (default: ${ROUNDS}; against another commit ${ROUNDS_AGAINST})`,
    wholeNumber,
  )
  .option('--time <ms>', 'how long an operation is measured in a round', wholeNumber, 200)
  .option('--long', 'go on with the measurements that take minutes')
  .option('--json', 'print the figures as JSON on stdout, the table on stderr')
  .option('--markdown', 'print the table as Markdown')
  .addHelpText('after', HELP)
  .parse();
const options = program.opts<Options>();
const groups = fromOption(program, '--only', () => groupsOf(options.only ?? []));

const interrupt = new AbortController();
onInterrupt(() => interrupt.abort());

let revision: BuiltRevision | undefined;
try {
  if (options.against !== undefined) {
    processTerminal.err(`building ${options.against}`);
    revision = await buildRevision(options.against, interrupt.signal);
  }
  await compare();
  if (options.long === true) for (const script of LONG) runLong(script);
} catch (error) {
  if (interrupt.signal.aborted) process.exitCode = EXIT_INTERRUPTED;
  else if (error instanceof RevisionError || error instanceof MeasuringError) {
    processTerminal.err(`bench:micro: ${error.message}`);
    process.exitCode = 1;
  } else throw error;
} finally {
  await revision?.remove();
}

async function compare(): Promise<void> {
  const here = packagePath('dist');
  const rounds = options.rounds ?? (revision === undefined ? ROUNDS : ROUNDS_AGAINST);
  const found = await measureRounds({
    groups,
    builds: revision === undefined ? { here } : { here, there: revision.dist },
    rounds,
    timeMs: options.time,
    signal: interrupt.signal,
    onProgress: (done, all) => {
      if (done % groups.length === 0) processTerminal.err(`${done / groups.length} of ${all / groups.length} rounds`);
    },
  });
  const results = resultsOf(found);
  const style = options.markdown === true ? 'markdown' : 'terminal';
  const facts = `Node.js ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'an unknown processor'}`;
  const against = revision === undefined ? '' : `; there is ${revision.commit}`;
  const text = `${renderResults(results, revision !== undefined, style)}\n${rounds} rounds; ${facts}${against}`;
  if (options.json === true) {
    processTerminal.err(text);
    processTerminal.json({ against: revision?.commit ?? null, rounds, results });
  } else processTerminal.out(text);
}

function runLong(script: string): void {
  spawnSync(process.execPath, [packagePath('dist', script)], { stdio: 'inherit' });
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}
