import { expect, it } from 'vitest';
import { DriftingClock } from './driftingClock.ts';

it('a drifting clock goes at its rates, jumps ahead and never goes back', () => {
  let now = 1000;
  const clock = new DriftingClock(() => now);
  expect(clock.now).toBe(1000);
  clock.setRate(2);
  now = 1010;
  expect(clock.now).toBe(1020);
  clock.setRate(0.5);
  expect(clock.rate).toBe(0.5);
  expect(clock.now).toBe(1020);
  now = 1020;
  expect(clock.now).toBe(1025);
  clock.jump(100);
  clock.setRate(1);
  now = 1021;
  expect(clock.now).toBe(1126);
});
