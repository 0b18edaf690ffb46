import { describe, expect, it } from 'vitest';
import { nextStep, type Probe, type SearchStep } from './rateSearch.ts';

/** Searches where the objective is met up to `limit`, and in long runs up to `longLimit`. */
function search(limit: number, { start = 1000, precision = 0.05, longLimit = limit } = {}) {
  const probes: Probe[] = [];
  for (;;) {
    const step: SearchStep = nextStep({ startPerSecond: start, precision }, probes);
    if (step.kind !== 'probe' && step.kind !== 'confirm') return { step, probes };
    const isConfirmation = step.kind === 'confirm';
    probes.push({
      perSecond: step.perSecond,
      isMet: step.perSecond <= (isConfirmation ? longLimit : limit),
      isConfirmation,
    });
  }
}

describe('a search for a rate', () => {
  it.each([100, 999, 1000, 1001, 5000, 123_456])('brackets a limit of %i and confirms its lower end', (limit) => {
    const { step, probes } = search(limit);
    expect(step.kind).toBe('found');
    const { low, high } = step as Extract<SearchStep, { kind: 'found' }>;
    expect(low).toBeLessThanOrEqual(limit);
    expect(high).toBeGreaterThan(limit);
    expect(high / low).toBeLessThan(1.06);
    expect(probes.at(-1)).toEqual({ perSecond: low, isMet: true, isConfirmation: true });
    expect(probes.length).toBeLessThan(20);
  });

  it('looks further down where a longer run does not confirm it', () => {
    const { step } = search(2000, { longLimit: 1500 });
    expect(step).toMatchObject({ kind: 'found' });
    const { low } = step as Extract<SearchStep, { kind: 'found' }>;
    expect(low).toBeLessThanOrEqual(1500);
    expect(low).toBeGreaterThan(1300);
  });

  it('ends where no rate will do, and where every rate will', () => {
    expect(search(0).step).toMatchObject({ kind: 'none' });
    expect(search(Number.POSITIVE_INFINITY).step).toMatchObject({ kind: 'unfinished', high: undefined });
  });

  it('is told by a miss below what was met, which was luck', () => {
    const probes = [
      { perSecond: 1000, isMet: false, isConfirmation: false },
      { perSecond: 1500, isMet: true, isConfirmation: false },
    ];
    expect(nextStep({ startPerSecond: 1000, precision: 0.05 }, probes)).toEqual({ kind: 'probe', perSecond: 667 });
  });

  it('goes on by what is there: the same probes, the same step', () => {
    const { probes, step } = search(5000);
    for (let count = 0; count < probes.length; count++) {
      const next = nextStep({ startPerSecond: 1000, precision: 0.05 }, probes.slice(0, count));
      expect(next).toMatchObject({ perSecond: probes[count]!.perSecond });
    }
    expect(nextStep({ startPerSecond: 1000, precision: 0.05 }, probes)).toEqual(step);
  });
});
