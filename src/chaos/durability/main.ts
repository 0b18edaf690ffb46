import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { EXIT_INTERRUPTED, onInterrupt, StopRequests } from '../../cli/interrupts.ts';
import { chosen, oneOrAll } from '../../cli/oneOrAll.ts';
import { fromOption, processCommand, wholeNumber } from '../../cli/runCommander.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { minutesLeft } from '../../cli/timeLeft.ts';
import { tlsOption } from '../../cli/tlsOption.ts';
import { ENGINE_NAMES, type EngineName } from '../../consensus/engines.ts';
import {
  FaultedDisks,
  type FullDisks,
  hasOwnMounts,
  runWithOwnMounts,
  SmallDisks,
  withOwnMounts,
} from './fullDisks.ts';
import { drawDurability } from './plan.ts';
import { type DurabilityReport, runDurability } from './round.ts';
import { describeDurability, renderDurability } from './table.ts';

const SEED_LIMIT = 2 ** 31;

interface Options {
  readonly engine: EngineName | 'all';
  readonly rounds: number;
  readonly seed: number | undefined;
  readonly fullDisk?: true;
  readonly tls?: true;
  readonly json?: true;
  readonly record: string | undefined;
}

const program = processCommand('durability')
  .description(
    'Ends real servers by SIGKILL while clients write: one, the leader or all, at any moment, again and again. Afterwards every acknowledged write has to be on every server, read there and on its disk, the states have to be equal, and what clients saw linearizable.',
  )
  .addOption(oneOrAll('--engine <name>', 'the backend', ENGINE_NAMES))
  .option('--rounds <count>', 'rounds of each engine, each on servers and with a seed of its own', wholeNumber, 10)
  .option('--seed <number>', 'what the first round draws from; without it, one that is drawn now', wholeNumber)
  .option('--full-disk', 'half of the time a disk has no room left instead')
  .addOption(tlsOption())
  .option('--json', 'what came of each round, as JSON')
  .option('--record <file>', 'write the table there, in Markdown, after each round')
  .parse();
const options = program.opts<Options>();

/** How disks are made full here; undefined where they are not to be. */
function chooseDisks(): FullDisks | undefined {
  if (options.fullDisk !== true) return undefined;
  return hasOwnMounts() ? new SmallDisks() : new FaultedDisks();
}

function tellFailure({ engine, seed, violation }: DurabilityReport): void {
  if (violation === undefined) return;
  const flags = [options.fullDisk && ' --full-disk', options.tls && ' --tls'].filter(Boolean).join('');
  processTerminal.err(`${engine}: seed ${seed}: ${violation.message}`);
  processTerminal.err(`  its data, logs, history and acknowledged writes are in ${violation.folder}`);
  processTerminal.err(`  again: npm run durability -- --engine ${engine} --seed ${seed} --rounds 1${flags}`);
}

async function run(disks: FullDisks | undefined, stop: AbortSignal): Promise<DurabilityReport[]> {
  const first = options.seed ?? randomInt(SEED_LIMIT);
  const engines = chosen(options.engine, ENGINE_NAMES);
  const all = options.rounds * engines.length;
  const beganMs = performance.now();
  const reports: DurabilityReport[] = [];
  for (let seed = first; seed < first + options.rounds; seed++) {
    for (const engine of engines) {
      const done = reports.length;
      const left = done === 0 ? '' : `, ${minutesLeft(performance.now() - beganMs, done, all - done)}`;
      processTerminal.err(`${engine}: round ${seed - first + 1} of ${options.rounds}, seed ${seed}${left}`);
      const report = await runDurability(engine, drawDurability(seed, disks !== undefined), {
        tls: options.tls ?? false,
        disks,
        tell: (line) => processTerminal.err(`  ${line}`),
        stop,
      });
      if (report === undefined) return reports;
      reports.push(report);
      tellFailure(report);
      if (options.record !== undefined) writeRecord(options.record, reports);
    }
  }
  return reports;
}

function writeRecord(file: string, reports: readonly DurabilityReport[]): void {
  fromOption(program, '--record', () => writeFileSync(file, `${renderDurability(reports, 'markdown')}\n`));
}

async function main(): Promise<number> {
  if (options.rounds === 0) program.error('--rounds: expected a number from 1, got 0');
  // Before an hour is spent on what cannot be written.
  if (options.record !== undefined) writeRecord(options.record, []);
  const mounts = options.fullDisk === true && !hasOwnMounts() ? withOwnMounts() : undefined;
  if (mounts !== undefined) return runWithOwnMounts(mounts);
  const disks = chooseDisks();
  if (disks !== undefined) processTerminal.err(`disks are filled by ${disks.how}`);
  const requests = new StopRequests();
  onInterrupt(() => requests.ask());
  const reports = await run(disks, requests.stop);
  const people = options.json === true ? processTerminal.err : processTerminal.out;
  if (reports.length > 0) people(renderDurability(reports, 'terminal'));
  people(describeDurability(reports));
  if (options.json === true) processTerminal.json(reports);
  if (reports.some(({ violation }) => violation !== undefined)) return 1;
  return requests.stop.aborted ? EXIT_INTERRUPTED : 0;
}

process.exitCode = await main();
// What was stopped may have something to wait for.
process.exit();
