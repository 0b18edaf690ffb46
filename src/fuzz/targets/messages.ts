import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { MalformedMessageError } from '../../consensus/contract.ts';
import { Entry } from '../../consensus/entry.ts';
import { FORGED_ENGINES, type ForgedEngine } from '../engines.ts';
import { forgedMessages, SENDERS } from '../forged.ts';
import { damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

/** A message without what only remembers where an entry's bytes stand. */
function plain(message: unknown): unknown {
  const { entries } = message as { readonly entries?: readonly Entry[] };
  if (entries === undefined) return message;
  const bare = entries.map(({ index, term, type, data }) => new Entry(index, term, type, Uint8Array.from(data)));
  return { ...(message as object), entries: bare };
}

function messagesOf({ name, entry, forgery }: ForgedEngine): FuzzTarget<Uint8Array> {
  const { codec } = entry.kind;
  const message = fc.constantFrom(...SENDERS).chain((from) => forgedMessages(forgery, from));
  return {
    name: `messages-${name}`,
    takes: `the ${name} engine's messages`,
    inputs: damagedBytes(message.map((of) => codec.encode(of))),
    check(bytes) {
      const first = taken(() => codec.decode(bytes), MalformedMessageError);
      if (first === undefined) return false;
      const encoded = codec.encode(first.value);
      const second = codec.decode(encoded);
      demand(isDeepStrictEqual(plain(second), plain(first.value)), 'a message is what it was once it is sent on');
      const again = codec.encode(second);
      demand(Buffer.compare(encoded, again) === 0, 'a message is encoded in one way');
      const pieces = codec.encodeLarge(second);
      demand(pieces === undefined || Buffer.concat(pieces).equals(again), 'a message in pieces is the message');
      codec.mayOvertake(second);
      return true;
    },
  };
}

export const MESSAGES = FORGED_ENGINES.map(messagesOf);
