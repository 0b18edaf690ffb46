import { match, type PromiseReader } from '../engineEntry.ts';
import type { HashicorpMessage } from './messages.ts';

export function hashicorpPromises(): PromiseReader {
  return (_from, _to, sent) => {
    const message = sent as HashicorpMessage;
    switch (message.type) {
      case 'vote-reply':
        return message.granted && !message.preVote ? { kind: 'vote', term: message.term } : undefined;
      case 'append-reply':
        return message.ok ? match(message.term, message.index) : undefined;
      case 'snapshot-reply':
        return message.installed ? match(message.term, message.index) : undefined;
      default:
        return undefined;
    }
  };
}
