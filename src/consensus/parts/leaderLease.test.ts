import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { CLOCK_DRIFT_MAX, LeaderLease, leaseMs, readProofText } from './leaderLease.ts';

const LEASED = { ...TEST_SETTINGS, readProof: 'lease' } as const;

describe('a lease', () => {
  it('is over by the slowest clock before a promise is by the fastest, both cut to whole ms', () => {
    for (const promisedMs of [10, 100, 1000, 60_000]) {
      const atMostMs = (leaseMs(promisedMs) + 1) / (1 - CLOCK_DRIFT_MAX);
      const atLeastMs = (promisedMs - 1) / (1 + CLOCK_DRIFT_MAX);
      expect(atMostMs).toBeLessThan(atLeastMs);
    }
  });

  /** As it is said: a majority of each half promised, of what was sent late enough. */
  it('holds where a majority of each half has promised for so long', () => {
    const given = fc.record({ by: fc.integer({ min: 2, max: 6 }), sentMs: fc.nat(200), promisedMs: fc.nat(100) });
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.array(given, { maxLength: 12 }), ids, ids, fc.nat(300), (all, one, other, nowMs) => {
        const lease = new LeaderLease(1, LEASED);
        for (const { by, sentMs, promisedMs } of all) lease.promised(by, sentMs, promisedMs);
        lease.tick();
        const has = (id: number) =>
          id === 1 ||
          all.some((each) => each.by === id && each.promisedMs > 0 && nowMs < each.sentMs + leaseMs(each.promisedMs));
        const isMajority = (half: readonly number[]) => half.length === 0 || 2 * half.filter(has).length > half.length;
        const configuration = { ...simpleConfiguration(one), outgoing: [...other].sort() };
        expect(lease.holds(nowMs, configuration)).toBe(isMajority(one) && isMajority(other));
      }),
    );
  });

  const held = () => {
    const lease = new LeaderLease(1, LEASED);
    lease.promised(2, 1000, 100);
    lease.tick();
    return lease;
  };
  const THREE = simpleConfiguration([1, 2, 3]);

  it('proves nothing to a read that came after the clock was read', () => {
    const lease = held();
    expect(lease.holds(1001, THREE)).toBe(true);
    lease.asked();
    expect(lease.holds(1001, THREE)).toBe(false);
    lease.tick();
    expect(lease.holds(1001, THREE)).toBe(true);
  });

  it('begins anew when the host woke', () => {
    const lease = held();
    lease.woke(1010);
    lease.promised(2, 1009, 100);
    expect(lease.holds(1011, THREE)).toBe(false);
    lease.promised(2, 1010, 100);
    expect(lease.holds(1011, THREE)).toBe(true);
  });

  it('never comes back once somebody was to be told to take over', () => {
    const lease = held();
    lease.end();
    lease.promised(2, 1005, 100);
    expect(lease.holds(1006, THREE)).toBe(false);
  });

  it('is not there where it is not wanted', () => {
    const lease = new LeaderLease(1, TEST_SETTINGS);
    lease.promised(2, 1000, 100);
    lease.tick();
    expect(lease.holds(1001, THREE)).toBe(false);
  });

  it('says what it takes for granted', () => {
    expect(readProofText({ ...LEASED, electionTimeoutMs: 1000 }, 'asking')).toMatch(
      /^lease of 816 ms, .* 0\.1 .*; else asking$/,
    );
    expect(readProofText(TEST_SETTINGS, 'asking')).toBe('asking');
  });
});
