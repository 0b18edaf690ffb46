import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { packagePath } from '../cli/packagePath.ts';
import { fromOption, processCommand, wholeNumber } from '../cli/runCommander.ts';
import { processTerminal } from '../cli/terminal.ts';
import { minutesLeft } from '../cli/timeLeft.ts';
import { EQUIVALENTS } from './equivalents.ts';
import { Hunt, type Outcome } from './hunt.ts';
import { HuntRecord } from './huntRecord.ts';
import { buildInstrumented } from './instrumentedBuild.ts';
import type { Unit } from './killer.ts';
import { KillerProcess } from './killerProcess.ts';
import { OPERATORS, type Operator } from './operators.ts';
import { Passages, testFiles } from './passages.ts';
import { renderScores, scoreOf } from './scores.ts';
import { type Numbered, numbered, select } from './selection.ts';
import { mutatedFiles, TARGET_NAMES } from './targets.ts';

interface Options {
  readonly engine: string;
  readonly sample: number;
  readonly all: boolean;
  readonly file: string | undefined;
  readonly operator: readonly Operator[] | undefined;
  readonly draw: number;
  readonly seeds: number;
  readonly tests: number;
  readonly jobs: number;
  readonly record: string | undefined;
  readonly survivors: boolean;
  readonly json: boolean;
  readonly list: boolean;
}

function operatorKinds(text: string): Operator[] {
  return text.split(',').map((kind) => {
    const known = OPERATORS.find((each) => each === kind);
    if (known === undefined) throw new InvalidArgumentError(`Expected ${OPERATORS.join(', ')}.`);
    return known;
  });
}

const program = processCommand('mutants')
  .description(
    'Makes mistakes in what must be safe, one at a time, and counts which of them tests and simulated seeds notice.',
  )
  .option('--engine <name>', `${TARGET_NAMES.join(', ')} or all`, 'all')
  .option('--sample <count>', 'how many mutants of each engine and part, drawn by --draw', wholeNumber, 60)
  .option('--all', 'all mutants instead of a sample', false)
  .option('--file <paths>', 'only files whose path ends so; several with commas between')
  .option('--operator <kinds>', `only mistakes of these kinds: ${OPERATORS.join(', ')}`, operatorKinds)
  .option('--draw <seed>', 'which sample', wholeNumber, 1)
  .option('--seeds <count>', "how many of the simulator's seeds, from 1, may be run against a mutant", wholeNumber, 40)
  .option(
    '--tests <seconds>',
    'what tests of a mutant may take together, by what they take without it',
    wholeNumber,
    30,
  )
  .option('--jobs <count>', 'processes that run mutants', wholeNumber, 2)
  .option(
    '--record <file>',
    'note each outcome there; what it holds of the same code is not run again, unless it survived fewer seeds',
  )
  .option('--survivors', 'only what survived by --record, be it in other code', false)
  .option('--list', 'print the mutants that would be run, and run none', false)
  .option('--json', 'print the outcomes as JSON', false);

const options = program.parse().opts<Options>();
if (options.engine !== 'all' && !TARGET_NAMES.includes(options.engine)) {
  program.error(`no part ${options.engine}: expected ${TARGET_NAMES.join(', ')} or all`);
}

const root = packagePath();
const files = mutatedFiles(join(root, 'src'));
const every = numbered(files);
const stale = EQUIVALENTS.filter(({ key }) => !every.some(({ mutant }) => mutant.key === key));
if (stale.length > 0) {
  const keys = stale.map(({ key }) => `  ${key}`).join('\n');
  program.error(`argued equivalent, but not among the mutants any more:\n${keys}`);
}
if (options.survivors && options.record === undefined) program.error('--survivors: of which --record?');
const known = new Passages(root, files);
const record = fromOption(program, '--record', () => new HuntRecord(options.record, known.sourcesHash, options.seeds));
const selected = select(every, { ...options, sample: options.all || options.survivors ? undefined : options.sample });
const mutants = options.survivors ? selected.filter(({ mutant }) => record.hasSurvived(mutant.key)) : selected;

/** The killers that may pass one of the mutants' places. */
function unitsFor(passages: Passages): Unit[] {
  const paths = new Set(mutants.map(({ mutant }) => mutant.file));
  const tests = testFiles(root).filter((file) => passages.dependsOn(file, paths));
  const engines = [...new Set(mutants.flatMap(({ target }) => target.engines))];
  const seeds = Array.from({ length: options.seeds }, (_, i) => i + 1);
  return [
    ...tests.map((file): Unit => ({ kind: 'file', file })),
    ...engines.flatMap((engine) => seeds.map((seed): Unit => ({ kind: 'seed', engine, seed }))),
  ];
}

/** Says how far it is, and how long the rest may take. */
function progress(): (number: Numbered, outcome: Outcome, done: number) => void {
  const beganMs = performance.now();
  let run = 0;
  return ({ mutant: { key, line } }, { killer, how }, done) => {
    run++;
    const left = minutesLeft(performance.now() - beganMs, run, mutants.length - done);
    const what = killer === undefined ? 'SURVIVED' : 'killed';
    processTerminal.err(`${done} of ${mutants.length}, ${left}: ${what} ${key} (line ${line}): ${how}`);
  };
}

async function hunt(): Promise<Map<string, Outcome>> {
  const folder = join(root, 'dist/mutated');
  const build = join(folder, `build-${process.pid}`);
  mkdirSync(build, { recursive: true });
  const workers: KillerProcess[] = [];
  const outcomes = new Map<string, Outcome>();
  try {
    const out = buildInstrumented(root, build, files);
    for (let job = 0; job < Math.max(1, options.jobs); job++) workers.push(new KillerProcess(out));
    const passages = await known.find(unitsFor(known), workers, join(folder, 'passages.json'));
    const hunting = new Hunt(passages, { seedsMax: options.seeds, testsMsMax: options.tests * 1000 });
    const tell = progress();
    const rest = mutants.values();
    const work = async (worker: KillerProcess) => {
      for (const each of rest) {
        const { id, mutant } = each;
        const noted = record.outcomeOf(mutant.key);
        const lead = { likely: record.killerOf(mutant.key), hasPassedTests: record.hasPassedTests(mutant.key) };
        const outcome = noted ?? (await hunting.run(id, mutant, worker, lead));
        outcomes.set(mutant.key, outcome);
        if (noted !== undefined) continue;
        record.add(outcome);
        tell(each, outcome, outcomes.size);
      }
    };
    await Promise.all(workers.map(work));
  } finally {
    for (const worker of workers) worker.close();
    rmSync(build, { recursive: true, force: true });
  }
  return outcomes;
}

if (options.list) {
  for (const { mutant } of mutants) processTerminal.out(mutant.key);
} else {
  const score = scoreOf(mutants, await hunt());
  const last = `${score.killed} of ${score.run} killed (${score.percent} %)`;
  if (options.json) {
    // Machines read stdout, and JSON has no control characters.
    processTerminal.json(score, 1);
    processTerminal.err(last);
  } else processTerminal.out(`${renderScores(score)}\n${last}`);
  process.exitCode = score.unargued.length + score.refuted.length > 0 ? 1 : 0;
}
