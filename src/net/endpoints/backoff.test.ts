import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';

describe('Backoff', () => {
  it('doubles up to its maximum, drawn from the upper half', () => {
    const longest = new Backoff(1, 100, () => 1);
    const shortest = new Backoff(1, 100, () => 0);
    expect(Array.from({ length: 9 }, () => longest.nextMs())).toEqual([1, 2, 4, 8, 16, 32, 64, 100, 100]);
    expect(Array.from({ length: 9 }, () => shortest.nextMs())).toEqual([0.5, 1, 2, 4, 8, 16, 32, 50, 50]);
    longest.reset();
    expect(longest.nextMs()).toBe(1);
  });

  it('does not grow behind a cap', () => {
    const backoff = new Backoff(1, 1000, () => 1);
    expect(Array.from({ length: 6 }, () => backoff.nextMs(5))).toEqual([1, 2, 4, 5, 5, 5]);
    expect([backoff.nextMs(), backoff.nextMs()]).toEqual([8, 16]);
  });
});
