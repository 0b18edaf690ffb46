import { describe, expect, it } from 'vitest';
import { RecoveryWatch } from './recoveryWatch.ts';

/** A write every 10 ms but for `pauseMs` from the fault at 5 s on; what was due meanwhile is answered when that is over. */
function watched(pauseMs: number, untilMs = 10_000): RecoveryWatch {
  const watch = new RecoveryWatch(0);
  const [startMs, faultMs] = [1000, 6000];
  watch.started(startMs);
  for (let dueMs = startMs; dueMs < startMs + untilMs; dueMs += 10) {
    if (dueMs === faultMs) watch.faultAt(faultMs);
    const isDelayed = dueMs >= faultMs && dueMs < faultMs + pauseMs;
    const endMs = isDelayed ? faultMs + pauseMs : dueMs + 1;
    if (endMs < startMs + untilMs) watch.completed(false, dueMs, endMs);
  }
  return watch;
}

describe('RecoveryWatch', () => {
  it('says when the first write, and when the full rate was there again, whatever is made up for afterwards', () => {
    expect(watched(1500).result(11_000)).toEqual({
      firstWriteMs: 1500,
      gapMs: 1500,
      fullRateMs: 1500,
      isFullRateReached: true,
      ratePerSecondBefore: 100,
      failed: 0,
      slow: 130,
    });
  });

  it('has nothing to wait for where the rate does not suffer', () => {
    expect(watched(0).result(11_000)).toMatchObject({ firstWriteMs: 1, gapMs: 10, fullRateMs: 0, slow: 0 });
  });

  it('counts with the time until the end where that does not come', () => {
    expect(watched(60_000).result(11_000)).toMatchObject({
      firstWriteMs: 5000,
      gapMs: 5000,
      fullRateMs: 5000,
      isFullRateReached: false,
    });
  });

  it('tells of no rate where nothing was measured before, and of nothing where there was no fault', () => {
    const watch = new RecoveryWatch(0);
    watch.started(0);
    expect(watch.result(1000)).toBeUndefined();
    watch.faultAt(100);
    watch.failed();
    watch.dropped(3);
    watch.completed(true, 150, 200);
    // A time of a week would be more than memory holds; what comes after it is not counted.
    watch.completed(false, 150, 8 * 86_400_000);
    expect(watch.result(1000)).toMatchObject({ fullRateMs: null, isFullRateReached: false, failed: 4 });
  });
});
