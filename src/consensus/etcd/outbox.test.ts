import { describe, expect, it } from 'vitest';
import { Message, MessageType } from './messages.ts';
import { Outbox } from './outbox.ts';

const { AppendResp, VoteResp } = MessageType;
const acknowledgement = (index: number, fields: Partial<Message> = {}) =>
  Object.assign(new Message(AppendResp, 2), { term: 3, index, ...fields });

function leaving(...messages: readonly Message[]): readonly Message[] {
  const out = new Outbox();
  for (const message of messages) out.sendAfterPersist(message.to, message);
  return out.take(undefined, []).messagesAfterPersist.map(({ message }) => message);
}

describe('acknowledgements that leave together', () => {
  it('are one, the last, of which one may say the same as the one before', () => {
    const [first, again, last] = [acknowledgement(4), acknowledgement(4), acknowledgement(6)];
    expect(leaving(first, again, last)).toEqual([last]);
    expect(leaving(first, again)[0]).toBe(again);
  });

  it.each<[string, Message, Message]>([
    ['to another server', acknowledgement(4), acknowledgement(6, { to: 3 })],
    ['of another term', acknowledgement(4), acknowledgement(6, { term: 4 })],
    ['of less', acknowledgement(6), acknowledgement(4)],
    ['after a refusal', acknowledgement(4, { reject: true }), acknowledgement(6)],
    ['before a refusal', acknowledgement(4), acknowledgement(6, { reject: true })],
    ['after a vote', Object.assign(new Message(VoteResp, 2), { term: 3 }), acknowledgement(6)],
    ['before a vote', acknowledgement(0), Object.assign(new Message(VoteResp, 2), { term: 3 })],
  ])('do not stand for others: %s', (_what, first, second) => {
    expect(leaving(first, second)).toEqual([first, second]);
  });
});
