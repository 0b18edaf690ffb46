import type { RunRecord } from '../results/schema.ts';
import type { SweepSummary } from './summary.ts';

/** Which axes tell who is compared: engines, or builds of the server. */
const CONTESTANTS = ['backend', 'rkvd'];

/** The runs of a sweep that differ in engine or build alone, together: the first of each group is what the others are compared with. */
export function contests(
  { configurations }: Pick<SweepSummary, 'configurations'>,
  runs: readonly RunRecord[],
): RunRecord[][] {
  const groups = new Map<string, RunRecord[]>();
  for (const { name, levels } of configurations) {
    const run = runs.find((each) => each.name === name);
    if (run === undefined) continue;
    const rest = Object.entries(levels).filter(([axis]) => !CONTESTANTS.includes(axis));
    const key = JSON.stringify(rest);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
