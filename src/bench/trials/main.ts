import { InvalidArgumentError, Option } from 'commander';
import { EXIT_INTERRUPTED, onInterrupt, StopRequests } from '../../cli/interrupts.ts';
import { fromOption, processCommand, wholeNumber } from '../../cli/runCommander.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { duration } from '../options.ts';
import type { BenchRequest } from '../plan/plan.ts';
import { KINDS, type TrialKind } from './calibration.ts';
import { CalibrationError, calibrate, runTrials } from './trials.ts';

const HELP = `
Does compare call what is there, and nothing else? aa compares a configuration with itself, slow10 and slow3 with servers that are slower by 10 % and by
3 %: these do nothing for some nanoseconds for each byte that they read (src/bench/trials/slowServer.ts). How many make 10 % is measured by
--kind calibrate, which comes first, with the same load, and takes 2 × --rounds pairs of runs.

  npm run trials -- --kind calibrate --rounds 30
  npm run trials -- --kind aa --trials 20 --precision 4%
  npm run trials -- --kind slow10 --trials 20 --precision 4%
  npm run trials -- --kind slow3 --trials 20 --precision 4%

Ended by Ctrl-C or a crash, the same command goes on. A kind's table is in <results>/<kind>.md. The exit code is 1 where what has to come of it did not:
of twenty at most one of the same called different, at least eighteen of 10 % called slower, none of 3 % called no difference; 130 after Ctrl-C.`;

interface Options {
  readonly kind: TrialKind | 'calibrate';
  readonly trials: number;
  readonly precision: number;
  readonly rounds: number;
  readonly runsMax: number;
  readonly backend: string;
  readonly clients: number;
  readonly payload: number;
  readonly time: number;
  readonly warmup: number;
  readonly results: string;
}

const program = processCommand('trials')
  .description(
    'asks the bench what it should find: the same servers twice, and servers that are slower by a known share',
  )
  .addOption(
    new Option('--kind <kind>', 'what is compared').choices([...Object.keys(KINDS), 'calibrate']).makeOptionMandatory(),
  )
  .option('--trials <count>', 'comparisons', wholeNumber, 20)
  .addOption(new Option('--precision <share>', 'to which each goes on').argParser(percent).default(0.04, '4%'))
  .option('--runs-max <count>', 'rounds after which one that is not so precise ends all the same', wholeNumber, 60)
  .option('--rounds <count>', 'of each pair of a calibration', wholeNumber, 30)
  .addOption(new Option('--backend <engine>', 'what is measured').choices([...ENGINE_NAMES]).default(ENGINE_NAMES[0]))
  .option('--clients <count>', 'clients, in a closed loop', wholeNumber, 200)
  .option('--payload <bytes>', 'of a value', wholeNumber, 16)
  .addOption(new Option('--time <duration>', 'of a run').argParser(duration).default(5000, '5s'))
  .addOption(new Option('--warmup <duration>', 'before that').argParser(duration).default(2000, '2s'))
  .option('--results <folder>', 'where all of it goes', 'results/trials')
  .addHelpText('after', HELP)
  .parse();
const options = program.opts<Options>();

const interrupts = new StopRequests();
onInterrupt(() => interrupts.ask());

const request: BenchRequest = {
  settings: new Map([['backend', [options.backend]]]),
  clients: [options.clients],
  payloads: [options.payload],
  timeMs: options.time,
  warmupMs: options.warmup,
  reads: [0],
  keyspace: 10_000,
  zipfS: 1.1,
  zipfV: 4,
  seed: 1,
  rpc: 'stream',
  rounds: 1,
  roundsMax: options.runsMax,
};
const context = {
  request,
  results: options.results,
  interrupts,
  say: (line: string) => processTerminal.out(line),
};
try {
  const isWell =
    options.kind === 'calibrate'
      ? await calibrate(options.rounds, context)
      : await runTrials(options.kind, options.trials, options.precision, context);
  process.exitCode = interrupts.stop.aborted ? EXIT_INTERRUPTED : isWell ? 0 : 1;
} catch (error) {
  if (!(error instanceof CalibrationError)) throw error;
  fromOption(program, '--kind', () => {
    throw error;
  });
}

function percent(text: string): number {
  const [, value] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (value === undefined || Number(value) === 0) throw new InvalidArgumentError('Expected a share such as 4%.');
  return Number(value) / 100;
}
