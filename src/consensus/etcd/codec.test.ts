import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedMessageError, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { encodeEntries, LARGE_PART_BYTES } from '../entryCodec.ts';
import { etcdCodec } from './codec.ts';
import { isForPeers, Message, MessageType } from './messages.ts';

const number = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }), fc.maxSafeNat());
const ids = fc
  .uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 5 })
  .map((list) => list.sort((a, b) => a - b));
const ofChunks: ReadonlySet<MessageType> = new Set([MessageType.SnapshotChunk, MessageType.SnapshotChunkResp]);
const plainTypes = Object.values(MessageType).filter(
  (type) => isForPeers(type) && type !== MessageType.Append && !ofChunks.has(type),
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

const chunkNumbers = fc.record({ seq: number, offset: number, total: number });

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
  .map((content) => Object.assign(new Message(MessageType.SnapshotChunk, 0), { term: 3, part: content }))
  .chain((message) => chunkNumbers.map((chunk) => Object.assign(message, { chunk })));

const chunkAnswer = fc
  .tuple(fc.nat(1000), chunkNumbers)
  .map(([index, chunk]) => Object.assign(new Message(MessageType.SnapshotChunkResp, 0), { term: 3, index, chunk }));

/** What an entry says, without where its bytes stand. */
function contentOf(message: Message): unknown {
  const entries = message.entries.map(({ index, term, type, data }) => ({ index, term, type, data: [...data] }));
  const { part: taken } = message;
  return { ...message, entries, part: taken && { ...taken, data: [...taken.data] } };
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
      fc.property(fc.oneof(plain, append, snapshot, chunkAnswer), (message) => {
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

  it('is the same in pieces where something is large, which is not copied', () => {
    const bytes = new Uint8Array(LARGE_PART_BYTES).fill(7);
    const large = new Entry(2, 1, EntryType.Normal, bytes);
    const entries = [new Entry(1, 1, EntryType.Normal, Uint8Array.of(1)), large];
    const sent = Object.assign(new Message(MessageType.Append, 0), { term: 9, index: 300, entries });
    const pieces = etcdCodec.encodeLarge(sent)!;
    expect(pieces.at(-1)!.buffer).toBe(large.record!.buffer);
    expect(Buffer.compare(Buffer.concat(pieces), etcdCodec.encode(sent))).toBe(0);
    const content = { index: 5, term: 2, configuration: simpleConfiguration([1, 2], [300]), data: bytes };
    const chunk = { seq: 1, offset: 0, total: LARGE_PART_BYTES };
    const brought = Object.assign(new Message(MessageType.SnapshotChunk, 0), { term: 9, part: content, chunk });
    const [, data] = etcdCodec.encodeLarge(brought)!;
    expect(data).toBe(bytes);
    expect(Buffer.compare(Buffer.concat(etcdCodec.encodeLarge(brought)!), etcdCodec.encode(brought))).toBe(0);
    fc.assert(fc.property(fc.oneof(plain, append, snapshot), (each) => etcdCodec.encodeLarge(each) === undefined));
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
    ['another version', [2, MessageType.Vote, 8, 1], 'of version 2, expected 1'],
    ['no term', [1, MessageType.Vote], 'without a term'],
    ['a chunk of a snapshot without one', [1, MessageType.SnapshotChunk, 8, 1], 'without a snapshot'],
    ['a snapshot in another message', [1, MessageType.Vote, 8, 1, 0x52, 7, 1, 1, 0, 0, 0, 0, 0], 'with a snapshot'],
    ['nothing', [], 'of version undefined'],
  ])('refuses %s', (_what, bytes, why) => {
    expect(() => etcdCodec.decode(new Uint8Array(bytes))).toThrow(MalformedMessageError);
    expect(() => etcdCodec.decode(new Uint8Array(bytes))).toThrow(why);
  });

  it('refuses every type that servers do not send each other', () => {
    const others = Object.values(MessageType).filter((type) => type < MessageType.Propose || !isForPeers(type));
    for (const type of [...others, 0, 32]) {
      expect(() => etcdCodec.decode(new Uint8Array([1, type, 8, 1]))).toThrow('which no server sends');
    }
  });

  it('refuses entries in all but appends', () => {
    const entries = [new Entry(1, 1, EntryType.Normal, new Uint8Array(1))];
    for (const type of plainTypes) {
      const bytes = etcdCodec.encode(Object.assign(new Message(type, 0), { term: 1, entries }));
      expect(() => etcdCodec.decode(bytes)).toThrow('with entries');
    }
  });

  it('is a version, a type, and the fields in the order of their numbers', () => {
    const numbers = { term: 1, index: 300, logTerm: 2, commit: 3, rejectHint: 4, readSequence: 5, readContext: 6 };
    const message = Object.assign(new Message(MessageType.Append, 0), { ...numbers, reject: true, transfer: true });
    const head = [1, MessageType.Append, 8, 1, 16, 0xac, 2, 24, 2, 32, 3, 40, 4, 56, 3, 64, 5, 72, 6];
    expect([...etcdCodec.encode(message)]).toEqual(head);
    const taken = { index: 7, term: 1, configuration: simpleConfiguration([1, 2]), data: new Uint8Array([9]) };
    const chunk = { seq: 4, offset: 5, total: 6 };
    const snapshot = Object.assign(new Message(MessageType.SnapshotChunk, 0), { term: 1, part: taken, chunk });
    expect([...etcdCodec.encode(snapshot)]).toEqual([
      1,
      MessageType.SnapshotChunk,
      8,
      1,
      88,
      4,
      96,
      5,
      104,
      6,
      82,
      10,
      7,
      1,
      0,
      2,
      1,
      2,
      0,
      0,
      0,
      9,
    ]);
  });

  it('passes over fields that a later version has', () => {
    const bytes = etcdCodec.encode(Object.assign(new Message(MessageType.Vote, 0), { term: 1, index: 2 }));
    const [varint, text] = [
      [0x80, 0x01, 8],
      [0x62, 2, 8, 9],
    ];
    for (const unknown of [varint, text]) {
      const longer = new Uint8Array([...bytes.subarray(0, 2), ...unknown!, ...bytes.subarray(2)]);
      expect(contentOf(etcdCodec.decode(longer))).toEqual(contentOf(etcdCodec.decode(bytes)));
    }
  });
});
