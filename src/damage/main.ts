import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { EXIT_INTERRUPTED, onInterrupt } from '../cli/interrupts.ts';
import { printable } from '../cli/printable.ts';
import { fromOption, processCommand, wholeNumber } from '../cli/runCommander.ts';
import { processTerminal } from '../cli/terminal.ts';
import { minutesLeft } from '../cli/timeLeft.ts';
import { tlsOption } from '../cli/tlsOption.ts';
import { ENGINE_NAMES } from '../consensus/engines.ts';
import { makeTemporaryFolder } from '../supervisor/process/temporaryFolder.ts';
import { Campaign, type SeedReport } from './campaign.ts';
import { PreparationError, prepare } from './prepare.ts';
import { endServers } from './rkvd.ts';
import { RunRecord } from './runRecord.ts';
import { renderReports } from './table.ts';

const PROGRESS_SEEDS = 25;
/** Nothing was found wrong, but not everything could be looked at. */
const EXIT_NOT_PREPARED = 2;
const LINE_LENGTH_MAX = 1000;
/** Where the campaigns work; gone when the process is. */
const folders = new Set<string>();
let interrupted: Promise<never> | undefined;

interface Options {
  readonly engine: string;
  readonly seeds: number;
  readonly first: number;
  readonly clusterEvery: number;
  readonly jobs: number;
  readonly tls?: true;
  readonly record: string | undefined;
}

const program = processCommand('damage')
  .description(
    "Damages one server's data in every way it knows, starts it, and expects all that was promised or a refusal by name.",
  )
  .option('--engine <name>', `${ENGINE_NAMES.join(', ')} or all`, 'all')
  .option('--seeds <count>', 'how many damages, over all engines', wholeNumber, 300)
  .option('--first <seed>', 'the first of them; 1 seed: --seeds 1', wholeNumber, 1)
  .option('--cluster-every <count>', 'every so many are started as servers, with clients; 0: none', wholeNumber, 21)
  .option('--jobs <count>', 'damages at the same time: servers mostly wait for each other', wholeNumber, 2)
  .addOption(tlsOption())
  .option('--record <file>', 'note each outcome there; what it holds already is not run again, and is in the table');

function tell(report: SeedReport, withCluster: boolean, isTls: boolean): void {
  const { engine, seed, kind, outcome, what } = report;
  if (outcome !== 'failure') return;
  const again = `--engine ${engine} --first ${seed} --seeds 1 --cluster-every ${withCluster ? 1 : 0}${isTls ? ' --tls' : ''}`;
  processTerminal.out(`${engine}: seed ${seed}, ${kind}: ${what}\n  again: npm run damage -- ${again}`);
}

/** Says how far it is, and how long the rest may take. */
function progressOf(engine: string, count: number): () => void {
  const beganMs = performance.now();
  let done = 0;
  return () => {
    done++;
    if (done % PROGRESS_SEEDS !== 0 && done !== count) return;
    processTerminal.err(
      `${engine}: ${done} of ${count} damages, ${minutesLeft(performance.now() - beganMs, done, count - done)}`,
    );
  };
}

/** Signals reach a process alone, and what it has started would go on for a while. */
function endAtOnce(): void {
  interrupted ??= endServers()
    .then(() => Promise.all([...folders].map((folder) => rm(folder, { recursive: true, force: true, maxRetries: 10 }))))
    .then(() => process.exit(EXIT_INTERRUPTED));
}

async function runEngine(engine: string, seeds: readonly number[], options: Options, record: RunRecord): Promise<void> {
  if (seeds.length === 0) return;
  const { clusterEvery, jobs, tls = false } = options;
  const folder = await makeTemporaryFolder(tmpdir(), `rkv-damage-${engine}-`);
  folders.add(folder);
  try {
    const prepared = await prepare(engine, folder, tls);
    const advance = progressOf(engine, seeds.length);
    const rest = seeds.values();
    const job = async (_: unknown, position: number) => {
      const campaign = new Campaign(prepared, `scratch-${position}`);
      for (const seed of rest) {
        const withCluster = clusterEvery > 0 && seed % clusterEvery === 0;
        const report = await campaign.run(seed, withCluster);
        // What becomes of servers that are ended from outside is no outcome.
        if (interrupted !== undefined) return;
        record.add(report);
        tell(report, withCluster, tls);
        advance();
      }
      campaign.close();
    };
    await Promise.all(Array.from({ length: Math.max(1, jobs) }, job));
  } catch (error) {
    if (interrupted !== undefined) return interrupted;
    if (!(error instanceof PreparationError)) throw error;
    processTerminal.err(
      printable(`${engine}: nothing could be prepared to be damaged: ${error.message}`, LINE_LENGTH_MAX),
    );
    process.exitCode = EXIT_NOT_PREPARED;
  } finally {
    await rm(folder, { recursive: true, force: true });
    folders.delete(folder);
  }
}

const options = program.parse().opts<Options>();
onInterrupt(endAtOnce);
const engines = options.engine === 'all' ? ENGINE_NAMES : ENGINE_NAMES.filter((name) => name === options.engine);
if (engines.length === 0) program.error(`no engine ${options.engine}: expected ${ENGINE_NAMES.join(', ')} or all`);
const record = fromOption(program, '--record', () => RunRecord.open(options.record));
const seedsEach = Math.ceil(options.seeds / engines.length);
for (const engine of engines) {
  const seeds = Array.from({ length: seedsEach }, (_, i) => options.first + i).filter(
    (seed) => !record.has(engine, seed),
  );
  await runEngine(engine, seeds, options, record);
}
if (interrupted !== undefined) await interrupted;
processTerminal.out(renderReports(record.reports));
if (record.reports.some(({ outcome }) => outcome === 'failure')) process.exitCode = 1;
