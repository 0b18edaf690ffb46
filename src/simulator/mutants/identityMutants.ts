import type { NodeId, Snapshot } from '../../consensus/contract.ts';
import type { admit } from '../../server/identity/admission.ts';
import type { Answer, decideStart } from '../../server/identity/startDecision.ts';

type Decide = typeof decideStart;

/** Takes those that answer for all initial members. */
export function withoutTheSilent(decide: Decide): Decide {
  return (own, bootstrap, answers, before) => {
    const isThere = (id: NodeId) => id === own.id || answers.get(id)?.kind === 'introduced';
    return decide(own, bootstrap.filter(isThere), answers, before);
  };
}

/** Joins whoever knows its folder, and does not listen to what else they know of it. */
export function believesItIsNew(decide: Decide): Decide {
  return (own, bootstrap, answers, before) => {
    const forgiving = [...answers].map(([id, answer]): [NodeId, Answer] => {
      const us = answer.kind === 'introduced' ? answer.known.get(own.id) : undefined;
      if (answer.kind !== 'introduced' || us?.instance !== own.instance) return [id, answer];
      return [id, { ...answer, misfit: undefined, known: new Map([...answer.known, [own.id, { ...us, ran: false }]]) }];
    });
    return decide(own, bootstrap, new Map(forgiving), before);
  };
}

/** Hands over what it has applied, whether or not it still leads. */
export const admitsAtOnce: typeof admit = (replica, _asker, _request, done) => {
  const { role, leader } = replica.status();
  const hand = (snapshot: Snapshot | undefined) => {
    if (snapshot === undefined) done({ ok: false, reason: 'not-leader', leader });
    else done({ ok: true, snapshot, spentTerm: snapshot.term, admitted: snapshot.index });
  };
  if (role === 'leader') replica.readState(hand);
  else hand(undefined);
};
