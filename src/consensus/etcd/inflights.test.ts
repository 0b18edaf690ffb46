import { describe, expect, it } from 'vitest';
import { Inflights } from './inflights.ts';

describe('the window of messages to one follower', () => {
  it('is full by its messages or by their bytes, of which the last may be too many', () => {
    const window = new Inflights(2, 10);
    window.add(1, 9);
    expect([window.count, window.full]).toEqual([1, false]);
    window.add(2, 0);
    expect([window.count, window.full]).toEqual([2, true]);
    expect(() => window.add(3, 0)).toThrow('full');
    const large = new Inflights(2, 10);
    large.add(1, 99);
    expect(large.full).toBe(true);
  });

  it('counts nothing of what is acknowledged, whichever message that was', () => {
    const window = new Inflights(3, 10);
    window.add(1, 9);
    window.add(3, 2);
    window.freeUpTo(2);
    expect([window.count, window.full]).toEqual([1, false]);
    window.add(4, 8);
    expect(window.full).toBe(true);
    window.freeUpTo(4);
    for (const index of [5, 6]) window.add(index, 4);
    expect([window.count, window.full]).toEqual([2, false]);
    window.freeUpTo(5);
    window.add(7, 6);
    expect([window.count, window.full]).toEqual([2, true]);
  });

  it('is empty anew when it begins again, be it that some of it was acknowledged', () => {
    const window = new Inflights(3, 10);
    for (const index of [1, 2, 3]) window.add(index, 3);
    window.freeUpTo(1);
    window.reset();
    expect([window.count, window.full]).toEqual([0, false]);
    window.add(1, 9);
    expect([window.count, window.full]).toEqual([1, false]);
    window.freeUpTo(1);
    window.add(2, 9);
    expect(window.full).toBe(false);
    window.add(3, 1);
    expect(window.full).toBe(true);
  });
});
