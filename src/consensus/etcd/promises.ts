import { match, type PromiseReader } from '../engineEntry.ts';
import { type Message, MessageType } from './messages.ts';

export function etcdPromises(): PromiseReader {
  return (_from, _to, sent) => {
    const { type, term, index, reject } = sent as Message;
    if (reject) return undefined;
    if (type === MessageType.VoteResp) return { kind: 'vote', term };
    return type === MessageType.AppendResp ? match(term, index) : undefined;
  };
}
