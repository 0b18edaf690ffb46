import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ResultStatus } from './generated/rkv.ts';
import { leaderInText, notLeaderText } from './originalTexts.ts';
import {
  callFailure,
  FAILED_OUTCOMES,
  type FailedOutcome,
  leaderInCall,
  notLeaderFailure,
  outcomeOfCall,
  outcomeOfResult,
  resultOf,
} from './outcome.ts';
import { reasonMetadata } from './reason.ts';

/** The failure of a call with this outcome, in words that say nothing. */
function failureOf(outcome: FailedOutcome) {
  return outcome === 'not-leader' ? { ...notLeaderFailure(2), details: '' } : callFailure(outcome, '');
}

/** As a server without reasons gives it. */
const bare = (code: status, details = '') => ({ code, details, metadata: new Metadata() });

describe('an outcome', () => {
  it.each(FAILED_OUTCOMES)('%s comes back from an unary call as it went, whatever the text says', (outcome) => {
    for (const details of ['', 'not leader, 3 is', 'too old', 'larger than', 'try again']) {
      expect(outcomeOfCall({ ...failureOf(outcome), details })).toBe(outcome);
    }
  });

  it.each(FAILED_OUTCOMES)('%s comes back from a stream as one that asks the same of the client', (outcome) => {
    const back = outcomeOfResult(resultOf(outcome))!;
    expect(resultOf(back)).toBe(resultOf(outcome));
    expect(back).toBe(outcome === 'too-many-sessions' || outcome === 'disk-full' ? 'overloaded' : outcome);
  });

  it('stands behind every result that is not OK, and behind no other', () => {
    const results = Object.values(ResultStatus).filter((result) => result >= 0);
    expect(results.filter((result) => outcomeOfResult(result) === undefined)).toEqual([ResultStatus.RESULT_OK]);
  });

  it('is known by its code alone where a server gives no reason', () => {
    expect(outcomeOfCall(bare(status.NOT_FOUND))).toBe('unknown-session');
    expect(outcomeOfCall(bare(status.INVALID_ARGUMENT))).toBe('invalid');
    expect(outcomeOfCall(bare(status.RESOURCE_EXHAUSTED))).toBe('overloaded');
    // Either may be meant; this one promises nothing.
    expect(outcomeOfCall(bare(status.OUT_OF_RANGE))).toBe('sequence-too-old');
    for (const code of [status.UNKNOWN, status.UNAVAILABLE, status.INTERNAL, status.CANCELLED]) {
      expect(outcomeOfCall(bare(code))).toBeUndefined();
    }
  });

  it('that a later version names is none of ours, whatever its code', () => {
    expect(outcomeOfCall({ ...bare(status.NOT_FOUND), metadata: reasonMetadata('on-holiday') })).toBeUndefined();
  });
});

describe('who leads', () => {
  it.each([0, 1, 12, 2 ** 40])('is told to programs and in the words of the original: %d', (leader) => {
    const failure = notLeaderFailure(leader);
    expect(failure).toMatchObject({ code: status.UNKNOWN, details: `not leader, ${leader} is` });
    expect(leaderInCall({ ...failure, details: '' })).toBe(leader);
    expect(leaderInCall(bare(failure.code, failure.details))).toBe(leader);
    expect(outcomeOfCall(bare(failure.code, failure.details))).toBe('not-leader');
    expect(leaderInText(notLeaderText(leader))).toBe(leader);
  });

  it.each(['', 'not leader', 'not leader,  is', 'not leader, x is', 'not leader, -1 is', 'not leader, 1.5 is'])(
    'is not told by "%s"',
    (details) => {
      expect(leaderInCall(bare(status.UNKNOWN, details))).toBeUndefined();
    },
  );

  it('is nobody where that trailer makes no sense', () => {
    const metadata = reasonMetadata('not-leader');
    expect(leaderInCall({ code: status.UNKNOWN, details: '', metadata })).toBe(0);
    metadata.set('rkv-leader', 'me');
    expect(leaderInCall({ code: status.UNKNOWN, details: '', metadata })).toBe(0);
  });
});
