import { describe, expect, it } from 'vitest';
import { lossOf, type OverloadFigures, unmetBounds } from './bounds.ts';

const GOOD: OverloadFigures = {
  peakPerSecond: 10_000,
  offeredPerSecond: 20_000,
  keptPerSecond: 8_000,
  acceptedP50Ms: 400,
  acceptedP99Ms: 999,
  termsLater: 0,
};
const QUICK = { quietMs: [1000, 1100, 900], busyMs: [1200, 1200, 3000] };

describe('the bounds of overload', () => {
  it('are met', () => {
    expect(unmetBounds([GOOD, GOOD, GOOD], QUICK)).toEqual([]);
  });

  it.each([
    ['keptPerSecond', 7_900, '79 %'],
    ['acceptedP50Ms', 1000, 'p50'],
    ['acceptedP99Ms', 1000, 'p99'],
  ] as const)('look at the median of %s', (what, value, said) => {
    const bad = { ...GOOD, [what]: value };
    expect(unmetBounds([GOOD, bad, GOOD], QUICK)).toEqual([]);
    expect(unmetBounds([bad, GOOD, bad], QUICK)).toEqual([expect.stringContaining(said)]);
  });

  it('forgive no leader that was lost', () => {
    expect(unmetBounds([GOOD, { ...GOOD, termsLater: 2 }, GOOD], QUICK)).toEqual([expect.stringContaining('2 terms')]);
  });

  it('ask of the peak only what was offered', () => {
    expect(unmetBounds([{ ...GOOD, offeredPerSecond: 5_000, keptPerSecond: 4_000 }], QUICK)).toEqual([]);
    expect(unmetBounds([{ ...GOOD, offeredPerSecond: 5_000, keptPerSecond: 3_900 }], QUICK)).toHaveLength(1);
  });

  it('are not met where nothing was acknowledged, or nothing could be measured', () => {
    expect(unmetBounds([{ ...GOOD, keptPerSecond: 0 }], QUICK)).toHaveLength(1);
    expect(unmetBounds([{ ...GOOD, acceptedP99Ms: Number.NaN }], QUICK)).toHaveLength(1);
  });

  it('compare failovers', () => {
    expect(unmetBounds([GOOD], { quietMs: [1000], busyMs: [1201] })).toEqual([expect.stringContaining('120 %')]);
  });
});

describe('the loss', () => {
  it('is the clients’ as far as the peak beside a process that burns as much loses it, too', () => {
    expect(lossOf(0.7, 0.8)).toEqual({ clients: expect.closeTo(0.2), servers: expect.closeTo(0.1) });
    expect(lossOf(0.7, 0.6)).toEqual({ clients: expect.closeTo(0.3), servers: expect.closeTo(0) });
    expect(lossOf(1.1, 0.6)).toEqual({ clients: 0, servers: 0 });
  });
});
