import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { VoteResult } from '../parts/quorum.ts';
import { appendAnswer, electionAnswer, isQuorum } from './quorum.ts';

/** What stands behind them, parts/quorum.ts, is held to slow twins there. */
describe('the quorum functions', () => {
  const among = simpleConfiguration([1, 2, 3], [4, 5]);

  it('count voters and nobody else', () => {
    expect(isQuorum(among, new Set([1, 4, 5, 6]))).toBe(false);
    expect(isQuorum(among, new Set([1, 3]))).toBe(true);
    const granted = (...ids: number[]) => new Map(ids.map((id) => [id, true]));
    expect(electionAnswer(among, granted(1, 4, 5))).toBe(VoteResult.Pending);
    expect(electionAnswer(among, granted(1, 2))).toBe(VoteResult.Won);
  });

  it('answer a round by its replies alone, also where they prove an empty log', () => {
    const matched = (...pairs: [number, number][]) => appendAnswer(among, new Map(pairs));
    expect(matched([1, 7])).toBe(-1);
    expect(matched([1, 7], [4, 9])).toBe(-1);
    expect(matched([1, 7], [2, 0])).toBe(0);
    expect(matched([1, 7], [2, 5], [3, 9])).toBe(7);
  });
});
