import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { majority, majorityReached } from './quorum.ts';

/** The slow obvious twin: try every value, and count who has reached it. */
function twin(voters: readonly number[], values: ReadonlyMap<number, number>): number {
  let best = -1;
  for (const candidate of values.values()) {
    const there = voters.filter((id) => values.get(id)! >= candidate).length;
    if (2 * there > voters.length && candidate > best) best = candidate;
  }
  return best;
}

describe('majority', () => {
  it('is more than half, and two of them always share a voter', () => {
    for (let count = 1; count <= 20; count++) {
      expect(2 * majority(count)).toBeGreaterThan(count);
      expect(2 * (majority(count) - 1)).toBeLessThanOrEqual(count);
    }
  });
});

describe('majorityReached', () => {
  it('has no answer without voters', () => {
    expect(majorityReached([], () => 7)).toBe(-1);
  });

  it('agrees with counting', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 9 }), (list) => {
        const voters = list.map((_, i) => i + 1);
        const values = new Map(list.map((value, i) => [i + 1, value]));
        expect(majorityReached(voters, (id) => values.get(id)!)).toBe(twin(voters, values));
      }),
    );
  });
});
