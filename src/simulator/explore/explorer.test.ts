import { describe, expect, it } from 'vitest';
import { formatRunName, type RunName } from '../runName.ts';
import { Explorer } from './explorer.ts';
import { OrderedRuns } from './orderedRuns.ts';
import type { Reached } from './reached.ts';

/** What every run reaches, and what only this one does, at its very end. */
const common = [1, 2, 3].map((state): Reached => ({ state, afterSteps: 10 * state }));
const withOwn = (state: number): Reached[] => [...common, { state, afterSteps: 5000 }];

/** Lets an explorer name `count` runs, one after the other. */
function explored(
  explorer: Explorer,
  count: number,
  reached: (run: RunName, i: number) => readonly Reached[],
): string[] {
  return Array.from({ length: count }, (_, i) => {
    const run = explorer.next();
    explorer.learn(run, reached(run, i));
    return formatRunName(run);
  });
}

describe('an explorer', () => {
  it('runs fresh seeds in order, and varies only what was the first to reach something', () => {
    const explorer = new Explorer(100);
    const names = explored(explorer, 200, () => common);
    const fresh = names.filter((name) => !name.includes('+'));
    expect(fresh).toEqual(fresh.map((_, i) => `${100 + i}`));
    const varied = names.filter((name) => name.includes('+'));
    expect(varied.length).toBeGreaterThan(10);
    for (const name of varied) expect(name).toMatch(/^100\+(10|20|30)\.\d+$/);
    expect(new Set(names).size).toBe(names.length);
    expect(explorer.found).toEqual({
      runs: 200,
      states: 3,
      keptRuns: 1,
      variations: varied.length,
      byVariations: 0,
    });
  });

  it('varies rare combinations rather than frequent ones', () => {
    const explorer = new Explorer(1);
    // One run in ten is the only one that reaches something.
    const names = explored(explorer, 400, (run, i) =>
      run.twists.length === 0 && i % 10 === 0 ? withOwn(1000 + i) : common,
    );
    const varied = names.filter((name) => name.includes('+'));
    const rare = varied.filter((name) => name.includes('+5000.'));
    expect(rare.length).toBeGreaterThan(varied.length * 0.8);
  });

  it('varies what a variation reached, from there on, but not for ever', () => {
    const explorer = new Explorer(1);
    const names = explored(explorer, 1500, (run, i) => [
      ...common,
      { state: 1000 + i, afterSteps: 100 * (run.twists.length + 1) },
    ]);
    const depths = names.map((name) => name.split('+').length - 1);
    expect(Math.max(...depths)).toBe(6);
    const falls = (name: string) => {
      const steps = name
        .split('+')
        .slice(1)
        .map((twist) => Number(twist.split('.')[0]));
      return steps.some((step, at) => at > 0 && step <= steps[at - 1]!);
    };
    expect(names.filter(falls)).toEqual([]);
  });

  it('takes the way more often that brings more', () => {
    const share = (finds: (run: RunName) => boolean) => {
      const names = explored(new Explorer(1), 1000, (run, i) => {
        const afterSteps = 100 * (run.twists.length + 1);
        return i === 0 || finds(run) ? [...common, { state: 1000 + i, afterSteps }] : common;
      });
      return names.filter((name) => name.includes('+')).length / names.length;
    };
    const byVariations = share(({ twists }) => twists.length > 0);
    const bySeeds = share(({ twists }) => twists.length === 0);
    expect(byVariations).toBeGreaterThan(0.75);
    expect(bySeeds).toBeLessThan(0.25);
    expect(bySeeds).toBeGreaterThan(0.05);
  });

  it('counts nothing that a variation has of the run that it varies', () => {
    const explorer = new Explorer(1);
    explored(explorer, 50, (run) => (run.twists.length === 0 ? common : [...common, { state: 99, afterSteps: 1 }]));
    expect(explorer.found.states).toBe(3);
    expect(explorer.found.byVariations).toBe(0);
  });
});

describe('runs side by side', () => {
  /** Whatever runs are under way, `pick` says which of them ends next. */
  function namesOf(count: number, atOnce: number, pick: (open: number) => number): string[] {
    const runs = new OrderedRuns(new Explorer(7), count);
    const names: string[] = [];
    const open: number[] = [];
    for (;;) {
      while (open.length < atOnce) {
        const next = runs.next();
        if (next === undefined) break;
        names.push(formatRunName(next.run));
        open.push(next.number);
      }
      if (open.length === 0) break;
      const [number] = open.splice(pick(open.length), 1);
      runs.ended(number!, withOwn(1000 + number!));
    }
    expect(runs.isOver).toBe(true);
    return names;
  }

  it('are the same runs, however many go on at once and whichever ends first', () => {
    const alone = namesOf(300, 1, () => 0);
    expect(alone).toHaveLength(300);
    expect(alone.some((name) => name.includes('+'))).toBe(true);
    expect(namesOf(300, 4, () => 0)).toEqual(alone);
    expect(namesOf(300, 4, (open) => open - 1)).toEqual(alone);
    expect(namesOf(300, 7, (open) => open >> 1)).toEqual(alone);
  });

  it('are over where there are none', () => {
    expect(new OrderedRuns(new Explorer(7), 0).next()).toBeUndefined();
  });
});
