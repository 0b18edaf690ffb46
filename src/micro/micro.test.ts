import { describe, expect, it } from 'vitest';
import type { Modules } from './operation.ts';
import { GROUPS, groupsOf, UnknownOperationError } from './operations.ts';
import { sidesOf } from './rounds.ts';
import { renderResults, resultsOf } from './tables.ts';

const modules: Modules = { load: (path) => import(/* @vite-ignore */ `../${path}`) };
const operations = GROUPS.flatMap((group) => group.operations);

describe('what is measured', () => {
  it.each(operations)('can be done again and again: $name', async (operation) => {
    const ready = await operation.make(modules);
    for (const times of [1, 3]) {
      ready.prepare?.(times);
      ready.run(times);
    }
  });

  it('has a name of its own each', () => {
    expect(new Set(operations.map(({ name }) => name)).size).toBe(operations.length);
  });

  it('is chosen by a part of the name, and by none that is in no name', () => {
    const [group, ...others] = groupsOf(['HPACK']);
    expect(others).toEqual([]);
    expect(group!.operations.every(({ name }) => name.includes('HPACK'))).toBe(true);
    expect(groupsOf([])).toEqual(GROUPS);
    expect(() => groupsOf(['HPACK', 'nothing'])).toThrow(UnknownOperationError);
  });
});

it('sides take turns in being first', () => {
  expect([0, 1, 2, 3].flatMap(sidesOf)).toEqual(['there', 'here', 'here', 'there', 'there', 'here', 'here', 'there']);
});

describe('the figures', () => {
  const samples = (nsP50: number[], why?: string) => ({ nsP50, nsP75: nsP50, why });

  it('of one side are the median, the least and the greatest of the rounds', () => {
    const [result] = resultsOf([{ name: 'a', here: samples([30, 10, 20]), there: undefined }]);
    expect(result).toMatchObject({ here: { ns: 20, nsMin: 10, nsMax: 30 }, there: undefined, ratio: undefined });
  });

  it('of two sides have the ratio of what was measured in the same round', () => {
    const results = resultsOf([
      { name: 'quick', here: samples([100, 202, 300]), there: samples([200, 400, 606]) },
      { name: 'same', here: samples([100, 220, 300]), there: samples([110, 200, 310]) },
      { name: 'new', here: samples([1, 2, 3]), there: samples([], 'there is no src/new.ts') },
    ]);
    expect(results[0]!.ratio!.ratio).toBeCloseTo(0.5, 1);
    const text = renderResults(results, true, 'markdown');
    expect(text).toMatch(/^\| quick \| 400 \| 202 \| × 0\.50\d \| 0\.4.* \| faster \|$/m);
    expect(text).toMatch(/^\| same \|.* \| undecided \|$/m);
    expect(text).toContain('Not measured there, for there is no src/new.ts: new');
    expect(text).not.toMatch(/^\| new/m);
  });
});
