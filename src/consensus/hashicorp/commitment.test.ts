import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommitmentTracker } from './commitment.ts';

type Step = { match: [number, number] } | { voters: number[] } | { forget: number };

const id = fc.integer({ min: 1, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ match: fc.tuple(id, fc.nat(12)) }) },
  { weight: 1, arbitrary: fc.record({ voters: fc.uniqueArray(id, { minLength: 1, maxLength: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ forget: id }) },
);

/** The slow obvious twin: for every index, is it of the term and on a majority? What was committed stays committed. */
function twin(voters: readonly number[], matches: ReadonlyMap<number, number>, firstOfTerm: number, before: number) {
  let committed = before;
  for (let index = firstOfTerm; index <= 12; index++) {
    const holders = voters.filter((voter) => (matches.get(voter) ?? 0) >= index);
    if (2 * holders.length > voters.length) committed = Math.max(committed, index);
  }
  return committed;
}

describe('CommitmentTracker', () => {
  it('agrees with counting after every step', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 40 }), (firstOfTerm, steps) => {
        let voters = [1, 2, 3];
        let expected = 0;
        const matches = new Map<number, number>();
        const tracker = new CommitmentTracker(voters, firstOfTerm);
        for (const each of steps) {
          if ('match' in each) {
            matches.set(...each.match);
            tracker.match(...each.match);
          } else if ('voters' in each) {
            voters = each.voters;
            tracker.setVoters(voters);
          } else {
            matches.delete(each.forget);
            tracker.forget(each.forget);
          }
          expected = twin(voters, matches, firstOfTerm, expected);
          expect(tracker.commitIndex).toBe(expected);
        }
      }),
    );
  });

  it('does not commit an entry of an earlier term by counting (Raft §5.4.2, figure 8)', () => {
    const tracker = new CommitmentTracker([1, 2, 3], 5);
    for (const voter of [1, 2, 3]) tracker.match(voter, 4);
    expect(tracker.commitIndex).toBe(0);
    tracker.match(1, 5);
    tracker.match(2, 5);
    expect(tracker.commitIndex).toBe(5);
  });

  it('counts voters only', () => {
    const tracker = new CommitmentTracker([1, 2, 3], 1);
    for (const nonVoter of [4, 5, 6]) tracker.match(nonVoter, 9);
    tracker.match(1, 9);
    expect(tracker.commitIndex).toBe(0);
    tracker.setVoters([1, 2, 4]);
    expect(tracker.commitIndex).toBe(9);
  });
});
