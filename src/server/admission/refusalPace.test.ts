import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Pausable } from '../../net/grpc/method.ts';
import { PAUSED_MS_MAX, REFUSALS_BURST, REFUSALS_PER_SECOND, RefusalPace } from './refusalPace.ts';

class Asking implements Pausable {
  isPaused = false;

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

/** A pace that has given all it gives at once. */
function usedUp() {
  const state: { nowMs: number; reason: object | undefined } = { nowMs: 1000, reason: {} };
  const pace = new RefusalPace(
    () => state.nowMs,
    () => state.reason,
  );
  const first = new Asking();
  for (let i = 0; i < 10; i++) pace.refused(first, REFUSALS_BURST / 10);
  expect(first.isPaused).toBe(false);
  const pass = (ms: number) => {
    state.nowMs += ms;
    vi.advanceTimersByTime(ms);
  };
  return { state, pace, pass };
}

describe('clients that ask again and again what another server does', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  it('wait for as long as their refusals are worth, and nothing goes on once nobody waits', () => {
    const { pace, pass } = usedUp();
    const asking = new Asking();
    pace.refused(asking, REFUSALS_PER_SECOND / 10);
    expect(asking.isPaused).toBe(true);
    pass(90);
    expect(asking.isPaused).toBe(true);
    pass(10);
    expect(asking.isPaused).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    // Meanwhile as much has come back.
    pace.refused(asking, REFUSALS_PER_SECOND / 10);
    expect(asking.isPaused).toBe(false);
    pace.refused(asking, 1);
    expect(asking.isPaused).toBe(true);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('share what is given a second, and none waits for longer than a bound', () => {
    const { pace, pass } = usedUp();
    const [first, second, third] = [new Asking(), new Asking(), new Asking()];
    pace.refused(first, REFUSALS_PER_SECOND / 20);
    pace.refused(second, REFUSALS_PER_SECOND / 20);
    pace.refused(third, REFUSALS_PER_SECOND * 10);
    pass(50);
    expect([first, second, third].map(({ isPaused }) => isPaused)).toEqual([false, true, true]);
    pass(50);
    expect([first, second, third].map(({ isPaused }) => isPaused)).toEqual([false, false, true]);
    pass(PAUSED_MS_MAX - 100);
    expect(third.isPaused).toBe(false);
  });

  it('are read on at once where this server comes to lead, or another one does', () => {
    const { state, pace, pass } = usedUp();
    const asking = new Asking();
    for (const reason of [undefined, {}]) {
      state.reason = {};
      pace.refused(asking, REFUSALS_PER_SECOND);
      expect(asking.isPaused).toBe(true);
      state.reason = reason;
      pass(10);
      expect(asking.isPaused).toBe(false);
    }
  });

  it('never wait for a leader: it takes what it can from among what they ask', () => {
    const { state, pace } = usedUp();
    state.reason = undefined;
    const asking = new Asking();
    pace.refused(asking, REFUSALS_PER_SECOND);
    expect(asking.isPaused).toBe(false);
  });
});
