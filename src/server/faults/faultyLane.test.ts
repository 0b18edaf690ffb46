import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LinkCondition } from '../../faults/lane.ts';
import { CLEAR } from '../../faults/testing/clearLink.ts';
import { FaultyLane } from './faultyLane.ts';
import { MACHINE } from './machine.ts';

const LATE: LinkCondition = { ...CLEAR, delays: [{ kind: 'fixed', us: 10_000 }] };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp(condition: LinkCondition, next: () => number = () => 0.5) {
  const delivered: string[][] = [];
  const lane = new FaultyLane<string>(condition, {
    environment: { ...MACHINE, next },
    sizeOf: (message) => message.length,
    isUrgent: (message) => message.startsWith('!'),
    deliver: (messages) => delivered.push([...messages]),
  });
  return { lane, delivered };
}

describe('a direction of a link with which something is wrong', () => {
  it('lets through at once what nothing befalls, and loses the rest', () => {
    let drawn = 0;
    const { lane, delivered } = setUp({ ...CLEAR, lossChance: 0.5 }, () => drawn);
    expect(lane.take('lost')).toBe('lost');
    drawn = 0.5;
    expect(lane.take('carried')).toBe('now');
    lane.change({ ...CLEAR, isCut: true });
    expect(lane.take('cut')).toBe('cut');
    vi.runAllTimers();
    expect(delivered).toEqual([]);
  });

  it('delivers late and in order, and nothing overtakes what waits', () => {
    const { lane, delivered } = setUp(LATE);
    expect(lane.take('a')).toBe('later');
    vi.advanceTimersByTime(4);
    expect(lane.take('b')).toBe('later');
    lane.change(CLEAR);
    expect(lane.take('c')).toBe('later');
    vi.advanceTimersByTime(5);
    expect(delivered).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(delivered).toEqual([['a']]);
    vi.advanceTimersByTime(4);
    expect(delivered).toEqual([['a'], ['b', 'c']]);
    vi.advanceTimersByTime(1);
    expect(lane.take('d')).toBe('now');
  });

  it('carries so many bytes a second, and what is urgent before the rest', () => {
    const { lane, delivered } = setUp({ ...CLEAR, bytesPerSecond: 1000 });
    lane.take('x'.repeat(100));
    lane.take('!urgent');
    vi.advanceTimersByTime(7);
    expect(delivered).toEqual([['!urgent']]);
    vi.advanceTimersByTime(93);
    expect(delivered).toHaveLength(2);
  });

  it('delivers what is under way when nothing is wrong any more, and nothing once it is closed', () => {
    const ended = setUp(LATE);
    ended.lane.take('a');
    ended.lane.take('b');
    ended.lane.end();
    expect(ended.delivered).toEqual([['a', 'b']]);
    const closed = setUp(LATE);
    closed.lane.take('a');
    closed.lane.close();
    vi.runAllTimers();
    expect([ended.delivered.length, closed.delivered.length]).toEqual([1, 0]);
  });

  it('keeps no more than it may', () => {
    const { lane, delivered } = setUp(LATE);
    for (let i = 0; i < 20_000; i++) lane.take(String(i));
    vi.advanceTimersByTime(10);
    expect(delivered.flat()).toHaveLength(16_384);
    expect(delivered.flat().at(-1)).toBe('16383');
  });
});
