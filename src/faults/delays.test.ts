import { describe, expect, it } from 'vitest';
import { Random } from '../simulator/random.ts';
import { type DelayShape, drawDelayUs } from './delays.ts';

function drawn(shape: DelayShape, count = 20_000): { readonly sorted: number[]; readonly tails: number } {
  const { next } = new Random(1);
  let tails = 0;
  const sorted = Array.from({ length: count }, () => drawDelayUs(shape, next, () => tails++)).sort((a, b) => a - b);
  return { sorted, tails };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (sorted: readonly number[], part: number) => sorted[Math.floor(part * sorted.length)]!;

describe('a delay', () => {
  it('is as long as was said where it is fixed', () => {
    expect(drawn({ kind: 'fixed', us: 7 }, 3).sorted).toEqual([7, 7, 7]);
  });

  it('has the mean and deviation of a normal one, and is never below zero', () => {
    const { sorted } = drawn({ kind: 'normal', meanUs: 10_000, deviationUs: 1000 });
    expect(mean(sorted)).toBeCloseTo(10_000, -2);
    expect(share(sorted, 0.84) - share(sorted, 0.16)).toBeGreaterThan(1900);
    expect(share(sorted, 0.84) - share(sorted, 0.16)).toBeLessThan(2100);
    expect(drawn({ kind: 'normal', meanUs: 1, deviationUs: 1000 }).sorted[0]).toBe(0);
  });

  it('is seldom many times its least where it has a heavy tail', () => {
    const { sorted } = drawn({ kind: 'heavy-tail', leastUs: 1000 });
    expect(sorted[0]).toBe(1000);
    expect(share(sorted, 0.5)).toBeCloseTo(1587, -2);
    expect(share(sorted, 0.99) / 1000).toBeGreaterThan(20);
    expect(share(sorted, 0.99) / 1000).toBeLessThan(23);
    expect(sorted.at(-1)).toBe(100_000);
  });

  it("has the simulator's tail as often as was said", () => {
    const { sorted, tails } = drawn({
      kind: 'exponential',
      leastUs: 50,
      meanUs: 100,
      tailChance: 0.1,
      tailMeanUs: 1e5,
    });
    expect(tails / sorted.length).toBeCloseTo(0.1, 1);
    expect(sorted.filter((us) => us > 2000).length / sorted.length).toBeCloseTo(0.1, 1);
    expect(sorted[0]).toBeGreaterThan(50);
  });
});
