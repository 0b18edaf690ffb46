import { describe, expect, it } from 'vitest';
import { PendingWrites } from './pendingWrites.ts';

describe('PendingWrites', () => {
  it('knows what is on disk by the marks that are', () => {
    const writes = new PendingWrites(4, 2);
    const first = writes.handOver(6, 2, 0);
    const second = writes.handOver(9, 3, 0);
    expect(second).toBe(first + 1);
    expect([writes.durableIndex, writes.durableTerm]).toEqual([4, 2]);
    writes.durable(first);
    expect([writes.durableIndex, writes.durableTerm, writes.idle]).toEqual([6, 2, false]);
    writes.durable(second);
    expect([writes.durableIndex, writes.durableTerm, writes.idle]).toEqual([9, 3, true]);
  });

  it('does not take a write of entries that were cut off since for one of those in their place', () => {
    const writes = new PendingWrites(0, 1);
    const old = writes.handOver(9, 1, 0);
    writes.truncateFrom(5);
    const replacement = writes.handOver(7, 2, 0);
    writes.durable(old);
    expect(writes.durableIndex).toBe(4);
    writes.durable(replacement);
    expect(writes.durableIndex).toBe(7);
    writes.truncateFrom(3);
    expect(writes.durableIndex).toBe(2);
  });

  it('says how long the oldest write has taken', () => {
    const writes = new PendingWrites(0, 0);
    expect(writes.stalledMs(50)).toBe(0);
    const mark = writes.handOver(1, 1, 10);
    writes.handOver(2, 1, 30);
    expect(writes.stalledMs(50)).toBe(40);
    writes.durable(mark);
    expect(writes.stalledMs(50)).toBe(20);
  });
});
