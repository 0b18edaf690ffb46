import { InvalidArgumentError } from 'commander';
import { printable } from '../cli/printable.ts';
import { processCommand, wholeNumberBelow } from '../cli/runCommander.ts';
import { renderTable } from '../cli/table.ts';
import { processTerminal } from '../cli/terminal.ts';
import { parseDurationMs } from '../goflags/goValues.ts';
import type { FuzzReport } from './run.ts';
import { TARGETS } from './targets.ts';
import { fuzzWatched } from './watched.ts';

const TIME_MS_DEFAULT = 60_000;
const PROGRESS_MS = 10_000;
/** Seeds are 32-bit integers, and a run takes one of them for every few hundred inputs. */
const SEED_LIMIT = 2 ** 30;
const FIND_LENGTH_MAX = 20_000;

interface Options {
  readonly time: number | undefined;
  readonly inputs: number | undefined;
  readonly seed: number;
  readonly path: string | undefined;
  readonly json: boolean;
  readonly list: boolean;
}

const program = processCommand('fuzz')
  .description(
    'Gives whatever reads what others wrote inputs that are nearly right, and expects an answer or a refusal by name: no other error, no hang, no growth.',
  )
  .argument('[target...]', 'what begins with these names; all of them where none is given')
  .option('--time <duration>', 'how long, all targets together (default: 60s)', duration)
  .option('--inputs <count>', 'so many inputs a target, however long they take', wholeNumberBelow(2 ** 31))
  .option('--seed <number>', 'the same inputs again', wholeNumberBelow(SEED_LIMIT), Date.now() % SEED_LIMIT)
  .option('--path <path>', 'with the seed of a find: that very input')
  .option('--json', 'one JSON line a target on stdout', false)
  .option('--list', 'print the targets', false);

function duration(text: string): number {
  const parsed = parseDurationMs(text);
  if (!parsed.ok || parsed.value <= 0) throw new InvalidArgumentError('Expected a duration such as 60s or 10m.');
  return parsed.value;
}

function chosen(names: readonly string[]): readonly string[] {
  const all = TARGETS.map(({ name }) => name);
  const stray = names.find((name) => !all.some((each) => each.startsWith(name)));
  if (stray !== undefined) program.error(`no target ${stray}: expected what begins one of ${all.join(', ')}`);
  return names.length === 0 ? all : all.filter((each) => names.some((name) => each.startsWith(name)));
}

function tell({ target, find }: FuzzReport): void {
  if (find === undefined) return;
  const { what, counterexample, seed, path } = find;
  const input = counterexample === '' ? '' : `\n  input: ${printable(counterexample, FIND_LENGTH_MAX)}`;
  const again = `npm run fuzz -- --seed ${seed}${path === '' ? '' : ` --path ${path}`} ${target}`;
  const lines = what.split('\n').map((line) => printable(line, FIND_LENGTH_MAX));
  processTerminal.err(`${target}: ${lines.join('\n')}${input}\n  again: ${again}`);
}

function row({ target, inputs, accepted, ms, grownBytes, find }: FuzzReport): string[] {
  const share = inputs === 0 ? '' : `${Math.round((100 * accepted) / inputs)} %`;
  const grown = grownBytes === undefined ? '' : (grownBytes / 2 ** 20).toFixed(1);
  return [target, String(inputs), String(Math.round((1000 * inputs) / ms)), share, grown, find ? 'a find' : 'holds'];
}

async function main(): Promise<void> {
  const { time, inputs, seed, path, json, list } = program.parse().opts<Options>();
  if (list) {
    for (const { name, takes } of TARGETS) processTerminal.out(`${name}: ${takes}`);
    return;
  }
  const names = chosen(program.args);
  if (path !== undefined && names.length > 1) program.error('--path is of one target: expected its name');
  const endMs = performance.now() + (time ?? (inputs === undefined ? TIME_MS_DEFAULT : Number.POSITIVE_INFINITY));
  const reports: FuzzReport[] = [];
  processTerminal.err(`seed ${seed}`);
  for (const [at, name] of names.entries()) {
    const lastsMs = (endMs - performance.now()) / (names.length - at);
    const order = { seed, path, inputs: path === undefined ? (inputs ?? Number.MAX_SAFE_INTEGER) : 1, lastsMs };
    let toldMs = performance.now();
    const report = await fuzzWatched(name, order, (count) => {
      if (performance.now() - toldMs < PROGRESS_MS) return;
      toldMs = performance.now();
      processTerminal.err(`${name}: ${count} inputs`);
    });
    reports.push(report);
    tell(report);
    if (json) processTerminal.json(report);
  }
  if (!json) {
    const head = ['target', 'inputs', 'inputs/s', 'accepted', 'grown MiB', ''];
    processTerminal.out(renderTable(head, reports.map(row), ['left', 'right', 'right', 'right', 'right', 'left']));
  }
  process.exitCode = reports.some(({ find }) => find !== undefined) ? 1 : 0;
}

await main();
