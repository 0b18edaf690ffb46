import { describe, expect, it } from 'vitest';
import { TickClock } from './clock.ts';

const SETTINGS = {
  electionTimeoutMs: 1000,
  heartbeatMs: 20,
  entriesPerMessage: 64,
  catchUpMultiplier: 1024,
  batch: true,
  checkQuorum: false,
  readProof: 'round' as const,
  maxMessageBytes: 1 << 20,
  snapshotChunkBytes: 1 << 18,
};

describe('the clock', () => {
  it('ticks with the heartbeat, and finer where elections are short', () => {
    expect(new TickClock(SETTINGS, 0)).toMatchObject({ tickMs: 20, heartbeatTicks: 1, electionTicks: 50 });
    const short = new TickClock({ ...SETTINGS, electionTimeoutMs: 150, heartbeatMs: 100 }, 0);
    expect(short).toMatchObject({ tickMs: 15, heartbeatTicks: 6, electionTicks: 10 });
  });

  it('leaves a tick between heartbeat and election at least', () => {
    const equal = new TickClock({ ...SETTINGS, electionTimeoutMs: 100, heartbeatMs: 100 }, 0);
    expect(equal).toMatchObject({ tickMs: 10, heartbeatTicks: 10, electionTicks: 11 });
  });

  it('loses no time to rounding', () => {
    const clock = new TickClock(SETTINGS, 5);
    let ticks = 0;
    for (let now = 5; now <= 5 + 20 * 100; now += 7) ticks += clock.advance(now);
    expect(ticks).toBe(99);
    expect(clock.advance(2005)).toBe(1);
    // Nor where exactly an election timeout passes, and a bit more.
    expect([clock.advance(3015), clock.advance(3025)]).toEqual([50, 1]);
  });

  it('passes an election timeout at once at the most', () => {
    const clock = new TickClock(SETTINGS, 0);
    expect(clock.advance(60_000)).toBe(50);
    expect(clock.advance(60_019)).toBe(0);
  });
});
