import { describe, expect, it } from 'vitest';
import { TermRuns } from './termRuns.ts';
import { randomFrom } from './testing.ts';

describe('the terms of a log as runs', () => {
  it('answer at every step as a plain list does', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const runs = new TermRuns();
      const terms = new Map<number, number>();
      let [base, last, term] = [0, 0, 1];
      for (let step = 0; step < 200; step++) {
        const draw = below(20);
        if (draw === 0) {
          runs.clear();
          terms.clear();
          base = last + below(3);
          last = base;
        } else if (draw < 4) {
          const from = Math.max(base + 1, last - below(6));
          runs.truncateFrom(from);
          for (let index = from; index <= last; index++) terms.delete(index);
          last = Math.min(last, from - 1);
          term++;
        } else if (draw < 7) {
          base = Math.min(last, base + below(5));
          runs.dropUpTo(base);
          for (const index of [...terms.keys()]) if (index <= base) terms.delete(index);
        } else {
          if (below(3) === 0) term++;
          runs.append(last + 1, term);
          for (let count = 1 + below(4); count > 0; count--) terms.set(++last, term);
        }
        for (const [index, expected] of terms) expect(runs.at(index)).toBe(expected);
      }
    }
  });

  it('are as few as there are changes of terms, from the one that the base is in to the last', () => {
    const runs = new TermRuns();
    const firsts = () => Reflect.get(runs, 'firsts');
    for (const [first, term] of [
      [1, 1],
      [4, 1],
      [5, 2],
      [7, 2],
      [9, 3],
      [12, 5],
    ] as const) {
      runs.append(first, term);
    }
    expect(firsts()).toEqual([1, 5, 9, 12]);
    for (const index of [0, 3]) {
      runs.dropUpTo(index);
      expect(firsts()).toEqual([1, 5, 9, 12]);
    }
    runs.dropUpTo(4);
    expect(firsts()).toEqual([5, 9, 12]);
    runs.truncateFrom(12);
    expect(firsts()).toEqual([5, 9]);
    runs.truncateFrom(10);
    expect(firsts()).toEqual([5, 9]);
    runs.dropUpTo(8);
    runs.dropUpTo(100);
    expect([firsts(), Reflect.get(runs, 'terms')]).toEqual([[9], [3]]);
    runs.truncateFrom(1);
    runs.dropUpTo(100);
    expect(firsts()).toEqual([]);
    runs.append(101, 3);
    expect([firsts(), runs.at(101)]).toEqual([[101], 3]);
  });
});
