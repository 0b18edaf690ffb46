import { describe, expect, it } from 'vitest';
import { Allowance } from './allowance.ts';

const used = (allowance: Allowance, times: number, nowMs: number) =>
  Array.from({ length: times }, () => allowance.use(nowMs)).filter(Boolean).length;

describe('an allowance', () => {
  it('is used up, and comes back with time', () => {
    const allowance = new Allowance(10, 5, 1000);
    expect(used(allowance, 20, 1000)).toBe(10);
    expect(used(allowance, 20, 1400)).toBe(2);
    expect(used(allowance, 20, 3400)).toBe(10);
  });

  it('is used by several at once, or not at all', () => {
    const allowance = new Allowance(10, 5, 0);
    expect(allowance.use(0, 11)).toBe(false);
    expect(allowance.use(0, 6)).toBe(true);
    expect(allowance.use(0, 5)).toBe(false);
    expect(allowance.use(0, 4)).toBe(true);
    expect(allowance.use(0)).toBe(false);
  });

  it('never grows beyond its burst, however long nobody asked', () => {
    const allowance = new Allowance(10, 5, 0);
    expect(used(allowance, 20, 1e9)).toBe(10);
  });

  it('is none the larger for a clock that goes back', () => {
    const allowance = new Allowance(2, 1, 5000);
    expect(used(allowance, 5, 5000)).toBe(2);
    expect(used(allowance, 5, 1000)).toBe(0);
  });
});
