import { fork } from 'node:child_process';
import { packagePath } from '../cli/packagePath.ts';
import type { Measured } from './measure.ts';
import type { OperationGroup } from './operation.ts';

/** Processes run what is built. */
const PROGRAM = packagePath('dist', 'micro', 'measureProcess.js');

/** A process that measured ended before it had said all. */
export class MeasuringError extends Error {
  override readonly name = 'MeasuringError';
}

/** What is compared: the folder that a build is in. */
export type Builds = { readonly here: string; readonly there?: string };
export type Side = keyof Builds;

export interface RoundOptions {
  readonly groups: readonly OperationGroup[];
  readonly builds: Builds;
  readonly rounds: number;
  /** Of each operation, in each round. */
  readonly timeMs: number;
  readonly signal: AbortSignal;
  /** Told before each process starts. */
  readonly onProgress: (done: number, all: number) => void;
}

/** What was found of one operation, by side: a value a round, or why there is none. */
export interface Found {
  readonly name: string;
  readonly here: Samples;
  readonly there: Samples | undefined;
}

export interface Samples {
  /** The median sample of each round, ns. */
  readonly nsP50: number[];
  readonly nsP75: number[];
  /** Why it could not be measured. */
  why: string | undefined;
}

/** Which side comes first in a round: both are first as often, so what drifts drifts for both. */
export function sidesOf(round: number): readonly Side[] {
  return round % 2 === 0 ? ['there', 'here'] : ['here', 'there'];
}

/** Measures in rounds, every group in a process of its own. Rejects with MeasuringError, and where `signal` fires with its reason. */
export async function measureRounds(options: RoundOptions): Promise<Found[]> {
  const { groups, builds, rounds, timeMs, signal, onProgress } = options;
  const found = new Map<string, Found>();
  for (const { operations } of groups) {
    for (const { name } of operations) {
      found.set(name, { name, here: none(), there: builds.there === undefined ? undefined : none() });
    }
  }
  const sides = builds.there === undefined ? 1 : 2;
  let done = 0;
  for (let round = 0; round < rounds; round++) {
    for (const group of groups) {
      for (const side of sidesOf(round)) {
        const build = builds[side];
        if (build === undefined) continue;
        onProgress(done++, rounds * groups.length * sides);
        for (const measured of await measureGroup(group, build, timeMs, signal)) {
          take(found.get(measured.name)![side]!, measured);
        }
      }
    }
  }
  return [...found.values()];
}

function none(): Samples {
  return { nsP50: [], nsP75: [], why: undefined };
}

function take(samples: Samples, measured: Measured): void {
  if ('why' in measured) {
    samples.why ??= measured.why;
    return;
  }
  samples.nsP50.push(measured.nsP50);
  samples.nsP75.push(measured.nsP75);
}

function measureGroup(group: OperationGroup, dist: string, timeMs: number, signal: AbortSignal): Promise<Measured[]> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const names = group.operations.map(({ name }) => name);
    const child = fork(PROGRAM, [dist, String(timeMs), ...names], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const measured: Measured[] = [];
    const end = () => child.kill('SIGKILL');
    signal.addEventListener('abort', end, { once: true });
    child.on('message', (message: Measured) => measured.push(message));
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', end);
      if (signal.aborted) reject(signal.reason);
      else if (code === 0 && measured.length === names.length) resolve(measured);
      else reject(new MeasuringError(`the process of ${group.name} ended with ${killedBy ?? code}`));
    });
  });
}
