import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElectionTimer, HostSleep } from './electionTimer.ts';

const ELECTION_TIMEOUT_MS = 100;

describe('the election timer', () => {
  it.each([
    [0, 100],
    [0.5, 150],
    [0.99, 199],
  ])('runs out between one and two election timeouts after it was restarted, by chance: %f', (chance, dueMs) => {
    const timer = new ElectionTimer(ELECTION_TIMEOUT_MS, () => chance, 0);
    timer.restart(7);
    expect([timer.isDue(6 + dueMs), timer.isDue(7 + dueMs)]).toEqual([false, true]);
  });

  it('is not judged by the tick that wakes its host, and gives half an election timeout from there', () => {
    const timer = new ElectionTimer(ELECTION_TIMEOUT_MS, () => 0, 0);
    expect(timer.tick(40)).toBe(false);
    expect(timer.tick(90)).toBe(true);
    expect(timer.isDue(139)).toBe(false);
    expect(timer.isDue(140)).toBe(true);
    expect(timer.tick(145)).toBe(false);
    timer.restart(200);
    expect(timer.tick(210)).toBe(true);
    expect([timer.isDue(299), timer.isDue(300)]).toEqual([false, true]);
  });
});

describe('a host that slept', () => {
  it('is one that did not tick for half an election timeout, but not twice in a row', () => {
    // The obvious twin looks at the whole list of ticks.
    const isSleep = (ticksMs: readonly number[], i: number): boolean =>
      ticksMs[i]! - (i === 0 ? 0 : ticksMs[i - 1]!) >= ELECTION_TIMEOUT_MS / 2 && !(i > 0 && isSleep(ticksMs, i - 1));
    const gap = fc.oneof(fc.nat(10), fc.constantFrom(49, 50, 51, 500));
    fc.assert(
      fc.property(fc.array(gap, { maxLength: 30 }), (gapsMs) => {
        const ticksMs = gapsMs.map((_, i) => gapsMs.slice(0, i + 1).reduce((sum, ms) => sum + ms, 0));
        const host = new HostSleep(ELECTION_TIMEOUT_MS, 0);
        expect(ticksMs.map((nowMs) => host.tick(nowMs))).toEqual(ticksMs.map((_, i) => isSleep(ticksMs, i)));
      }),
    );
  });
});
