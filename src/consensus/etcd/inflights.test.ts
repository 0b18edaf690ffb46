import fc from 'fast-check';
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

describe('the window, at random', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 3 }), bytes: fc.nat(5) }) },
    { weight: 3, arbitrary: fc.record({ free: fc.nat(8) }) },
    { weight: 1, arbitrary: fc.record({ reset: fc.constant(true) }) },
  );

  it('is a list of the messages that nobody acknowledged', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const window = new Inflights(4, 10);
        let open: { readonly last: number; readonly bytes: number }[] = [];
        let last = 0;
        for (const each of steps) {
          const bytes = open.reduce((sum, message) => sum + message.bytes, 0);
          const isFull = open.length === 4 || bytes >= 10;
          if ('add' in each && isFull) {
            expect(() => window.add(last + 1, each.bytes)).toThrow(RangeError);
          } else if ('add' in each) {
            last += each.add;
            window.add(last, each.bytes);
            open.push({ last, bytes: each.bytes });
          } else if ('free' in each) {
            window.freeUpTo(last - each.free);
            open = open.filter((message) => message.last > last - each.free);
          } else {
            window.reset();
            open = [];
          }
          expect(window.count).toBe(open.length);
          const left = open.reduce((sum, message) => sum + message.bytes, 0);
          expect(window.full).toBe(open.length === 4 || left >= 10);
        }
      }),
      { numRuns: 300 },
    );
  });
});
