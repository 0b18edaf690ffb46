import { describe, expect, it } from 'vitest';
import { ReadQueue } from './reads.ts';

describe('reads that wait', () => {
  it('want a round where none is under way, or none that began now', () => {
    const reads = new ReadQueue();
    expect(reads.wantsRound(10)).toBe(false);
    reads.add(1, 4);
    expect(reads.wantsRound(10)).toBe(true);
    reads.roundBegan(1, 10);
    expect(reads.wantsRound(11)).toBe(false);
    reads.add(2, 4);
    expect([reads.wantsRound(10), reads.wantsRound(11)]).toEqual([false, true]);
    reads.verified(1, 0);
    expect(reads.wantsRound(10)).toBe(true);
  });

  it('are verified with their round, or a later one, at what was committed when they came, or at least', () => {
    const reads = new ReadQueue();
    reads.roundBegan(1, 0);
    reads.add(1, 4);
    reads.add(2, 6);
    expect(reads.isEmpty).toBe(false);
    reads.roundBegan(2, 0);
    reads.roundBegan(3, 1);
    reads.add(3, 7);
    expect([reads.isEmpty, reads.verified(1, 0)]).toEqual([false, []]);
    expect(reads.verified(3, 5)).toEqual([
      { token: 1, index: 5 },
      { token: 2, index: 6 },
    ]);
    expect([reads.isEmpty, reads.verified(9, 0)]).toEqual([false, []]);
    reads.roundBegan(10, 2);
    expect(reads.verified(10, 0)).toEqual([{ token: 3, index: 7 }]);
    expect(reads.isEmpty).toBe(true);
  });

  it('are abandoned once, in the order in which they came', () => {
    const reads = new ReadQueue();
    for (const token of [5, 3]) reads.add(token, 0);
    reads.roundBegan(1, 0);
    reads.add(4, 0);
    expect(reads.abandon()).toEqual([5, 3, 4]);
    expect([reads.isEmpty, reads.abandon(), reads.verified(9, 0), reads.wantsRound(9)]).toEqual([true, [], [], false]);
  });
});
