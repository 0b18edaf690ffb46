import { randomInt } from 'node:crypto';
import { chosen, oneOrAll } from '../cli/oneOrAll.ts';
import { processCommand, wholeNumber } from '../cli/runCommander.ts';
import { renderTable } from '../cli/table.ts';
import { processTerminal } from '../cli/terminal.ts';
import { tlsOption } from '../cli/tlsOption.ts';
import { ENGINE_NAMES, type EngineName } from '../consensus/engines.ts';
import { drawChaos } from './plan.ts';
import { type RoundReport, runRound } from './round.ts';

const SEED_LIMIT = 2 ** 31;

interface Options {
  readonly engine: EngineName | 'all';
  readonly seconds: number;
  readonly rounds: number;
  readonly seed: number | undefined;
  readonly tls?: true;
}

const options = processCommand('chaos')
  .description(
    'Starts real servers, kills, pauses, parts and changes them while clients work, and judges what the clients saw: whether it is linearizable, and whether a bank keeps its money.',
  )
  .addOption(oneOrAll('--engine <name>', 'the backend', ENGINE_NAMES))
  .option('--seconds <count>', 'how long the faults of a round last', wholeNumber, 10)
  .option('--rounds <count>', 'rounds of each engine, each on a cluster and with a seed of its own', wholeNumber, 1)
  .option(
    '--seed <number>',
    'what the first round draws its faults from; without it, one that is drawn now',
    wholeNumber,
  )
  .addOption(tlsOption())
  .parse()
  .opts<Options>();

function row({ engine, seed, ok, failed, unknown, transfers, term, strikes, violation }: RoundReport): string[] {
  const struck = [...strikes.values()].reduce((sum, count) => sum + count, 0);
  const figures = [seed, ok, failed, unknown, transfers, struck, term].map(String);
  return [engine, ...figures, violation === undefined ? 'holds' : 'FAILS'];
}

const first = options.seed ?? randomInt(SEED_LIMIT);
const engines = chosen(options.engine, ENGINE_NAMES);
const reports: RoundReport[] = [];
for (let seed = first; seed < first + options.rounds; seed++) {
  for (const engine of engines) {
    processTerminal.err(
      `${engine}: round ${seed - first + 1} of ${options.rounds}, seed ${seed}, ${options.seconds} s of faults`,
    );
    const plan = drawChaos(seed, options.seconds * 1000);
    processTerminal.err(
      `  ${plan.servers} servers, members ${plan.members.join(',')}, ${plan.clients} clients, ${plan.keys} keys`,
    );
    const report = await runRound(engine, plan, {
      tls: options.tls ?? false,
      tell: (line) => processTerminal.err(`  ${line}`),
    });
    reports.push(report);
    if (report.violation === undefined) continue;
    processTerminal.out(`${engine}: seed ${seed}: ${report.violation}`);
    const tls = options.tls ? ' --tls' : '';
    processTerminal.out(
      `  again: npm run chaos -- --engine ${engine} --seed ${seed} --seconds ${options.seconds}${tls}`,
    );
  }
}
const head = ['engine', 'seed', 'ok', 'failed', 'unknown', 'transfers', 'strikes', 'term', ''];
processTerminal.out(
  renderTable(head, reports.map(row), ['left', ...head.slice(1, -1).map(() => 'right' as const), 'left']),
);
process.exitCode = reports.some(({ violation }) => violation !== undefined) ? 1 : 0;
