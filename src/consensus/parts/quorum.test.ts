import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jointReached, jointVote, majorityReached, majorityVote, UNBOUNDED, VoteResult } from './quorum.ts';

/** The definition itself: the highest candidate index with more than half of the voters at or above it. */
function committedByDefinition(voters: readonly number[], acked: Map<number, number>): number {
  if (voters.length === 0) return UNBOUNDED;
  let best = 0;
  for (const candidate of acked.values()) {
    const supporters = voters.filter((id) => (acked.get(id) ?? 0) >= candidate).length;
    if (supporters * 2 > voters.length && candidate > best) best = candidate;
  }
  return best;
}

/** Tries every way in which the silent voters may answer. */
function voteByEnumeration(voters: readonly number[], votes: Map<number, boolean>): VoteResult {
  const silent = voters.filter((id) => !votes.has(id));
  const outcomes = new Set<boolean>();
  for (let mask = 0; mask < 2 ** silent.length; mask++) {
    const yes = voters.filter((id) => votes.get(id) ?? (mask & (1 << silent.indexOf(id))) !== 0).length;
    outcomes.add(voters.length === 0 || yes * 2 > voters.length);
  }
  if (outcomes.size === 2) return VoteResult.Pending;
  return outcomes.has(true) ? VoteResult.Won : VoteResult.Lost;
}

const voterSet = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 6 })
  .map((ids) => ids.sort((a, b) => a - b));
const ackedIndexes = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 12 })))
  .map((pairs) => new Map(pairs));
const castVotes = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean())).map((pairs) => new Map(pairs));

describe('quorum mathematics (Raft §5.3, §6)', () => {
  it('commits what the definition of a majority commits', () => {
    fc.assert(
      fc.property(voterSet, ackedIndexes, (voters, acked) => {
        expect(majorityReached(voters, (id) => acked.get(id))).toBe(committedByDefinition(voters, acked));
      }),
    );
  });

  it('commits jointly the lower of what both halves commit, whichever comes first', () => {
    fc.assert(
      fc.property(voterSet, voterSet, ackedIndexes, (a, b, acked) => {
        const lookup = (id: number) => acked.get(id);
        const expected = Math.min(committedByDefinition(a, acked), committedByDefinition(b, acked));
        expect(jointReached(a, b, lookup)).toBe(expected);
        expect(jointReached(b, a, lookup)).toBe(expected);
        expect(jointReached(a, a, lookup)).toBe(majorityReached(a, lookup));
      }),
    );
  });

  it('decides a vote exactly when the silent voters cannot change it', () => {
    fc.assert(
      fc.property(voterSet, castVotes, (voters, votes) => {
        expect(majorityVote(voters, (id) => votes.get(id))).toBe(voteByEnumeration(voters, votes));
      }),
    );
  });

  it('decides a joint vote by both halves', () => {
    fc.assert(
      fc.property(voterSet, voterSet, castVotes, (a, b, votes) => {
        const halves = [voteByEnumeration(a, votes), voteByEnumeration(b, votes)];
        const expected = halves.includes(VoteResult.Lost)
          ? VoteResult.Lost
          : halves.includes(VoteResult.Pending)
            ? VoteResult.Pending
            : VoteResult.Won;
        expect(jointVote(a, b, (id) => votes.get(id))).toBe(expected);
        expect(jointVote(b, a, (id) => votes.get(id))).toBe(expected);
      }),
    );
  });
});
