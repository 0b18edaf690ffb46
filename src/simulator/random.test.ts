import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const draws = (random: Random, count: number) => Array.from({ length: count }, () => random.uint32());

describe('a random stream', () => {
  it('is the same for the same seed and another for another', () => {
    expect(draws(new Random(7), 20)).toEqual(draws(new Random(7), 20));
    expect(draws(new Random(7), 20)).not.toEqual(draws(new Random(8), 20));
    expect(draws(new Random(7), 20)).not.toEqual(draws(new Random(7 + 2 ** 40), 20));
  });

  it('forks into streams that do not depend on what was drawn before', () => {
    const parent = new Random(7);
    const before = draws(parent.fork('disk'), 20);
    draws(parent, 100);
    expect(draws(parent.fork('disk'), 20)).toEqual(before);
    expect(draws(parent.fork('network'), 20)).not.toEqual(before);
  });

  it('is varied with all its family, from there on', () => {
    const family = (variation?: number) => {
      const root = new Random(7);
      const early = root.fork('disk');
      const before = draws(early, 5);
      if (variation !== undefined) early.vary(variation);
      return { before, after: [early, root, root.fork('network'), early.fork('slots')].map((each) => draws(each, 20)) };
    };
    const plain = family();
    const first = family(1);
    expect(family(1)).toEqual(first);
    expect(first.before).toEqual(plain.before);
    for (const [i, after] of first.after.entries()) {
      expect(after).not.toEqual(plain.after[i]);
      expect(after).not.toEqual(family(2).after[i]);
    }
    expect(new Set(first.after.map((each) => each.join())).size).toBe(4);
  });

  it('is spread evenly', () => {
    const random = new Random(1);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.int(10)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('draws an exponential of the mean asked for', () => {
    const random = new Random(1);
    let sum = 0;
    for (let i = 0; i < 100_000; i++) sum += random.exponential(500);
    expect(Math.abs(sum / 100_000 - 500)).toBeLessThan(10);
  });

  it('shuffles without losing anything', () => {
    const items = [1, 2, 3, 4, 5, 6];
    expect(new Random(3).shuffled(items).sort()).toEqual(items);
  });
});
