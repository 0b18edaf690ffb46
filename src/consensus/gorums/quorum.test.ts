import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, type NodeId, simpleConfiguration } from '../contract.ts';
import { appendAnswer, electionAnswer, isQuorum, majorityOf } from './quorum.ts';

const id = fc.integer({ min: 1, max: 9 });
const configuration = fc.uniqueArray(id, { minLength: 1, maxLength: 7 }).map((ids) => simpleConfiguration(ids));

const moreThanHalf = (count: number, { voters }: Configuration) => count * 2 > voters.length;

/** What the election comes to if nobody else, or everybody else, grants. */
function slowElectionAnswer(among: Configuration, votes: ReadonlyMap<NodeId, boolean>) {
  const grantedIf = (missing: boolean) => among.voters.filter((voter) => votes.get(voter) ?? missing).length;
  if (moreThanHalf(grantedIf(false), among)) return 'won';
  return moreThanHalf(grantedIf(true), among) ? undefined : 'lost';
}

/** The highest proved index that more than half of the voters proved or passed. */
function slowAppendAnswer(among: Configuration, matched: ReadonlyMap<NodeId, number>) {
  const holdersOf = (index: number) => among.voters.filter((voter) => (matched.get(voter) ?? -1) >= index).length;
  const held = [...matched.values()].filter((index) => moreThanHalf(holdersOf(index), among));
  return held.length === 0 ? undefined : Math.max(...held);
}

describe('the quorum functions', () => {
  it('answer an election as its slow twin does', () => {
    const votes = fc.array(fc.tuple(id, fc.boolean())).map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(configuration, votes, (among, cast) => {
        expect(electionAnswer(among, cast)).toBe(slowElectionAnswer(among, cast));
      }),
      { numRuns: 1000 },
    );
  });

  it('answer a round as its slow twin does', () => {
    const matched = fc.array(fc.tuple(id, fc.nat(20))).map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(configuration, matched, (among, proved) => {
        expect(appendAnswer(among, proved)).toBe(slowAppendAnswer(among, proved));
      }),
      { numRuns: 1000 },
    );
  });

  it('find two quorums of one configuration always in touch', () => {
    fc.assert(
      fc.property(configuration, fc.uniqueArray(id), fc.uniqueArray(id), (among, some, others) => {
        const meet = among.voters.some((voter) => some.includes(voter) && others.includes(voter));
        if (isQuorum(among, new Set(some)) && isQuorum(among, new Set(others))) expect(meet).toBe(true);
      }),
    );
  });

  it('count a majority of voters and nobody else', () => {
    expect([1, 2, 3, 4, 5].map((n) => majorityOf(simpleConfiguration([1, 2, 3, 4, 5].slice(0, n))))).toEqual([
      1, 2, 2, 3, 3,
    ]);
    const among = simpleConfiguration([1, 2, 3], [4, 5]);
    expect(isQuorum(among, new Set([1, 4, 5, 6]))).toBe(false);
    expect(isQuorum(among, new Set([1, 3]))).toBe(true);
  });
});
