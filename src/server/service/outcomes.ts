import { status } from '@grpc/grpc-js';
import { ResultStatus } from '../../wire/generated/rkv.ts';
import type { CommandOutcome, LookupOutcome } from '../host/replica.ts';

type Outcome = CommandOutcome | LookupOutcome;
type Failure = Exclude<Outcome, { readonly status: 'ok' }>;

const SESSION_STATUS: Readonly<Record<Failure['status'], ResultStatus>> = {
  'not-leader': ResultStatus.RESULT_NOT_LEADER,
  unknown: ResultStatus.RESULT_UNKNOWN,
  overloaded: ResultStatus.RESULT_OVERLOADED,
  'unknown-session': ResultStatus.RESULT_UNKNOWN_SESSION,
  'too-many-sessions': ResultStatus.RESULT_OVERLOADED,
  'sequence-too-old': ResultStatus.RESULT_SEQUENCE_TOO_OLD,
  'sequence-too-far': ResultStatus.RESULT_SEQUENCE_TOO_FAR,
  invalid: ResultStatus.RESULT_INVALID,
};

export function resultStatus(failure: Failure): ResultStatus {
  return SESSION_STATUS[failure.status];
}

export function detailOf(failure: Failure): string {
  return 'detail' in failure ? failure.detail : '';
}

/** What a unary call fails with. The text for a server that is not the leader is the original's, code included. */
export function unaryError(failure: Failure): { readonly code: status; readonly details: string } {
  switch (failure.status) {
    case 'not-leader':
      return { code: status.UNKNOWN, details: notLeaderText(failure.leader) };
    case 'unknown':
      return {
        code: status.UNAVAILABLE,
        details:
          'leadership was lost before the command was applied: it may or may not be; retry with the same clientSeq',
      };
    case 'overloaded':
      return { code: status.RESOURCE_EXHAUSTED, details: 'the server has too much to do; try again later' };
    case 'unknown-session':
      return { code: status.NOT_FOUND, details: failure.detail };
    case 'too-many-sessions':
      return { code: status.RESOURCE_EXHAUSTED, details: failure.detail };
    case 'sequence-too-old':
    case 'sequence-too-far':
      return { code: status.OUT_OF_RANGE, details: failure.detail };
    case 'invalid':
      return { code: status.INVALID_ARGUMENT, details: failure.detail };
  }
}

export const TOO_MANY_REGISTRATIONS =
  'this connection registers sessions faster than is taken: go on with those it has, or register more slowly';

export function notLeaderText(leader: number): string {
  return `not leader, ${leader} is`;
}
