import { join, resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { processCommand } from '../cli/runCommander.ts';
import { renderTable } from '../cli/table.ts';
import { processTerminal } from '../cli/terminal.ts';
import { tlsOption } from '../cli/tlsOption.ts';
import { ENGINE_NAMES, type EngineName } from '../consensus/engines.ts';
import { rkvdProgram } from '../supervisor/launcher.ts';
import { CASES, type Case } from './cases.ts';
import { type AttackReport, runCase } from './run.ts';

interface Options {
  readonly case: readonly string[] | undefined;
  readonly engine: EngineName;
  readonly rkvd: string | undefined;
  readonly scale: number;
  readonly tls?: true;
  readonly json: boolean;
}

const names = CASES.map(({ name }) => name);

const program = processCommand('attack')
  .description(
    'Attacks servers of its own on loopback, one way after another, while a well-behaved client measures its service.\nFor your own machine only; every attack is bounded in number and time.',
  )
  .option('--case <names>', `comma separated: ${names.join(', ')}`, caseNames)
  .addOption(new Option('--engine <name>', 'the backend').choices(ENGINE_NAMES).default('etcd' as EngineName))
  .option('--rkvd <folder>', 'attack the servers of another built checkout, to compare')
  .option('--scale <times>', 'how many times as many connections, calls or streams, 0.1 to 10', scale, 1)
  .addOption(tlsOption())
  .option('--json', 'one JSON line an attack on stdout', false);

function caseNames(text: string): string[] {
  const chosen = text.split(',');
  for (const name of chosen) {
    if (!names.includes(name)) throw new InvalidArgumentError(`"${name}" is none of ${names.join(', ')}`);
  }
  return chosen;
}

function scale(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 10)) throw new InvalidArgumentError('expected a number from 0.1 to 10');
  return value;
}

function row({ name, rssBeforeMib, rssMib, gapMs, answersPerSecond, leaderChanges, failures }: AttackReport): string[] {
  const figures = [rssBeforeMib, rssMib, gapMs, answersPerSecond, leaderChanges].map(String);
  return [name, ...figures, failures.length === 0 ? 'holds' : 'fails'];
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const rkvd = options.rkvd === undefined ? undefined : join(resolve(options.rkvd), 'bin', 'rkvd');
  const server = rkvd === undefined ? rkvdProgram : { file: process.execPath, args: [rkvd] };
  const reports: AttackReport[] = [];
  const { tls = false } = options;
  const inVain = CASES.find(({ name, needsTls }) => needsTls && !tls && options.case?.includes(name));
  if (inVain !== undefined)
    program.error(`--case ${inVain.name}: expected --tls beside it: without TLS nobody is a stranger`);
  const mayRun = ({ name, needsTls = false }: Case) => options.case?.includes(name) ?? (tls || !needsTls);
  for (const one of CASES.filter(mayRun)) {
    processTerminal.err(`${one.name} …`);
    const report = await runCase(one, { engine: options.engine, program: server, scale: options.scale, tls });
    reports.push(report);
    processTerminal.err(`${one.name}: ${report.attack}${report.failures.map((why) => `\n  ${why}`).join('')}`);
    if (options.json) processTerminal.json(report);
  }
  if (!options.json) {
    const head = ['attack', 'MiB before', 'MiB during', 'longest gap ms', 'answers/s', 'terms', ''];
    processTerminal.out(
      renderTable(head, reports.map(row), ['left', 'right', 'right', 'right', 'right', 'right', 'left']),
    );
  }
  process.exit(reports.some(({ failures }) => failures.length > 0) ? 1 : 0);
}

await main();
