import { randomInt } from 'node:crypto';
import { chosen, oneOrAll } from '../../cli/oneOrAll.ts';
import { processCommand, wholeNumber } from '../../cli/runCommander.ts';
import { renderTable } from '../../cli/table.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { tlsOption } from '../../cli/tlsOption.ts';
import { ENGINE_NAMES, type EngineName } from '../../consensus/engines.ts';
import { type CyclesReport, runCycles } from './cycles.ts';

const SEED_LIMIT = 2 ** 31;

interface Options {
  readonly engine: EngineName | 'all';
  readonly cycles: number;
  readonly seconds: number;
  readonly seed: number | undefined;
  readonly tls?: true;
}

const options = processCommand('cycles')
  .description(
    'Starts a cluster by rkv-cluster, breaks it while clients write, and ends it, by its command or by a signal; again and again on the same data. No process, port or temporary file may be left, and every acknowledged write must be there.',
  )
  .addOption(oneOrAll('--engine <name>', 'the backend', ENGINE_NAMES))
  .option('--cycles <count>', 'how often for each engine', wholeNumber, 50)
  .option('--seconds <count>', 'how long faults begin in each', wholeNumber, 3)
  .option(
    '--seed <number>',
    'what the first cycle draws its faults from; without it, one that is drawn now',
    wholeNumber,
  )
  .addOption(tlsOption())
  .parse()
  .opts<Options>();

const seed = options.seed ?? randomInt(SEED_LIMIT);
const engines = chosen(options.engine, ENGINE_NAMES);
const reports = new Map<EngineName, CyclesReport>();
for (const engine of engines) {
  const report = await runCycles({
    engine,
    cycles: options.cycles,
    seed,
    tls: options.tls ?? false,
    faultsMs: options.seconds * 1000,
    onCycle: (number, { plan, acknowledged, readBack, steps }) => {
      const how = `${plan.isDetached ? 'detached, ' : ''}ended by ${plan.end}`;
      processTerminal.err(
        `${engine}: cycle ${number} of ${options.cycles}: ${acknowledged} writes acknowledged, ${readBack} read back, ${steps} faults, ${how}`,
      );
    },
  });
  reports.set(engine, report);
  if (report.failure === undefined) continue;
  processTerminal.out(`${engine}: ${report.failure.message}\n  its data and logs are in ${report.failure.folder}`);
  const flags = `--seconds ${options.seconds}${options.tls ? ' --tls' : ''}`;
  processTerminal.out(
    `  again: npm run cycles -- --engine ${engine} --seed ${seed} --cycles ${options.cycles} ${flags}`,
  );
}
const head = ['engine', 'cycles', 'faults', 'acknowledged', 'there in the end', 'unknown', ''];
const rows = [...reports].map(([engine, { cycles, steps, acknowledged, found, unknown, failure }]) => [
  engine,
  ...[cycles, steps, acknowledged, found, unknown].map(String),
  failure === undefined ? 'holds' : 'FAILS',
]);
processTerminal.out(renderTable(head, rows, ['left', ...head.slice(1, -1).map(() => 'right' as const), 'left']));
process.exitCode = [...reports.values()].some(({ failure }) => failure !== undefined) ? 1 : 0;
