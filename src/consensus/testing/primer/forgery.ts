import fc from 'fast-check';
import { ChangeType } from '../../contract.ts';
import type { Forgery } from '../forgery.ts';
import { encodeChange } from './changes.ts';
import type { PrimerMessage } from './messages.ts';

export const primerForgery: Forgery<PrimerMessage> = {
  answer: (_from, term) => ({ type: 'append-reply', term, ok: false, index: 0, hint: 0 }),
  grant: (request, granted = true) => {
    if (request.type !== 'vote') return undefined;
    const { term, preVote } = request;
    // Who refuses a pre-vote names its own term.
    return { type: 'vote-reply', term: preVote && !granted ? term - 1 : term, preVote, granted };
  },
  ask: (_from, of) => ({ type: 'vote', ...of }),
  verdict: (message) => (message.type === 'vote-reply' ? message.granted : undefined),
  takeOver: (_from, term) => ({ type: 'take-over', term }),
  append: (_from, of) => ({ type: 'append', ...of }),
  snapshot: (_from, term, snapshot) => ({ type: 'snapshot', term, snapshot }),
  change: (id) => encodeChange({ type: ChangeType.AddVoter, id }),
  any: (_from, { number, flag, append, snapshot }) => {
    const of = <T extends PrimerMessage['type']>(type: T) => fc.constant(type);
    return fc.oneof(
      fc.record({ type: of('vote'), term: number, lastIndex: number, lastTerm: number, preVote: flag }),
      fc.record({ type: of('vote-reply'), term: number, preVote: flag, granted: flag }),
      append.map((each) => ({ type: 'append' as const, ...each })),
      fc.record({ type: of('snapshot'), term: number, snapshot }),
      fc.record({ type: of('append-reply'), term: number, ok: flag, index: number, hint: number }),
      fc.record({ type: of('heartbeat'), term: number, round: number, commit: number }),
      fc.record({ type: of('heartbeat-reply'), term: number, round: number, lastIndex: number }),
      fc.record({ type: of('take-over'), term: number }),
    );
  },
};
