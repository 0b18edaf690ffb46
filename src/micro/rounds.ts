import { median } from '../bench/statistics/median.ts';
import type { Slice } from './measure.ts';
import { MeasuringProcess } from './measuringProcess.ts';
import type { OperationGroup } from './operation.ts';

/** Into so many a round is cut: what the machine does to a second, it does to both sides. */
const SLICES = 4;

/** What is compared: the folder that a build is in. */
export type Builds = { readonly here: string; readonly there?: string };
export type Side = keyof Builds;

export interface RoundOptions {
  readonly groups: readonly OperationGroup[];
  readonly builds: Builds;
  readonly rounds: number;
  /** Of each operation, in each round and of each side. */
  readonly timeMs: number;
  readonly signal: AbortSignal;
  /** Told before each group of each round. */
  readonly onProgress: (done: number, all: number) => void;
}

/** What was found of one operation, by side. */
export interface Found {
  readonly name: string;
  readonly here: Samples;
  readonly there: Samples | undefined;
}

export interface Samples {
  /** A value a round, ns: the median of its slices'. */
  readonly nsP50: number[];
  readonly nsP75: number[];
  /** Why it could not be measured. */
  why: string | undefined;
}

/** Which side comes first: both are first as often, so what drifts drifts for both. */
export function sidesOf(turn: number): readonly Side[] {
  return turn % 2 === 0 ? ['there', 'here'] : ['here', 'there'];
}

/** Measures in rounds, every group in a process of its own for each side. Rejects with MeasuringError, and where `signal` fires with its reason. */
export async function measureRounds(options: RoundOptions): Promise<Found[]> {
  const { groups, builds, rounds, onProgress } = options;
  const found = new Map<string, Found>();
  for (const { operations } of groups) {
    for (const { name } of operations) {
      found.set(name, { name, here: none(), there: builds.there === undefined ? undefined : none() });
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const [at, group] of groups.entries()) {
      onProgress(round * groups.length + at, rounds * groups.length);
      await measureGroup(group, round, found, options);
    }
  }
  return [...found.values()];
}

function none(): Samples {
  return { nsP50: [], nsP75: [], why: undefined };
}

type Running = { readonly side: Side; readonly process: MeasuringProcess };

async function measureGroup(
  { operations }: OperationGroup,
  round: number,
  found: ReadonlyMap<string, Found>,
  { builds, timeMs, signal }: RoundOptions,
): Promise<void> {
  signal.throwIfAborted();
  const running = sidesOf(0).flatMap((side): Running[] => {
    const build = builds[side];
    return build === undefined ? [] : [{ side, process: new MeasuringProcess(build, signal) }];
  });
  try {
    for (const { name } of operations) await measureOperation(name, round, running, found.get(name)!, timeMs);
  } finally {
    for (const { process } of running) process.close();
  }
}

async function measureOperation(
  name: string,
  round: number,
  running: readonly Running[],
  found: Found,
  timeMs: number,
): Promise<void> {
  const slices = new Map<Side, Slice[]>();
  for (const { side, process } of running) {
    const answer = await process.ask({ warm: name });
    if ('why' in answer) found[side]!.why ??= answer.why;
    else slices.set(side, []);
  }
  for (let turn = 0; turn < SLICES; turn++) {
    for (const side of sidesOf(round + turn)) {
      if (!slices.has(side)) continue;
      const { process } = running.find((each) => each.side === side)!;
      const answer = await process.ask({ measureMs: timeMs / SLICES });
      if ('why' in answer) found[side]!.why ??= answer.why;
      if ('slice' in answer) slices.get(side)!.push(answer.slice);
    }
  }
  for (const [side, taken] of slices) {
    if (taken.length === 0) continue;
    found[side]!.nsP50.push(median(taken.map(({ nsP50 }) => nsP50)));
    found[side]!.nsP75.push(median(taken.map(({ nsP75 }) => nsP75)));
  }
}
