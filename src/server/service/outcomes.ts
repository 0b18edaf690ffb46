import { type CallFailure, callFailure, notLeaderFailure, OVERLOADED_FAILURE } from '../../wire/outcome.ts';
import type { CommandOutcome, LookupOutcome } from '../host/outcomes.ts';

export type Failure = Exclude<CommandOutcome | LookupOutcome, { readonly status: 'ok' }>;

export const TOO_MANY_REGISTRATIONS =
  'this connection registers sessions faster than is taken: go on with those it has, or register more slowly';

export function detailOf(failure: Failure): string {
  return 'detail' in failure ? failure.detail : '';
}

/** What a unary call fails with. The text for a server that is not the leader is the original's, code included. */
export function unaryFailure(failure: Failure): CallFailure {
  switch (failure.status) {
    case 'not-leader':
      return notLeaderFailure(failure.leader);
    case 'unknown':
      return callFailure(
        'unknown',
        'leadership was lost before the command was applied: it may or may not be; retry with the same clientSeq',
      );
    case 'overloaded':
      return OVERLOADED_FAILURE;
    default:
      return callFailure(failure.status, failure.detail);
  }
}
