import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedMessageError } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { encodeEntries } from '../entryCodec.ts';
import { etcdCodec } from './codec.ts';
import { isLocal, Message, MessageType } from './messages.ts';

const number = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }), fc.maxSafeNat());
const ids = fc
  .uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 5 })
  .map((list) => list.sort((a, b) => a - b));
const plainTypes = Object.values(MessageType).filter(
  (type) => !isLocal(type) && type !== MessageType.Append && type !== MessageType.Snapshot,
);

const plain = fc
  .record({
    type: fc.constantFrom(...plainTypes),
    term: fc.integer({ min: 1, max: 2 ** 40 }),
    index: number,
    logTerm: number,
    commit: number,
    rejectHint: number,
    reject: fc.boolean(),
    transfer: fc.boolean(),
    readSequence: number,
    readContext: number,
  })
  .map(({ type, ...fields }) => Object.assign(new Message(type, 0), fields));

const append = fc
  .tuple(fc.nat(1000), fc.integer({ min: 1, max: 50 }), fc.array(fc.tuple(fc.nat(3), fc.uint8Array({ maxLength: 40 }))))
  .map(([index, logTerm, list]) => {
    const message = new Message(MessageType.Append, 0);
    let term = logTerm;
    message.index = index;
    message.logTerm = logTerm;
    message.entries = list.map(([step, data], at) => {
      term += step;
      return new Entry(index + at + 1, term, EntryType.Normal, data);
    });
    message.term = term + 1;
    return message;
  });

const snapshot = fc
  .record({
    index: fc.integer({ min: 1, max: 2 ** 40 }),
    term: fc.integer({ min: 1, max: 2 ** 40 }),
    data: fc.uint8Array({ maxLength: 60 }),
    configuration: fc.record({
      voters: ids,
      learners: ids,
      outgoing: ids,
      learnersNext: ids,
      autoLeave: fc.boolean(),
    }),
  })
  .map((content) => Object.assign(new Message(MessageType.Snapshot, 0), { term: 3, snapshot: content }));

/** What an entry says, without where its bytes stand. */
function contentOf(message: Message): unknown {
  const entries = message.entries.map(({ index, term, type, data }) => ({ index, term, type, data: [...data] }));
  const { snapshot: taken } = message;
  return { ...message, entries, snapshot: taken && { ...taken, data: [...taken.data] } };
}

function tryDecode(bytes: Uint8Array): void {
  try {
    etcdCodec.decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessageError);
  }
}

describe('the wire encoding', () => {
  it('gives back what was sent', () => {
    fc.assert(
      fc.property(fc.oneof(plain, append, snapshot), (message) => {
        expect(contentOf(etcdCodec.decode(etcdCodec.encode(message)))).toEqual(contentOf(message));
      }),
    );
  });

  it('sends the bytes that an entry already has, and gives out views of those received', () => {
    const entries = [1, 2, 3].map((index) => new Entry(index, 1, EntryType.Normal, new Uint8Array([index, index])));
    const chunk = encodeEntries(entries);
    const message = new Message(MessageType.Append, 2);
    message.term = 1;
    message.index = 1;
    message.logTerm = 1;
    message.entries = entries.slice(1);
    const bytes = etcdCodec.encode(message);
    expect(entries[1]!.record).toBe(chunk);
    const [first] = etcdCodec.decode(bytes).entries;
    expect(first!.record).toBe(bytes);
    expect(first!.data.buffer).toBe(bytes.buffer);
  });

  it('refuses by name whatever it cannot read', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), tryDecode));
    const withHeader = fc.tuple(fc.constantFrom(...Object.values(MessageType)), fc.uint8Array({ maxLength: 80 }));
    fc.assert(fc.property(withHeader, ([type, rest]) => tryDecode(new Uint8Array([1, type, ...rest]))));
  });

  it('refuses by name a message that was cut short or damaged', () => {
    fc.assert(
      fc.property(fc.oneof(append, snapshot), fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
        const bytes = etcdCodec.encode(message);
        tryDecode(bytes.subarray(0, at % bytes.length));
        const damaged = bytes.slice();
        damaged[at % bytes.length]! ^= flip;
        tryDecode(damaged);
      }),
    );
  });

  it.each([
    ['another version', new Uint8Array([2, MessageType.Vote, 8, 1])],
    ['a message of the server to itself', new Uint8Array([1, MessageType.Unreachable, 8, 1])],
    ['no term', new Uint8Array([1, MessageType.Vote])],
    ['a snapshot message without one', new Uint8Array([1, MessageType.Snapshot, 8, 1])],
    ['nothing', new Uint8Array(0)],
  ])('refuses %s', (_what, bytes) => {
    expect(() => etcdCodec.decode(bytes)).toThrow(MalformedMessageError);
  });
});
