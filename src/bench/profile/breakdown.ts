import { type CpuProfile, looksBetween } from './cpuProfile.ts';
import type { Modules } from './modules.ts';
import { IDLE, packageOf, type StageRule, stageOf } from './stages.ts';
import { type ThreadTime, threadKind } from './threadTimes.ts';

/** What is known of a process in the measured window. */
export interface ProfiledProcess {
  readonly pid: number;
  readonly profile: CpuProfile;
  /** The window, µs of the profile's clock. */
  readonly fromUs: number;
  readonly toUs: number;
  /** By thread id, at its beginning and its end. */
  readonly before: ReadonlyMap<number, ThreadTime>;
  readonly after: ReadonlyMap<number, ThreadTime>;
}

/** Where the processor time of a process went, or of several together; all µs. */
export interface Breakdown {
  /** Of all threads: that of the stages, and that of other threads. */
  readonly cpuUs: number;
  /** Of the main thread, by stage and by package; either adds up to its time on a core. */
  readonly stages: ReadonlyMap<string, number>;
  readonly packages: ReadonlyMap<string, number>;
  readonly otherThreads: ReadonlyMap<string, number>;
  /** How long the main thread was ready to run while others had the cores. */
  readonly waitedUs: number;
  /** Looks that found it running. */
  readonly looks: number;
}

/** The looks of a profile say in what shares the main thread's time on a core went where. Throws CpuProfileError. */
export function breakdownOf(process: ProfiledProcess, rules: readonly StageRule[], modules: Modules): Breakdown {
  const { pid, profile, fromUs, toUs, before, after } = process;
  const busy = looksBetween(profile, fromUs, toUs).filter(({ frames }) => frames[0]?.functionName !== IDLE);
  const looks = busy.reduce((sum, each) => sum + each.looks, 0);
  const mainUs = since(before, after, pid, 'cpuUs');
  const [stages, packages] = [new Map<string, number>(), new Map<string, number>()];
  for (const { frames, looks: count } of busy) {
    const us = (mainUs * count) / looks;
    add(stages, stageOf(frames, rules, modules), us);
    add(packages, packageOf(frames, modules), us);
  }
  const otherThreads = new Map<string, number>();
  for (const [older, [tid, { name }]] of [...after].entries()) {
    if (tid !== pid) add(otherThreads, threadKind(name, older), since(before, after, tid, 'cpuUs'));
  }
  return {
    cpuUs: mainUs + total(otherThreads),
    stages,
    packages,
    otherThreads,
    waitedUs: since(before, after, pid, 'waitedUs'),
    looks,
  };
}

/** All of them together. */
export function together(breakdowns: readonly Breakdown[]): Breakdown {
  const sum = (of: (each: Breakdown) => number) => breakdowns.reduce((all, each) => all + of(each), 0);
  const merged = (of: (each: Breakdown) => ReadonlyMap<string, number>) => {
    const all = new Map<string, number>();
    for (const each of breakdowns) for (const [name, us] of of(each)) add(all, name, us);
    return all;
  };
  return {
    cpuUs: sum(({ cpuUs }) => cpuUs),
    stages: merged(({ stages }) => stages),
    packages: merged(({ packages }) => packages),
    otherThreads: merged(({ otherThreads }) => otherThreads),
    waitedUs: sum(({ waitedUs }) => waitedUs),
    looks: sum(({ looks }) => looks),
  };
}

export function total(byName: ReadonlyMap<string, number>): number {
  return [...byName.values()].reduce((sum, us) => sum + us, 0);
}

function add(byName: Map<string, number>, name: string, us: number): void {
  byName.set(name, (byName.get(name) ?? 0) + us);
}

function since(
  before: ReadonlyMap<number, ThreadTime>,
  after: ReadonlyMap<number, ThreadTime>,
  tid: number,
  of: 'cpuUs' | 'waitedUs',
): number {
  return (after.get(tid)?.[of] ?? 0) - (before.get(tid)?.[of] ?? 0);
}
