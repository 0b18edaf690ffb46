import { join } from 'node:path';
import { Option } from 'commander';
import { EXIT_INTERRUPTED, onInterrupt, StopRequests } from '../../cli/interrupts.ts';
import { chosen, oneOrAll } from '../../cli/oneOrAll.ts';
import { anyNumber, processCommand, wholeNumber } from '../../cli/runCommander.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { ENGINE_NAMES, type EngineName } from '../../consensus/engines.ts';
import { makeFolders } from '../../files/folders.ts';
import { duration } from '../options.ts';
import { timestamp } from '../plan/plan.ts';
import { progressOn } from '../render/progress.ts';
import { renderRuns } from '../render/runTable.ts';
import { writeWhole } from '../results/store.ts';
import { measureOnce, type Progress } from '../run/measure.ts';
import type { ScaleFigures } from './figures.ts';
import { SCALE_MODE_NAMES, SCALE_MODES, type ScaleMode, type ScaleSize, SHARE_OF_PEAK, unmetBounds } from './modes.ts';
import { plannedScale } from './request.ts';
import { runScale } from './scaleRun.ts';
import { type EngineFigures, renderScale } from './table.ts';

const RESULTS = 'results';
/** How long a closed loop runs to find the peak. */
const PEAK_MS = 20_000;
const PEAK_MS_QUICK = 2000;

interface Options {
  readonly engine: EngineName | 'all';
  readonly mode: string;
  readonly quick?: true;
  readonly keys?: number;
  readonly payload?: number;
  readonly rate?: number;
  readonly time?: number;
  readonly snapshotentries?: number;
  readonly results: string;
  readonly name?: string;
  readonly datadir?: string;
  readonly json?: true;
}

const HELP = `
Modes, and what they take where nothing else is said:
${SCALE_MODES.map(({ name, description }) => `  ${name.padEnd(9)} ${description}`).join('\n')}

  npm run scale -- --quick                              half a minute: does it work here?
  npm run scale -- --engine all --name million
  npm run scale -- --engine etcd --mode rewrites
  npm run scale -- --engine etcd --mode steady --rate 12000

Writes run.json, scale.json and scale.svg for each engine below the results, and <name>.md with the table of all. What has to be and is not is named, and
the exit code is 1 then; a quick run says nothing of that.`;

const program = processCommand('scale')
  .description(
    'measures servers with many keys or a long history: pauses, memory, data and latency, while snapshots are taken and sent',
  )
  .addOption(oneOrAll('--engine <name>', 'the backend', ENGINE_NAMES))
  .addOption(new Option('--mode <name>', 'what is measured').choices(SCALE_MODE_NAMES).default(SCALE_MODE_NAMES[0]))
  .option('--quick', 'a part of it that shows that all works here, and nothing else')
  .option('--keys <count>', 'how many keys there are', wholeNumber)
  .option('--payload <bytes>', 'of a value', wholeNumber)
  .option('--rate <inserts>', 'a second, whatever is answered (an open loop)', anyNumber)
  .option('--time <duration>', 'how long is measured', duration)
  .option('--snapshotentries <count>', 'applied entries between two snapshots of a server', wholeNumber)
  .option('--results <folder>', 'where the results go', RESULTS)
  .option('--name <name>', 'of the results')
  .option('--datadir <folder>', "where the servers' data lies while they run (default: the temporary folder)")
  .option('--json', 'the figures, as JSON')
  .addHelpText('after', HELP)
  .parse();
const options = program.opts<Options>();
const mode = SCALE_MODES.find(({ name }) => name === options.mode)!;
const interrupts = new StopRequests();
const progressOf = progressOn(process.stderr.isTTY ? process.stderr : undefined, processTerminal);

function sizeAsked(): ScaleSize {
  const { keys, payload: valueBytes, rate, time: timeMs, snapshotentries: snapshotEntries } = options;
  if (keys === 0) program.error('--keys: expected a number of keys from 1, got 0');
  if (rate !== undefined && !(rate > 0)) program.error(`--rate: expected inserts a second, above 0, got ${rate}`);
  const asked = Object.entries({ keys, valueBytes, rate, timeMs, snapshotEntries });
  const said = Object.fromEntries(asked.filter(([, value]) => value !== undefined));
  return { ...mode.size, ...(options.quick === true ? mode.quick : {}), ...said };
}

/** A part of what a closed loop gets; undefined where it was interrupted. */
async function rateOf(engine: EngineName, size: ScaleSize, name: string): Promise<number | undefined> {
  if (size.rate !== undefined) return size.rate;
  const timeMs = options.quick === true ? PEAK_MS_QUICK : PEAK_MS;
  const run = plannedScale(engine, { ...size, timeMs }, `${name}-peak`, options.datadir);
  const progress: Progress & { end(): void } = progressOf(`${engine}: the peak`);
  try {
    const record = (await measureOnce(run, 0, progress, interrupts))?.record;
    return record === undefined || interrupts.stop.aborted
      ? undefined
      : Math.round(SHARE_OF_PEAK * record.writesPerSecond);
  } finally {
    progress.end();
  }
}

/** Undefined where it was interrupted before there was anything. */
async function measure(engine: EngineName, asked: ScaleSize, name: string): Promise<ScaleFigures | undefined> {
  const rate = await rateOf(engine, asked, name);
  if (rate === undefined) return undefined;
  const measured = await runScale({
    engine,
    mode,
    size: { ...asked, rate },
    name,
    results: options.results,
    dataDirectory: options.datadir,
    interrupts,
    progress: (title) => progressOf(`${engine}: ${title}`),
  });
  if (measured === undefined) return undefined;
  processTerminal.err(renderRuns([measured], 'rkv-bench'));
  processTerminal.err(`Written to ${measured.folder}: run.json, scale.json, scale.svg`);
  return measured.figures;
}

async function run(): Promise<number> {
  const name = options.name ?? `scale-${mode.name}-${timestamp(new Date())}`;
  const size = sizeAsked();
  const people = options.json === true ? processTerminal.err : processTerminal.out;
  makeFolders(options.results);
  const runs: EngineFigures[] = [];
  for (const engine of chosen(options.engine, ENGINE_NAMES)) {
    if (interrupts.stop.aborted) break;
    const figures = await measure(engine, size, `${name}-${engine}`);
    if (figures !== undefined) runs.push({ engine, figures });
  }
  people(renderScale(runs, 'terminal'));
  await writeWhole(join(options.results, `${name}.md`), `${renderScale(runs, 'markdown')}\n`);
  if (options.json === true) processTerminal.json(runs);
  if (interrupts.stop.aborted) return EXIT_INTERRUPTED;
  return options.quick === true ? 0 : tellBounds(mode, runs, people);
}

function tellBounds(of: ScaleMode, runs: readonly EngineFigures[], tell: (line: string) => void): number {
  const unmet = runs.flatMap(({ engine, figures }) => unmetBounds(of, figures).map((line) => `${engine}: ${line}`));
  for (const line of unmet) tell(`NOT MET: ${line}`);
  if (unmet.length === 0) tell('all bounds are met');
  return unmet.length === 0 ? 0 : 1;
}

onInterrupt(() => interrupts.ask());
try {
  process.exitCode = await run();
} catch (error) {
  processTerminal.err(`scale: ${(error as Error).message}`);
  process.exitCode = 1;
}
// Connections of the measured client may be open for a moment more.
process.exit();
