import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { shellQuoted } from '../../cli/shellQuoted.ts';
import { makeFolders } from '../../files/folders.ts';
import { rkvdProgram } from '../../supervisor/launcher.ts';
import { benchRuns } from '../bench.ts';
import { type BenchRequest, planBench, type Rounds } from '../plan/plan.ts';
import { roughly } from '../plan/timeLeft.ts';
import { plainProgress } from '../render/progress.ts';
import { describeLoad } from '../render/runTable.ts';
import type { RunRecord } from '../results/schema.ts';
import { writeWhole } from '../results/store.ts';
import type { Interrupts } from '../run/target.ts';
import { geometricMean } from '../statistics/intervals.ts';
import { type Calibration, calibrationSchema, delayFor, delayOfKind, KINDS, type TrialKind } from './calibration.ts';
import { judgeTrials, outcomeOf, type TrialOutcome, trialsTable } from './outcome.ts';
import { DELAY_VARIABLE } from './slowServer.ts';

export interface TrialsOptions {
  /** The load; its programs are the trials' own. */
  readonly request: BenchRequest;
  readonly results: string;
  readonly interrupts: Interrupts;
  readonly say: (line: string) => void;
}

/** There is no calibration of the delay for these trials. */
export class CalibrationError extends Error {
  override readonly name = 'CalibrationError';
}

const CALIBRATION_FILE = 'calibration.json';
/** A first delay: what is far from nothing is known in few rounds. */
const FIRST_NS_PER_BYTE = 60;

/**
 * Compares a configuration `trials` times with itself, or with servers that are slower by a known share, each time until the ratio is as well known as
 * `precision` says. What is there of them is gone on with. Resolves with whether what has to come of them did; false where it was interrupted.
 */
export async function runTrials(
  kind: TrialKind,
  trials: number,
  precision: number,
  options: TrialsOptions,
): Promise<boolean> {
  const { request, results, interrupts, say } = options;
  const nsPerByte = kind === 'aa' ? 0 : delayOfKind(kind, readCalibration(options));
  const rounds: Rounds = { kind: 'precision', share: precision, countMax: request.roundsMax };
  const outcomes: TrialOutcome[] = [];
  let tookMs = 0;
  let measured = 0;
  for (let trial = 0; trial < trials && !interrupts.stop.aborted; trial++) {
    const left = measured === 0 ? '' : `, about ${roughly((tookMs / measured) * (trials - trial))} left`;
    const startMs = performance.now();
    const name = `${kind}-${String(trial + 1).padStart(2, '0')}`;
    const title = `${kind} ${trial + 1} of ${trials}${left}`;
    const pair = await measurePair({ name, title, nsPerByte, rounds, trial }, options);
    if (pair === undefined) return false;
    const outcome = outcomeOf(...pair.runs);
    outcomes.push(outcome);
    if (pair.isNew) {
      tookMs += performance.now() - startMs;
      measured++;
    }
    await writeWhole(
      join(results, `${kind}.json`),
      `${JSON.stringify({ kind, nsPerByte, precision, outcomes }, null, 2)}\n`,
    );
    say(
      `${kind} ${trial + 1} of ${trials}: ×${outcome.ratio.toFixed(3)} after ${outcome.rounds} rounds: ${outcome.verdict}`,
    );
  }
  if (interrupts.stop.aborted) return false;
  const { isMet, words } = judgeTrials(kind, outcomes);
  const minutes = outcomes.reduce((sum, each) => sum + each.minutes, 0);
  const mean = geometricMean(outcomes.map(({ ratio }) => ratio));
  const text = [
    `${kind}: ${words}; ×${mean.toFixed(3)} over all of them; ± ${precision * 100} %, ${Math.round(minutes)} minutes in all${nsPerByte === 0 ? '' : `, ${nsPerByte.toFixed(2)} ns a byte`}.`,
    '',
    trialsTable(outcomes),
    '',
  ].join('\n');
  await writeWhole(join(results, `${kind}.md`), text);
  say(text);
  return isMet;
}

/** Finds the delay by which throughput falls to 90 %, by a large one first and then by itself, and writes it. False where it was interrupted. */
export async function calibrate(rounds: number, options: TrialsOptions): Promise<boolean> {
  const { results, say } = options;
  const fixed: Rounds = { kind: 'fixed', count: rounds };
  const first = await measurePair(
    { name: 'calibrate-first', title: 'a first delay', nsPerByte: FIRST_NS_PER_BYTE, rounds: fixed, trial: 0 },
    options,
  );
  if (first === undefined) return false;
  const steep = outcomeOf(...first.runs);
  say(`${FIRST_NS_PER_BYTE} ns a byte: ×${steep.ratio.toFixed(3)}`);
  if (steep.ratio >= 1)
    throw new CalibrationError(`${FIRST_NS_PER_BYTE} ns a byte made nothing slower: is something else running?`);
  const nsPerByte = delayFor(KINDS.slow10, { nsPerByte: FIRST_NS_PER_BYTE, ratio: steep.ratio });
  const second = await measurePair(
    { name: 'calibrate-10', title: `${nsPerByte.toFixed(2)} ns`, nsPerByte, rounds: fixed, trial: 1 },
    options,
  );
  if (second === undefined) return false;
  const { ratio, low = 0, high = Number.POSITIVE_INFINITY } = outcomeOf(...second.runs);
  const load = loadOf(second.runs[0]);
  const calibration: Calibration = { load, nsPerByte, measured: { ratio, low, high }, rounds };
  await writeWhole(
    join(results, CALIBRATION_FILE),
    `${JSON.stringify(calibrationSchema.parse(calibration), null, 2)}\n`,
  );
  const [ten, three] = [delayOfKind('slow10', calibration), delayOfKind('slow3', calibration)];
  say(
    `${nsPerByte.toFixed(2)} ns a byte: ×${ratio.toFixed(3)} (${low.toFixed(3)} – ${high.toFixed(3)}) in ${rounds} rounds; so 10 % is ${ten.toFixed(2)} ns, 3 % is ${three.toFixed(2)} ns`,
  );
  return true;
}

function readCalibration({ results, request }: TrialsOptions): Calibration {
  const path = join(results, CALIBRATION_FILE);
  if (!existsSync(path)) throw new CalibrationError(`there is no ${path}: first --kind calibrate, with the same load`);
  const calibration = calibrationSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const asked = loadOf(planBench(request, new Date()).runs[0]!);
  if (calibration.load !== asked) {
    throw new CalibrationError(`${path} is of another load:\n${calibration.load}\nexpected:\n${asked}`);
  }
  return calibration;
}

/** Without how often it was measured. */
function loadOf({ settings }: Pick<RunRecord, 'settings'>): string {
  const { cluster } = settings;
  return `${cluster.kind === 'own' ? cluster.backend : cluster.kind}: ${describeLoad({ ...settings, repeats: 1 })}`;
}

interface PairPlan {
  /** Of its folder. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly nsPerByte: number;
  readonly rounds: Rounds;
  /** The how many-th: each has keys of its own. */
  readonly trial: number;
}

interface Pair {
  readonly runs: readonly [RunRecord, RunRecord];
  /** Something of it was measured now. */
  readonly isNew: boolean;
}

/** A configuration, and the same with the delay, in rounds; undefined where that was interrupted. */
async function measurePair(
  { name, title, nsPerByte, rounds, trial }: PairPlan,
  { request, results, interrupts, say }: TrialsOptions,
): Promise<Pair | undefined> {
  makeFolders(results);
  const rkvds = [slowProgram(results, 0), slowProgram(results, nsPerByte)];
  const seed = request.seed + 1000 * trial;
  const { runs } = planBench({ ...request, name: 'pair', rkvds, seed }, new Date());
  let isNew = false;
  const { written } = await benchRuns(
    { runs, rounds },
    {
      results: join(results, name),
      resumes: true,
      interrupts,
      progress: (round) => {
        isNew = true;
        say(`${title}: ${round}`);
        return plainProgress(round, () => {});
      },
    },
  );
  const [baseline, candidate] = written;
  if (interrupts.stop.aborted || baseline === undefined || candidate === undefined) return undefined;
  return { runs: [baseline.record, candidate.record], isNew };
}

/** A program that is rkvd with that delay. Both sides of a pair are started in this way, and load the same. */
function slowProgram(folder: string, nsPerByte: number): string {
  const path = resolve(folder, `rkvd-${nsPerByte.toFixed(3)}.sh`);
  const preload = new URL('./slowServer.js', import.meta.url);
  const command = [rkvdProgram.file, '--import', preload.href, ...rkvdProgram.args].map(shellQuoted).join(' ');
  const lines = ['#!/bin/sh', `export ${DELAY_VARIABLE}=${nsPerByte}`, `exec ${command} "$@"`, ''];
  writeFileSync(path, lines.join('\n'));
  chmodSync(path, 0o755);
  return path;
}
