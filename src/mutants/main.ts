import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processCommand, wholeNumber } from '../cli/runCommander.ts';
import { complain, say } from '../cli/say.ts';
import { EQUIVALENTS } from './equivalents.ts';
import { Hunt, type Outcome } from './hunt.ts';
import { HuntRecord } from './huntRecord.ts';
import { buildInstrumented } from './instrumentedBuild.ts';
import type { Unit } from './killer.ts';
import { KillerProcess } from './killerProcess.ts';
import type { Mutant } from './operators.ts';
import { Passages, testFiles } from './passages.ts';
import { renderScores, scoreOf } from './scores.ts';
import { mutatedFiles, TARGET_NAMES, type Target } from './targets.ts';

interface Options {
  readonly engine: string;
  readonly sample: number;
  readonly all: boolean;
  readonly file: string | undefined;
  readonly draw: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly record: string | undefined;
  readonly json: boolean;
  readonly list: boolean;
}

/** What the tests of a mutant may take, by what they take without it. */
const TESTS_MS_MAX = 30_000;

const program = processCommand('mutants')
  .description(
    'Makes mistakes in what must be safe, one at a time, and counts which of them tests and simulated seeds notice.',
  )
  .option('--engine <name>', `${TARGET_NAMES.join(', ')} or all`, 'all')
  .option('--sample <count>', 'how many mutants of each engine and part, drawn by --draw', wholeNumber, 60)
  .option('--all', 'all mutants instead of a sample', false)
  .option('--file <path>', 'only files whose path ends so')
  .option('--draw <seed>', 'which sample', wholeNumber, 1)
  .option('--seeds <count>', "how many of the simulator's seeds, from 1, may be run against a mutant", wholeNumber, 40)
  .option('--jobs <count>', 'processes that run mutants', wholeNumber, 2)
  .option('--record <file>', 'note each outcome there; what it holds of the same code is not run again')
  .option('--list', 'print the mutants that would be run, and run none', false)
  .option('--json', 'print the outcomes as JSON', false);

const options = program.parse().opts<Options>();
if (options.engine !== 'all' && !TARGET_NAMES.includes(options.engine)) {
  program.error(`no part ${options.engine}: expected ${TARGET_NAMES.join(', ')} or all`);
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = mutatedFiles(join(root, 'src'));

/** A mutant with its number in the instrumented build. */
interface Numbered {
  readonly id: number;
  readonly mutant: Mutant;
  readonly target: Target;
}

const numbered: Numbered[] = files
  .flatMap(({ target, mutants }) => mutants.map((mutant) => ({ mutant, target })))
  .map((each, id) => ({ ...each, id }));
const stale = EQUIVALENTS.filter(({ key }) => !numbered.some(({ mutant }) => mutant.key === key));
if (stale.length > 0) {
  program.error(
    `argued equivalent, but not among the mutants any more:\n${stale.map(({ key }) => `  ${key}`).join('\n')}`,
  );
}

function chosen(): Numbered[] {
  const lot = ({ mutant }: Numbered) => createHash('sha256').update(`${options.draw} ${mutant.key}`).digest('hex');
  const eligible = numbered
    .filter(({ target }) => options.engine === 'all' || target.name === options.engine)
    .filter(({ mutant }) => options.file === undefined || `/${mutant.file}`.endsWith(`/${options.file}`));
  if (options.all) return eligible;
  return TARGET_NAMES.flatMap((name) =>
    eligible
      .filter(({ target }) => target.name === name)
      .map((each) => ({ each, lot: lot(each) }))
      .sort((a, b) => (a.lot < b.lot ? -1 : 1))
      .slice(0, options.sample)
      .map(({ each }) => each)
      .sort((a, b) => a.id - b.id),
  );
}

async function hunt(mutants: readonly Numbered[]): Promise<Map<string, Outcome>> {
  const folder = join(root, 'dist/mutated');
  mkdirSync(folder, { recursive: true });
  const build = join(folder, `build-${process.pid}`);
  const out = buildInstrumented(root, build, files);
  const workers = Array.from({ length: Math.max(1, options.jobs) }, () => new KillerProcess(out));
  const engines = [...new Set(mutants.flatMap(({ target }) => target.engines))];
  const seeds = engines.flatMap((engine) =>
    Array.from({ length: options.seeds }, (_, i): Unit => ({ kind: 'seed', engine, seed: i + 1 })),
  );
  const known = new Passages(root, files);
  const paths = new Set(mutants.map(({ mutant }) => mutant.file));
  const tests = testFiles(root).filter((file) => known.dependsOn(file, paths));
  const units: Unit[] = [...tests.map((file): Unit => ({ kind: 'file', file })), ...seeds];
  const outcomes = new Map<string, Outcome>();
  try {
    const passages = await known.find(units, workers, join(folder, 'passages.json'));
    const hunting = new Hunt(passages, { seedsMax: options.seeds, testsMsMax: TESTS_MS_MAX });
    const record = new HuntRecord(options.record, `${known.sourcesHash} ${options.seeds}`);
    const rest = mutants.values();
    const beganMs = performance.now();
    let run = 0;
    await Promise.all(
      workers.map(async (worker) => {
        for (const { id, mutant } of rest) {
          const noted = record.outcomeOf(mutant.key);
          const outcome = noted ?? (await hunting.run(id, mutant, worker, record.killerOf(mutant.key)));
          outcomes.set(mutant.key, outcome);
          if (noted !== undefined) continue;
          record.add(outcome);
          run++;
          const minutes = ((performance.now() - beganMs) / 60_000 / run) * (mutants.length - outcomes.size);
          const what = outcome.killer === undefined ? 'SURVIVED' : 'killed';
          complain(
            `${outcomes.size} of ${mutants.length}, about ${Math.ceil(minutes)} min left: ${what} ${mutant.key} (line ${mutant.line}): ${outcome.how}`,
          );
        }
      }),
    );
  } finally {
    for (const worker of workers) worker.close();
    rmSync(build, { recursive: true, force: true });
  }
  return outcomes;
}

const mutants = chosen();
if (options.list) {
  for (const { mutant } of mutants) say(mutant.key);
} else {
  const outcomes = await hunt(mutants);
  const score = scoreOf(mutants, outcomes);
  const last = `${score.killed} of ${score.run} killed (${score.percent} %)`;
  // Machines read stdout.
  if (options.json) say(JSON.stringify(score, undefined, 1));
  else say(renderScores(score));
  (options.json ? complain : say)(last);
  process.exitCode = score.unargued.length + score.refuted.length > 0 ? 1 : 0;
}
