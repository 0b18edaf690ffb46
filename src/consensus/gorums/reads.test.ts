import { describe, expect, it } from 'vitest';
import { Reads } from './reads.ts';

describe('the reads of a leader', () => {
  it('are confirmed with their round and those before it, each once, at what was committed when it began', () => {
    const reads = new Reads();
    for (const [call, token] of [
      [1, 7],
      [2, 8],
      [3, 9],
    ] as const) {
      reads.add(token);
      reads.roundBegan(call, call + 2);
    }
    expect(reads.confirm(2)).toEqual([
      { token: 7, index: 3 },
      { token: 8, index: 4 },
    ]);
    expect(reads.confirm(2)).toEqual([]);
    expect([reads.areCarried, reads.areWaiting]).toEqual([true, false]);
    expect(reads.confirm(3)).toEqual([{ token: 9, index: 5 }]);
    expect(reads.areCarried).toBe(false);
  });

  it('wait for a round that begins after they came', () => {
    const reads = new Reads();
    reads.roundBegan(1, 4);
    reads.add(7);
    expect([reads.areCarried, reads.areWaiting]).toEqual([false, true]);
    expect(reads.confirm(1)).toEqual([]);
    reads.roundBegan(2, 5);
    expect(reads.areWaiting).toBe(false);
    expect(reads.confirm(2)).toEqual([{ token: 7, index: 5 }]);
  });

  it('go into another round where theirs is given up, and are given back in the order in which they came', () => {
    const reads = new Reads();
    reads.add(7);
    reads.roundBegan(1, 4);
    reads.add(8);
    reads.roundsAbandoned();
    expect([reads.areCarried, reads.areWaiting]).toEqual([false, true]);
    reads.roundBegan(2, 6);
    reads.add(9);
    expect(reads.abandon()).toEqual([7, 8, 9]);
    expect([reads.abandon(), reads.confirm(2)]).toEqual([[], []]);
  });
});
