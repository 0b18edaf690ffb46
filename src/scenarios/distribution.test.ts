import { expect, it } from 'vitest';
import { drawMs } from '../faults/spread.ts';
import { Distribution, spreadOf } from './distribution.ts';

it('a distribution says what a share of its values does not exceed', () => {
  const found = new Distribution([5, 1, 4, 2, 3]);
  expect([found.count, found.min, found.max]).toEqual([5, 1, 5]);
  expect([0, 0.2, 0.21, 0.5, 0.95, 1].map((share) => found.at(share))).toEqual([1, 1, 2, 3, 5, 5]);
  expect(new Distribution([]).at(0.5)).toBeNaN();
});

it('what is drawn by a spread has that spread', () => {
  const spread = [10, 20, 40, 80] as const;
  const drawn = Array.from({ length: 100_000 }, (_, i) => drawMs(spread, i / 100_000));
  expect(spreadOf(drawn).map(Math.round)).toEqual([...spread]);
  expect(Math.min(...drawn)).toBe(5);
  expect(Math.max(...drawn)).toBe(80);
});
