import { describe, expect, it } from 'vitest';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { LeaderPromise } from './leaderPromise.ts';

const LEASED = { ...TEST_SETTINGS, readProof: 'lease', electionTimeoutMs: 100 } as const;

/** At which of these times it is bound, of one that starts at the first. */
function boundAt(promise: LeaderPromise, timesMs: readonly number[]): readonly number[] {
  return timesMs.filter((nowMs) => {
    promise.tick(nowMs);
    return promise.binds;
  });
}

describe('a promise to a leader', () => {
  it('binds from the start, before the clock was read as well, for an election timeout', () => {
    const promise = new LeaderPromise({ settings: LEASED });
    expect(promise.binds).toBe(true);
    expect(boundAt(promise, [7, 50, 106, 107, 500])).toEqual([7, 50, 106]);
  });

  it('binds from the first reading after the leader was heard', () => {
    const promise = new LeaderPromise({ settings: LEASED });
    boundAt(promise, [0, 100]);
    expect(promise.binds).toBe(false);
    promise.heard();
    expect(promise.binds).toBe(true);
    expect(boundAt(promise, [170, 269, 270])).toEqual([170, 269]);
  });

  it.each([TEST_SETTINGS, { ...LEASED, electionTimeoutMs: 20 }])(
    'of an earlier process binds from the start for as long as that said, whatever the settings are: %o',
    (settings) => {
      const promise = new LeaderPromise({ settings, promisedBeforeMs: 300 });
      expect(boundAt(promise, [0, 299, 300])).toEqual([0, 299]);
    },
  );

  it('is not told while not all read it, and binds all the same', () => {
    const promise = new LeaderPromise({ settings: LEASED });
    expect(promise.toldMs).toBe(100);
    promise.areRead = false;
    expect([promise.toldMs, boundAt(promise, [0, 99, 100])]).toEqual([undefined, [0, 99]]);
    promise.areRead = true;
    expect(promise.toldMs).toBe(100);
  });

  it('is none where reads are proven by rounds', () => {
    const promise = new LeaderPromise({ settings: TEST_SETTINGS });
    promise.heard();
    expect([promise.binds, promise.lastsMs, promise.toldMs]).toEqual([false, 0, undefined]);
  });
});
