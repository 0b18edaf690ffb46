import { describe, expect, it } from 'vitest';
import { roundOrder } from './roundOrder.ts';

describe('roundOrder', () => {
  it.each([1, 2, 3, 4, 5, 6, 9])('has %i configurations in every place, and after every other, as often', (count) => {
    const rounds = count % 2 === 0 ? count : 2 * count;
    const places = new Map<string, number>();
    const neighbours = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      const order = roundOrder(count, round);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at));
      for (const [at, each] of order.entries()) {
        places.set(`${each} at ${at}`, (places.get(`${each} at ${at}`) ?? 0) + 1);
        if (at > 0) {
          const pair = `${each} after ${order[at - 1]}`;
          neighbours.set(pair, (neighbours.get(pair) ?? 0) + 1);
        }
      }
    }
    expect(new Set(places.values())).toEqual(new Set([rounds / count]));
    expect(places.size).toBe(count * count);
    if (count > 1) expect(new Set(neighbours.values())).toEqual(new Set([rounds / count]));
    expect(neighbours.size).toBe(count * (count - 1));
  });

  it('begins anew after a whole square', () => {
    expect(roundOrder(4, 5)).toEqual(roundOrder(4, 1));
    expect(roundOrder(2, 0)).toEqual([0, 1]);
    expect(roundOrder(2, 1)).toEqual([1, 0]);
  });
});
