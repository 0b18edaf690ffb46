import { describe, expect, it } from 'vitest';
import { sampleRun } from '../testing/sampleRun.ts';
import type { PlannedRun } from './plan.ts';
import { roughly, TimeLeft } from './timeLeft.ts';

const run = { settings: sampleRun('x', []).settings } as PlannedRun;

describe('TimeLeft', () => {
  it('goes by the plan first, then by what it took', () => {
    const left = new TimeLeft([run, run], { kind: 'fixed', count: 3 });
    expect(left.total).toBe(6);
    // A second of load and four around it.
    expect(left.restMs).toBe(6 * 5000);
    left.took(10_000);
    left.skip();
    expect(left.restMs).toBe(4 * 10_000);
    expect(left.title('a', 1)).toBe('a 2/3 (3 of 6, 40s left)');
  });

  it('does not guess where a precision decides', () => {
    const left = new TimeLeft([run], { kind: 'precision', share: 0.03, countMax: 30 });
    expect([left.total, left.restMs, left.title('a', 4)]).toEqual([undefined, undefined, 'a 5']);
  });

  it('says no more than it knows', () => {
    expect([0, 1400, 119_000, 125_000, 3_600_000, 5_430_000].map(roughly)).toEqual([
      '1s',
      '1s',
      '119s',
      '2m',
      '1h0m',
      '1h31m',
    ]);
    expect(new TimeLeft([run], { kind: 'fixed', count: 1 }).title('a', 0)).toBe('a');
  });
});
