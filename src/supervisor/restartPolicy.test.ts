import { describe, expect, it } from 'vitest';
import { planRestart, type RestartPolicy } from './restartPolicy.ts';

const policy: RestartPolicy = { enabled: true, firstDelayMs: 500, maxDelayMs: 5000, stableAfterMs: 10_000 };

describe('planRestart', () => {
  it('doubles the delay with every crash in a row, up to the most', () => {
    const delays: number[] = [];
    for (let crashes = 0; crashes < 6; crashes++) delays.push(planRestart(policy, crashes, 0).delayMs);
    expect(delays).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
  });

  it('counts crashes in a row', () => {
    expect(planRestart(policy, 0, 9999).crashes).toBe(1);
    expect(planRestart(policy, 7, 9999).crashes).toBe(8);
  });

  it('begins anew after a server was stable', () => {
    expect(planRestart(policy, 7, 10_000)).toEqual({ crashes: 1, delayMs: 500 });
  });

  it('stays at the most however often a server crashes', () => {
    expect(planRestart(policy, 1e6, 0).delayMs).toBe(5000);
  });
});
