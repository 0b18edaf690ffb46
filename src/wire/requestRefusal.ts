import { type FailedCall, leaderInCall } from './outcome.ts';
import { reasonOf } from './reason.ts';

/**
 * Why a server does not change the membership, or hand over leadership, as the reason of its refusal (reason.ts); true where the
 * same request may be granted a moment later.
 */
const REFUSALS = {
  'not-leader': true,
  transferring: true,
  'change-in-flight': true,
  overloaded: true,
  'invalid-change': false,
  timeout: false,
  'no-quorum': false,
  'target-unreachable': false,
  'not-caught-up': false,
  'no-successor': false,
  'cannot-take-over': false,
} as const;

export type RequestRefusal = keyof typeof REFUSALS;

/** Undefined for what servers without reasons, or later ones, say. */
export function refusalOfCall(failure: FailedCall): RequestRefusal | undefined {
  if (leaderInCall(failure) !== undefined) return 'not-leader';
  const reason = reasonOf(failure);
  return Object.hasOwn(REFUSALS, reason) ? (reason as RequestRefusal) : undefined;
}

export function mayAskAgain(refusal: RequestRefusal | undefined): boolean {
  return refusal !== undefined && REFUSALS[refusal];
}
