import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AppendEntriesRequest,
  AppendEntriesResponse,
  CatchMeUpRequest,
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  RequestVoteRequest,
  RequestVoteResponse,
} from '../../wire/generated/gorums.ts';
import { MalformedMessageError, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import type { GorumsMessage } from './messages.ts';
import {
  decodeRequest,
  decodeResponse,
  EMPTY_RESPONSE,
  encodeRequest,
  encodeResponse,
  GORUMS_METHODS,
  type GorumsMethod,
  gorumsUnaryCalls,
} from './unaryCodec.ts';

const CALL = 7;
const integer = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 32, 2 ** 53 - 1), fc.nat());
const data = fc.uint8Array({ maxLength: 200 });
const entry = fc.record({ term: integer, index: integer, entryType: fc.constantFrom(0, 1, 2), data });
type PlainEntry = { term: number; index: number; entryType: number; data: Uint8Array };

const toEntry = (of: PlainEntry) => new Entry(of.index, of.term, of.entryType as EntryType, of.data);
const fromEntry = (of: Entry): PlainEntry => ({
  term: of.term,
  index: of.index,
  entryType: of.type,
  data: Uint8Array.from(of.data),
});
const generated = (encoded: { finish(): Uint8Array }) => Buffer.from(encoded.finish());

function expectRequest(message: GorumsMessage, method: GorumsMethod, slow: Buffer): void {
  const request = encodeRequest(message);
  expect(request?.method).toBe(method);
  expect(Buffer.from(request!.bytes)).toEqual(slow);
}

function expectResponse(message: GorumsMessage, method: GorumsMethod, slow: Buffer): void {
  expect(Buffer.from(encodeResponse(message))).toEqual(slow);
  expect(decodeResponse(method, slow, CALL)).toEqual(message);
}

describe('gorums.Raft calls are written and read as the generated code does', () => {
  it('RequestVote', () => {
    fc.assert(
      fc.property(integer, integer, integer, integer, fc.boolean(), (id, term, lastLogIndex, lastLogTerm, flag) => {
        const common = { term, lastLogIndex, lastLogTerm, preVote: flag };
        const message: GorumsMessage = { type: 'RequestVote', call: CALL, candidate: id, ...common };
        const slow = generated(RequestVoteRequest.encode({ candidateID: id, ...common }));
        expectRequest(message, 'RequestVote', slow);
        expect(decodeRequest('RequestVote', slow, CALL)).toEqual(message);
        const slowResponse = generated(RequestVoteResponse.encode({ term, voteGranted: flag }));
        expectResponse({ type: 'RequestVoteResponse', call: CALL, term, granted: flag }, 'RequestVote', slowResponse);
      }),
    );
  });

  it('AppendEntries', () => {
    const numbers = fc.tuple(integer, integer, integer, integer, integer);
    fc.assert(
      fc.property(numbers, fc.array(entry, { maxLength: 8 }), (values, plainEntries) => {
        const [id, term, prevLogIndex, prevLogTerm, commitIndex] = values;
        const common = { term, prevLogIndex, prevLogTerm, commitIndex };
        const entries = plainEntries.map(toEntry);
        const slow = generated(
          AppendEntriesRequest.encode({
            leaderID: id,
            ...common,
            entries: plainEntries.map((of) => ({
              ...of,
              entryType: of.entryType as 0 | 1 | 2,
              data: Buffer.from(of.data),
            })),
          }),
        );
        expectRequest({ type: 'AppendEntries', call: CALL, leader: id, ...common, entries }, 'AppendEntries', slow);
        const decoded = decodeRequest('AppendEntries', slow, CALL);
        if (decoded.type !== 'AppendEntries') throw new Error(decoded.type);
        expect({ ...decoded, entries: decoded.entries.map(fromEntry) }).toEqual({
          type: 'AppendEntries',
          call: CALL,
          leader: id,
          ...common,
          entries: plainEntries,
        });
        expectRequest(decoded, 'AppendEntries', slow);
      }),
    );
  });

  it('the response to AppendEntries', () => {
    fc.assert(
      fc.property(integer, integer, fc.boolean(), (term, matchIndex, success) => {
        const slow = generated(AppendEntriesResponse.encode({ term, matchIndex, success }));
        const message = { type: 'AppendEntriesResponse', call: CALL, term, matchIndex, success } as const;
        expectResponse(message, 'AppendEntries', slow);
      }),
    );
  });

  it('InstallSnapshot, whose data holds the configuration before the state', () => {
    fc.assert(
      fc.property(integer, integer, integer, integer, data, (leader, term, index, lastTerm, state) => {
        const configuration = simpleConfiguration([1, 2, 300], [4]);
        const common = { term, lastIncludedIndex: index, lastIncludedTerm: lastTerm };
        const body = Buffer.concat([Buffer.from([3, 1, 2, 0xac, 0x02, 1, 4]), state]);
        const slow = generated(InstallSnapshotRequest.encode({ leaderID: leader, ...common, data: body }));
        const message = { type: 'InstallSnapshot', call: CALL, leader, ...common, configuration, data: state } as const;
        expectRequest(message, 'InstallSnapshot', slow);
        const decoded = decodeRequest('InstallSnapshot', slow, CALL);
        if (decoded.type !== 'InstallSnapshot') throw new Error(decoded.type);
        expect({ ...decoded, data: Uint8Array.from(decoded.data) }).toEqual(message);
        const slowResponse = generated(InstallSnapshotResponse.encode({ term }));
        expectResponse({ type: 'InstallSnapshotResponse', call: CALL, term }, 'InstallSnapshot', slowResponse);
      }),
    );
  });

  it('InstallSnapshot in the place of the first chunk, with all of what that is a part of, and nothing for the others', () => {
    const configuration = simpleConfiguration([1, 2, 3]);
    const whole = { index: 9, term: 2, configuration, content: new MemoryContent(Uint8Array.of(1, 2, 3)) };
    const numbers = { call: CALL, leader: 1, term: 3, index: 9, snapshotTerm: 2, total: 3 };
    const chunk = { type: 'SnapshotChunk', ...numbers, configuration, offset: 0, data: Uint8Array.of(1, 2) } as const;
    const request = encodeRequest({ ...chunk, whole })!;
    expect(request).toMatchObject({ method: 'InstallSnapshot', isAlone: true });
    expect(decodeRequest('InstallSnapshot', request.bytes, CALL)).toMatchObject({
      leader: 1,
      term: 3,
      lastIncludedIndex: 9,
      lastIncludedTerm: 2,
      configuration,
      data: whole.content.bytes,
    });
    expect(encodeRequest({ ...chunk, whole, offset: 2, data: Uint8Array.of(3) })).toBeUndefined();
    // One that came on a stream is a part and no more.
    expect(encodeRequest(chunk)).toBeUndefined();
  });

  it('CatchMeUp', () => {
    fc.assert(
      fc.property(integer, integer, (follower, nextIndex) => {
        const message = { type: 'CatchMeUp', call: CALL, follower, nextIndex } as const;
        const slow = generated(CatchMeUpRequest.encode({ followerID: follower, nextIndex }));
        expectRequest(message, 'CatchMeUp', slow);
        expect(decodeRequest('CatchMeUp', slow, CALL)).toEqual(message);
      }),
    );
    expect(decodeResponse('CatchMeUp', EMPTY_RESPONSE, CALL)).toBeUndefined();
  });
});

describe('gorums.Raft messages', () => {
  it('hold entries as views of the bytes that came', () => {
    const entries = [new Entry(1, 1, 1, Uint8Array.of(5, 6)), new Entry(2, 1, 0, new Uint8Array(0))];
    const append = { type: 'AppendEntries', call: CALL, leader: 1, term: 1, entries } as const;
    const numbers = { prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0 };
    const bytes = encodeRequest({ ...append, ...numbers })!.bytes;
    const decoded = decodeRequest('AppendEntries', bytes, CALL);
    if (decoded.type !== 'AppendEntries') throw new Error(decoded.type);
    expect(decoded.entries.map((of) => of.record)).toEqual([bytes, bytes]);
    expect(decoded.entries.every((of) => of.record === bytes)).toBe(true);
    expect(decoded.entries[0]!.data.buffer).toBe(bytes.buffer);
  });

  it('without a unary method are not written', () => {
    expect(encodeRequest({ type: 'TimeoutNow', call: CALL, leader: 1, term: 1 })).toBeUndefined();
    expect(encodeRequest({ type: 'InstallSnapshotResponse', call: CALL, term: 1 })).toBeUndefined();
    expect(() => encodeResponse({ type: 'CatchMeUp', call: CALL, follower: 1, nextIndex: 1 })).toThrow(TypeError);
  });

  it('may hold fields that a later version knows', () => {
    const later = Uint8Array.of(0x08, 3, 0x78, 1, 0x7a, 2, 9, 9, 0x10, 4);
    expect(decodeRequest('CatchMeUp', later, CALL)).toEqual({
      type: 'CatchMeUp',
      call: CALL,
      follower: 3,
      nextIndex: 4,
    });
  });

  it('leave alone what another method has in a field that they do not', () => {
    const numbers = { RequestVote: 5, AppendEntries: 5, InstallSnapshot: 4, CatchMeUp: 2 };
    const bodyOf = { AppendEntries: 6, InstallSnapshot: 5 } as const;
    for (const method of GORUMS_METHODS) {
      const own = [0x08, 3, ...(method === 'InstallSnapshot' ? [0x2a, 2, 0, 0] : [])];
      const plain = decodeRequest(method, Uint8Array.from(own), CALL);
      // Neither an entry nor a snapshot is three bytes of 0xff, in any field from the ones after the integers to 15.
      for (let field = numbers[method] + 1; field <= 15; field++) {
        if (method in bodyOf && bodyOf[method as keyof typeof bodyOf] === field) continue;
        const later = Uint8Array.from([...own, (field << 3) | 2, 3, 0xff, 0xff, 0xff]);
        expect(decodeRequest(method, later, CALL), `${method} with field ${field}`).toEqual(plain);
      }
    }
  });

  it('say who sent a request, and answer at once only what says nothing', () => {
    const common = { call: CALL, term: 1 };
    const configuration = simpleConfiguration([1]);
    const requests: readonly GorumsMessage[] = [
      { type: 'RequestVote', ...common, candidate: 3, lastLogIndex: 0, lastLogTerm: 0, preVote: false },
      { type: 'AppendEntries', ...common, leader: 3, prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0, entries: [] },
      {
        type: 'InstallSnapshot',
        ...common,
        leader: 3,
        lastIncludedIndex: 1,
        lastIncludedTerm: 1,
        configuration,
        data: EMPTY_RESPONSE,
      },
      { type: 'CatchMeUp', call: CALL, follower: 3, nextIndex: 1 },
    ];
    expect(requests.map((request) => gorumsUnaryCalls.senderOf(request))).toEqual([3, 3, 3, 3]);
    expect(GORUMS_METHODS.map((method) => gorumsUnaryCalls.responseAtOnce(method))).toEqual([
      undefined,
      undefined,
      undefined,
      EMPTY_RESPONSE,
    ]);
  });

  it('are not for the original where it would answer without doing what they say, or take back what is committed', () => {
    const configuration = simpleConfiguration([1, 2]);
    const install = { call: 1, leader: 1, term: 2, lastIncludedIndex: 3, lastIncludedTerm: 1, configuration } as const;
    const chunk = {
      call: 1,
      leader: 1,
      term: 2,
      index: 3,
      snapshotTerm: 1,
      configuration,
      offset: 0,
      total: 1,
    } as const;
    const data = Uint8Array.of(1);
    expect(gorumsUnaryCalls.toOriginal({ type: 'InstallSnapshot', ...install, data })).toBe('snapshot');
    expect(gorumsUnaryCalls.toOriginal({ type: 'SnapshotChunk', ...chunk, data })).toBe('snapshot');
    const append = { type: 'AppendEntries', call: 1, leader: 1, term: 2, prevLogTerm: 0 } as const;
    const says = (prevLogIndex: number, commitIndex: number, entries: readonly Entry[] = []) =>
      gorumsUnaryCalls.toOriginal({ ...append, prevLogIndex, commitIndex, entries });
    expect(says(0, 0)).toBe('misread');
    expect([says(1, 0), says(0, 1), says(0, 0, [new Entry(1, 2, EntryType.Internal, data)])]).toEqual(
      Array(3).fill('entries'),
    );
    const bound = [new Entry(1, 2, EntryType.Normal, data), new Entry(2, 2, EntryType.BoundSessions, Buffer.of())];
    expect(says(0, 0, bound)).toBe('unknown');
    const { type, ...vote } = { type: 'RequestVote', call: 1, candidate: 1, term: 2, preVote: true } as const;
    expect(gorumsUnaryCalls.toOriginal({ type, ...vote, lastLogIndex: 0, lastLogTerm: 0 })).toBe('other');
  });

  it('that answer nothing are read all the same, and refused where they are malformed', () => {
    expect(() => decodeResponse('CatchMeUp', Uint8Array.of(0x08), CALL)).toThrow(MalformedMessageError);
  });

  it.each([
    ['an integer cut short', 'RequestVote', [0x08, 0x80], 'byte 2: an integer is cut short'],
    ['an integer above 2^53 - 1', 'RequestVote', [0x10, ...Array(8).fill(0xff), 0x01], 'above 2^53 - 1'],
    ['an integer of 10 bytes', 'RequestVote', [0x10, ...Array(9).fill(0xff), 0x01], 'longer than 9 bytes'],
    ['field number 0', 'CatchMeUp', [0x00, 0x01], 'byte 0: the field tag 0'],
    ['a field number of 30 bits', 'CatchMeUp', [0x80, 0x80, 0x80, 0x80, 0x10, 1], 'byte 0: the field tag 4294967296'],
    ['a group', 'CatchMeUp', [0x0b, 0x0c], 'wire type 3'],
    ['an entry longer than the message', 'AppendEntries', [0x32, 9, 0x08, 1], 'a record of 9 bytes in 2 bytes'],
    ['an entry of no type', 'AppendEntries', [0x32, 2, 0x18, 9], 'entry type 9'],
    ['snapshot data without a configuration', 'InstallSnapshot', [0x2a, 1, 3], 'an integer is cut short'],
  ] as const)('with %s are refused with MalformedMessageError', (_, method, bytes, reason) => {
    const decode = () => decodeRequest(method, Uint8Array.from(bytes), CALL);
    expect(decode).toThrow(MalformedMessageError);
    expect(decode).toThrow(reason);
  });

  it('that are garbage are refused with MalformedMessageError and nothing else', () => {
    const started = fc
      .tuple(fc.constantFrom(0x08, 0x10, 0x2a, 0x32), fc.uint8Array({ maxLength: 40 }))
      .map(([first, rest]) => Uint8Array.of(first, ...rest));
    fc.assert(
      fc.property(fc.constantFrom(...GORUMS_METHODS), started, fc.boolean(), (method, garbage, isRequest) => {
        try {
          if (isRequest) decodeRequest(method, garbage, CALL);
          else decodeResponse(method, garbage, CALL);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
