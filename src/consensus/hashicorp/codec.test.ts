import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedMessageError, simpleConfiguration } from '../contract.ts';
import { Entry, type EntryType } from '../entry.ts';
import { hashicorpCodec } from './codec.ts';
import type { HashicorpMessage } from './messages.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const term = number;
const data = fc.uint8Array({ maxLength: 40 });
const entry = fc
  .tuple(number, number, fc.integer({ min: 0, max: 3 }), data)
  .map(([index, entryTerm, type, bytes]) => new Entry(index, entryTerm, type as EntryType, bytes));

function of<T extends HashicorpMessage['type']>(type: T) {
  return fc.constant(type);
}

const messages: fc.Arbitrary<HashicorpMessage> = fc.oneof(
  fc.record({
    type: of('append'),
    term,
    seq: number,
    prevIndex: number,
    prevTerm: number,
    commit: number,
    entries: fc.array(entry, { maxLength: 5 }),
  }),
  fc.record({ type: of('append-reply'), term, seq: number, ok: fc.boolean(), index: number }),
  fc.record({ type: of('heartbeat'), term, round: number }),
  fc.record({ type: of('heartbeat-reply'), term, round: number, lastIndex: number, commit: number }),
  fc.record({
    type: of('vote'),
    term,
    preVote: fc.boolean(),
    transfer: fc.boolean(),
    lastIndex: number,
    lastTerm: number,
  }),
  fc.record({ type: of('vote-reply'), term, preVote: fc.boolean(), granted: fc.boolean() }),
  fc.record({ type: of('timeout-now'), term }),
  fc.record({
    type: of('snapshot'),
    term,
    seq: number,
    index: number,
    snapshotTerm: number,
    configuration: fc.constantFrom(simpleConfiguration([1, 2, 3]), simpleConfiguration([2], [1, 9])),
    offset: fc.nat(1000),
    total: fc.integer({ min: 2000, max: 9000 }),
    data,
  }),
  fc.record({
    type: of('snapshot-reply'),
    term,
    seq: number,
    index: number,
    received: number,
    installed: fc.boolean(),
  }),
);

/** Entries compare by what they say, not by where their bytes stand. */
function plain(message: HashicorpMessage): unknown {
  if (message.type !== 'append') return message.type === 'snapshot' ? { ...message, data: [...message.data] } : message;
  const entries = message.entries.map(({ index, term: of, type, data: bytes }) => [index, of, type, [...bytes]]);
  return { ...message, entries };
}

function malformed(bytes: Uint8Array): boolean {
  try {
    hashicorpCodec.decode(bytes);
    return false;
  } catch (error) {
    if (error instanceof MalformedMessageError) return true;
    throw error;
  }
}

describe('hashicorpCodec', () => {
  it('gives back every message as it was', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(plain(hashicorpCodec.decode(hashicorpCodec.encode(message)))).toEqual(plain(message));
      }),
      { numRuns: 500 },
    );
  });

  it('answers any bytes with a message or with MalformedMessageError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 8 }), (bytes, type) => {
        malformed(bytes);
        malformed(Uint8Array.of(1, type, ...bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('answers a damaged message with a message or with MalformedMessageError', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), (message, at, value) => {
        const bytes = hashicorpCodec.encode(message);
        malformed(bytes.slice(0, at % (bytes.length + 1)));
        bytes[at % bytes.length] = value;
        malformed(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it('says what is wrong', () => {
    const decode = (...bytes: number[]) => hashicorpCodec.decode(Uint8Array.from(bytes));
    expect(() => decode()).toThrow(/0 bytes.*cut short/);
    expect(() => decode(2, 0)).toThrow('hashicorp message of version 2, expected 1');
    expect(() => decode(1, 9, 0)).toThrow('hashicorp message of kind 9, expected 0 to 8');
    expect(() => decode(1, 5, 3, 4)).toThrow('flags 4, expected less than 4');
    expect(() => decode(1, 6, 3, 0)).toThrow('1 bytes after a timeout-now');
  });

  it('lets what is small and not in the way of anything overtake, and nothing else', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const may = ['heartbeat', 'heartbeat-reply', 'vote', 'vote-reply'].includes(message.type);
        expect(hashicorpCodec.mayOvertake(message)).toBe(may);
      }),
    );
  });

  it('decodes entries as views of the message', () => {
    const entries = [new Entry(5, 2, 1, Uint8Array.of(1, 2, 3)), new Entry(6, 2, 1, Uint8Array.of(4))];
    const message = { type: 'append', term: 2, seq: 1, prevIndex: 4, prevTerm: 1, commit: 3, entries } as const;
    const bytes = hashicorpCodec.encode(message);
    const decoded = hashicorpCodec.decode(bytes);
    if (decoded.type !== 'append') throw new Error(`decoded as ${decoded.type}`);
    for (const each of decoded.entries) {
      expect(each.record).toBe(bytes);
      expect(each.data.buffer).toBe(bytes.buffer);
    }
  });
});
