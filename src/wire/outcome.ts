import { status } from '@grpc/grpc-js';
import { ResultStatus } from './generated/rkv.ts';
import { leaderInText, notLeaderText } from './originalTexts.ts';
import { leaderOf, reasonMetadata, reasonOf, type WithMetadata } from './reason.ts';

interface Words {
  /** In a session stream's results. */
  readonly result: ResultStatus;
  /** What an unary call fails with; its reason (reason.ts) is the outcome's own name. The original's, where it has one. */
  readonly code: status;
}

/**
 * How a command ends that is not carried out, or may not have been, in the words of every process. Two that share a result or
 * a code ask the same of a client that goes by that alone.
 */
const FAILURES = {
  /** Certainly not done: another server leads. */
  'not-leader': { result: ResultStatus.RESULT_NOT_LEADER, code: status.UNKNOWN },
  /** May or may not have been done, or be done yet. */
  unknown: { result: ResultStatus.RESULT_UNKNOWN, code: status.UNAVAILABLE },
  /** Certainly not done: the server has too much to do. */
  overloaded: { result: ResultStatus.RESULT_OVERLOADED, code: status.RESOURCE_EXHAUSTED },
  /** Certainly not done: no session can be forgotten to make room for one more. */
  'too-many-sessions': { result: ResultStatus.RESULT_OVERLOADED, code: status.RESOURCE_EXHAUSTED },
  /** Certainly not done: the leader's disk has no more room than it set aside for itself. */
  'disk-full': { result: ResultStatus.RESULT_OVERLOADED, code: status.RESOURCE_EXHAUSTED },
  // Refused by every replica alike.
  'unknown-session': { result: ResultStatus.RESULT_UNKNOWN_SESSION, code: status.NOT_FOUND },
  'sequence-too-old': { result: ResultStatus.RESULT_SEQUENCE_TOO_OLD, code: status.OUT_OF_RANGE },
  'sequence-too-far': { result: ResultStatus.RESULT_SEQUENCE_TOO_FAR, code: status.OUT_OF_RANGE },
  invalid: { result: ResultStatus.RESULT_INVALID, code: status.INVALID_ARGUMENT },
  /** Larger than this server takes a command; what is larger than it takes a message has gRPC's own answer. */
  'too-large': { result: ResultStatus.RESULT_TOO_LARGE, code: status.INVALID_ARGUMENT },
} as const satisfies Readonly<Record<string, Words>>;

export type FailedOutcome = keyof typeof FAILURES;

export const FAILED_OUTCOMES = Object.keys(FAILURES) as readonly FailedOutcome[];

/** The first of those with the same result. */
const BY_RESULT = new Map<ResultStatus, FailedOutcome>();
/** The first of those with the same code: of the two that are refused for their numbers, the one that promises nothing. */
const BY_CODE = new Map<status, FailedOutcome>();
for (const outcome of FAILED_OUTCOMES) {
  const { result, code } = FAILURES[outcome];
  if (!BY_RESULT.has(result)) BY_RESULT.set(result, outcome);
  if (!BY_CODE.has(code)) BY_CODE.set(code, outcome);
}
/** They say nothing of the command without a reason: gRPC itself uses them. */
BY_CODE.delete(status.UNKNOWN);
BY_CODE.delete(status.UNAVAILABLE);

export function resultOf(outcome: FailedOutcome): ResultStatus {
  return FAILURES[outcome].result;
}

/** Undefined for what a later version may say. */
export function outcomeOfResult(result: ResultStatus): FailedOutcome | undefined {
  return BY_RESULT.get(result);
}

/** A call's end, as handlers of calls give it. */
export interface CallFailure {
  readonly code: status;
  readonly details: string;
  readonly metadata: ReturnType<typeof reasonMetadata>;
}

/** What an unary call ends with. */
export function callFailure(outcome: Exclude<FailedOutcome, 'not-leader'>, details: string): CallFailure {
  return { code: FAILURES[outcome].code, details, metadata: reasonMetadata(outcome) };
}

export const OVERLOADED_FAILURE = callFailure('overloaded', 'the server has too much to do; try again later');

/** `leader`: who leads instead, 0 where nobody knows. */
export function notLeaderFailure(leader: number, code: status = FAILURES['not-leader'].code): CallFailure {
  return { code, details: notLeaderText(leader), metadata: reasonMetadata('not-leader', leader) };
}

export interface FailedCall extends WithMetadata {
  readonly code: status;
  readonly details: string;
}

/** What a failed unary call says of its command: by its reason, or where it has none by its code. Undefined where that is nothing. */
export function outcomeOfCall(failure: FailedCall): FailedOutcome | undefined {
  const reason = reasonOf(failure);
  if (reason !== '') return FAILED_OUTCOMES.find((outcome) => outcome === reason);
  return leaderInCall(failure) === undefined ? BY_CODE.get(failure.code) : 'not-leader';
}

/** Who leads by a failed call's word, 0 where it knows of nobody; undefined where it failed for another reason. */
export function leaderInCall(failure: FailedCall): number | undefined {
  if (reasonOf(failure) === 'not-leader') return leaderOf(failure) ?? 0;
  return leaderInText(failure.details);
}
