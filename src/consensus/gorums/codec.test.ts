import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../bytes/byteReader.ts';
import { MalformedMessageError, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { encodeEntries, LARGE_PART_BYTES } from '../entryCodec.ts';
import { messageIn } from '../parts/numberedCodec.ts';
import { gorumsCodec, SNAPSHOT_BODY } from './codec.ts';
import type { GorumsMessage } from './messages.ts';

const integer = fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 32, 2 ** 53 - 1), fc.nat());
const data = fc.uint8Array({ maxLength: 60 });
const ids = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 7 });
const entry = fc
  .tuple(integer, integer, fc.constantFrom(...Object.values(EntryType)), data)
  .map(([index, term, type, of]) => new Entry(index, term, type, of));

const message: fc.Arbitrary<GorumsMessage> = fc.oneof(
  fc.record({
    type: fc.constant('RequestVote' as const),
    call: integer,
    candidate: integer,
    term: integer,
    lastLogIndex: integer,
    lastLogTerm: integer,
    preVote: fc.boolean(),
  }),
  fc.record({ type: fc.constant('RequestVoteResponse' as const), call: integer, term: integer, granted: fc.boolean() }),
  fc.record({
    type: fc.constant('AppendEntries' as const),
    call: integer,
    leader: integer,
    term: integer,
    prevLogIndex: integer,
    prevLogTerm: integer,
    commitIndex: integer,
    entries: fc.array(entry, { maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('AppendEntriesResponse' as const),
    call: integer,
    term: integer,
    matchIndex: integer,
    success: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('InstallSnapshot' as const),
    call: integer,
    leader: integer,
    term: integer,
    lastIncludedIndex: integer,
    lastIncludedTerm: integer,
    configuration: fc.tuple(ids, ids).map(([voters, learners]) => simpleConfiguration(voters, learners)),
    data,
  }),
  fc.record({ type: fc.constant('InstallSnapshotResponse' as const), call: integer, term: integer }),
  fc.record({
    type: fc.constant('SnapshotChunk' as const),
    call: integer,
    leader: integer,
    term: integer,
    index: integer,
    snapshotTerm: integer,
    offset: integer,
    total: integer,
    configuration: fc.tuple(ids, ids).map(([voters, learners]) => simpleConfiguration(voters, learners)),
    data,
  }),
  fc.record({
    type: fc.constant('SnapshotChunkResponse' as const),
    call: integer,
    term: integer,
    index: integer,
    received: integer,
    installed: fc.boolean(),
  }),
  fc.record({ type: fc.constant('CatchMeUp' as const), call: integer, follower: integer, nextIndex: integer }),
  fc.record({ type: fc.constant('TimeoutNow' as const), call: integer, leader: integer, term: integer }),
);

/** A message without what only remembers where an entry's bytes stand. */
function plain(of: GorumsMessage) {
  if (of.type !== 'AppendEntries') return of;
  return {
    ...of,
    entries: of.entries.map(({ index, term, type, data: bytes }) => ({ index, term, type, data: bytes })),
  };
}

function expectOnlyMalformed(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessageError);
  }
}

describe('the stream codec', () => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(plain(gorumsCodec.decode(gorumsCodec.encode(sent)))).toEqual(plain(sent));
      }),
      { numRuns: 500 },
    );
  });

  it('does not copy a large snapshot', () => {
    const numbers = { call: 1, leader: 1, term: 3, lastIncludedIndex: 4, lastIncludedTerm: 2 };
    const large = new Uint8Array(LARGE_PART_BYTES).fill(7);
    const configuration = simpleConfiguration([1, 2], [300]);
    const sent: GorumsMessage = { type: 'InstallSnapshot', ...numbers, configuration, data: large };
    const pieces = gorumsCodec.encodeLarge(sent)!;
    expect(pieces.at(-1)).toBe(large);
    expect(Buffer.compare(Buffer.concat(pieces), gorumsCodec.encode(sent))).toBe(0);
    expect(gorumsCodec.encodeLarge({ ...sent, data: large.subarray(1) })).toBeUndefined();
  });

  it('carries entries as the records that the disk holds, and reads them without a copy', () => {
    const entries = [
      new Entry(4, 2, EntryType.Normal, Uint8Array.of(1)),
      new Entry(5, 2, EntryType.Internal, Uint8Array.of(2)),
    ];
    const records = encodeEntries(entries);
    const numbers = { prevLogIndex: 3, prevLogTerm: 2, commitIndex: 3 };
    const bytes = gorumsCodec.encode({ type: 'AppendEntries', call: 1, leader: 1, term: 2, ...numbers, entries });
    expect(bytes.subarray(bytes.length - records.length)).toEqual(records);
    const decoded = gorumsCodec.decode(bytes);
    if (decoded.type !== 'AppendEntries') throw new Error(decoded.type);
    for (const { record } of decoded.entries) expect(record).toBe(bytes);
  });

  it('lets what is small overtake what is large: requests for votes, answers and heartbeats', () => {
    fc.assert(
      fc.property(message, (of) => {
        const isHeartbeat = of.type === 'AppendEntries' && of.entries.length === 0;
        const isSmall = ['RequestVote', 'RequestVoteResponse', 'AppendEntriesResponse'].includes(of.type);
        expect(gorumsCodec.mayOvertake(of)).toBe(isSmall || isHeartbeat);
      }),
    );
  });

  it('refuses other versions and kinds', () => {
    expect(() => gorumsCodec.decode(new Uint8Array(0))).toThrow(MalformedMessageError);
    expect(() => gorumsCodec.decode(Uint8Array.of(1))).toThrow(MalformedMessageError);
    expect(() => gorumsCodec.decode(Uint8Array.of(2, 7, 0, 0, 0))).toThrow('version 2, expected 1');
    expect(() => gorumsCodec.decode(Uint8Array.of(1, 99, 0))).toThrow('gorums message of kind 99, expected 1 to 10');
  });

  it('throws MalformedMessageError and nothing else on garbage', () => {
    const garbage = fc
      .tuple(fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 40 }))
      .map(([kind, rest]) => Uint8Array.of(1, kind, ...rest));
    fc.assert(
      fc.property(fc.oneof(garbage, data), (bytes) => expectOnlyMalformed(() => gorumsCodec.decode(bytes))),
      { numRuns: 3000 },
    );
  });

  it('throws MalformedMessageError and nothing else on a message that was cut or changed', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (sent, position, value) => {
        const bytes = Uint8Array.from(gorumsCodec.encode(sent));
        expectOnlyMalformed(() => gorumsCodec.decode(bytes.subarray(0, position % bytes.length)));
        bytes[position % bytes.length] = value;
        expectOnlyMalformed(() => gorumsCodec.decode(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the body of a snapshot message', () => {
  it('holds the configuration before the state', () => {
    const configuration = simpleConfiguration([1, 2], [3]);
    const body = { configuration, data: Uint8Array.of(9, 9) };
    const bytes = new Uint8Array(SNAPSHOT_BODY.sizeOf(body));
    SNAPSHOT_BODY.write(body, bytes, 0);
    expect([...bytes]).toEqual([2, 1, 2, 1, 3, 9, 9]);
    expect(SNAPSHOT_BODY.read(new ByteReader(bytes))).toEqual(body);
  });

  it('is refused with MalformedMessageError where its lists are cut short', () => {
    for (const bytes of [[], [2, 1], [0xff, 0xff, 0xff, 0x7f], [1, 1, 1]]) {
      const read = () => messageIn(Uint8Array.from(bytes), () => 'a snapshot', SNAPSHOT_BODY.read);
      expect(read).toThrow(MalformedMessageError);
    }
  });
});
