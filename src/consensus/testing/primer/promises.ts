import { match, type PromiseReader } from '../../engineEntry.ts';
import type { PrimerMessage } from './messages.ts';

export function primerPromises(): PromiseReader {
  return (_from, _to, sent) => {
    const message = sent as PrimerMessage;
    const { type, term } = message;
    if (type === 'vote-reply') return message.granted && !message.preVote ? { kind: 'vote', term } : undefined;
    return type === 'append-reply' && message.ok ? match(term, message.index) : undefined;
  };
}
