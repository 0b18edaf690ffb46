import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { RejectReason } from '../consensus/contract.ts';
import { notLeaderFailure } from './outcome.ts';
import { reasonMetadata } from './reason.ts';
import { mayAskAgain, refusalOfCall } from './requestRefusal.ts';

const refused = (metadata: Metadata, details = 'try again') => ({
  code: status.FAILED_PRECONDITION,
  details,
  metadata,
});

describe('a refused request', () => {
  it.each(Object.values(RejectReason))('says %s, and is understood without its text', (reason) => {
    const { NotLeader, Transferring, ChangeInFlight } = RejectReason;
    const refusal = refusalOfCall(refused(reasonMetadata(reason)));
    expect(refusal).toBe(reason);
    const passes: readonly RejectReason[] = [NotLeader, Transferring, ChangeInFlight];
    expect(mayAskAgain(refusal)).toBe(passes.includes(reason));
  });

  it('of a server that does not lead is known by the words of the original too', () => {
    expect(refusalOfCall(notLeaderFailure(2, status.FAILED_PRECONDITION))).toBe('not-leader');
    expect(refusalOfCall(refused(new Metadata(), 'not leader, 2 is'))).toBe('not-leader');
  });

  it('of a server that has too much to do may be granted a moment later', () => {
    expect(mayAskAgain(refusalOfCall(refused(reasonMetadata('overloaded'))))).toBe(true);
  });

  it('without a reason, or with one of a later version, is for good', () => {
    for (const metadata of [new Metadata(), reasonMetadata('on-holiday'), reasonMetadata('toString')]) {
      expect(refusalOfCall(refused(metadata))).toBeUndefined();
    }
    expect(mayAskAgain(undefined)).toBe(false);
  });
});
