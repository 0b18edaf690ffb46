import type { Metadata } from '@grpc/grpc-js';
import { type MembershipChange, type Missing, type NodeId, RejectReason } from '../../consensus/contract.ts';
import { notLeaderText } from '../../wire/originalTexts.ts';
import { reasonMetadata } from '../../wire/reason.ts';
import type { RequestRefusal } from '../../wire/requestRefusal.ts';
import type { RequestResult } from '../host/outcomes.ts';

type Refusal = Extract<RequestResult, { readonly ok: false }>;

/** The same for programs: an engine's reasons are the wire's. */
export function refusalMetadata({ reason, leader }: Refusal): Metadata {
  const word: RequestRefusal = reason;
  return reasonMetadata(word, reason === RejectReason.NotLeader ? leader : undefined);
}

/** Why a membership change was refused, for people. */
export function changeRefusalText(refusal: Refusal, { type, id }: MembershipChange): string {
  const what = `cannot ${CHANGE_WORDS[type](id)}`;
  const missing = missingText(refusal.missing);
  switch (refusal.reason) {
    case RejectReason.NotLeader:
      return notLeaderText(refusal.leader);
    case RejectReason.ChangeInFlight:
      return `${what}: another membership change is in flight; try again`;
    case RejectReason.Transferring:
      return `${what}: leadership is being transferred; try again`;
    case RejectReason.InvalidChange:
      return `${what}: it makes no sense in the present configuration`;
    case RejectReason.NoQuorum:
      return `${what}: too few would be left to commit anything (${missing})`;
    case RejectReason.TargetUnreachable:
    case RejectReason.NotCaughtUp:
      return `${what}: ${missing}`;
    case RejectReason.Timeout:
      return `${what}: nothing was committed in time`;
    default:
      return `${what}: the server has too much to do; try again`;
  }
}

const CHANGE_WORDS: Readonly<Record<MembershipChange['type'], (id: NodeId) => string>> = {
  'add-voter': (id) => `add server ${id}`,
  'add-learner': (id) => `add server ${id} as a learner`,
  demote: (id) => `make server ${id} a learner`,
  remove: (id) => `remove server ${id}`,
};

/** Why leadership was not handed to `to`, or where that is 0 to anybody; for people. */
export function transferRefusalText(refusal: Refusal, to: NodeId): string {
  const what = `leadership was not transferred${to === 0 ? '' : ` to server ${to}`}`;
  switch (refusal.reason) {
    case RejectReason.NotLeader:
      return notLeaderText(refusal.leader);
    case RejectReason.InvalidChange:
      return `${what}: server ${to} is not a voter`;
    case RejectReason.Transferring:
      return `${what}: another transfer is under way`;
    case RejectReason.ChangeInFlight:
      return `${what}: a membership change is in flight`;
    case RejectReason.CannotTakeOver:
      return `${what}: ${to === 0 ? 'the others are' : 'it is'} reached by the original's unary calls, which have none for it; stop the leader instead`;
    case RejectReason.NoSuccessor: {
      const missing = missingText(refusal.missing);
      return `${what}: no other voter can take over${missing === '' ? '' : ` (${missing})`}`;
    }
    case RejectReason.Timeout: {
      const { leader } = refusal;
      const now = leader === 0 ? 'no leader is known yet' : `server ${leader} leads`;
      return `${what}: the target did not take over in time; ${now}`;
    }
    default:
      return `${what}: ${missingText(refusal.missing)}`;
  }
}

function missingText(missing: Missing | undefined): string {
  if (missing === undefined) return '';
  const { silent, behind } = missing;
  const texts = behind.map(
    ({ id, heldIndex, goalIndex }) =>
      `server ${id} answers and has ${heldIndex.toLocaleString('en')} of ${goalIndex.toLocaleString('en')} entries`,
  );
  if (silent.length === 1) texts.unshift(`server ${silent[0]} does not answer`);
  else if (silent.length > 1) texts.unshift(`servers ${silent.join(', ')} do not answer`);
  return texts.join(', ');
}
