import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { startOf, VARINT_BYTES_MAX, varintsSize, writeVarints } from '../../bytes/varint.ts';
import { type Configuration, MalformedMessageError, type MessageCodec, simpleConfiguration } from '../contract.ts';
import { decodeEntries, recordsSize, writeEntries } from '../entryCodec.ts';
import { memberNumbers, readMembers } from '../membership/configurationCodec.ts';
import type { GorumsMessage } from './messages.ts';

/**
 * The engine's messages on an ordered stream: version, kind, call, then fixed fields as varints, then entries as a run of
 * records or a snapshot's bytes. The unary service's protobuf messages are made of the same records.
 */
const VERSION = 1;

const Kind = {
  RequestVote: 1,
  RequestVoteResponse: 2,
  AppendEntries: 3,
  AppendEntriesResponse: 4,
  InstallSnapshot: 5,
  InstallSnapshotResponse: 6,
  CatchMeUp: 7,
  TimeoutNow: 8,
} as const;

const NUMBERS_MAX = 6;
const scratch = new Uint8Array(2 + NUMBERS_MAX * VARINT_BYTES_MAX);
scratch[0] = VERSION;

/** Version, kind and numbers, up to `at`, with room for just `payloadBytes` after them. */
function header(kind: number, numbers: readonly number[], payloadBytes: number): { bytes: Uint8Array; at: number } {
  scratch[1] = kind;
  const at = writeVarints(scratch, 2, numbers);
  return { bytes: startOf(scratch, at, payloadBytes), at };
}

function plain(kind: number, numbers: readonly number[]): Uint8Array {
  return header(kind, numbers, 0).bytes;
}

function encode(message: GorumsMessage): Uint8Array {
  const { call } = message;
  switch (message.type) {
    case 'RequestVote': {
      const { candidate, term, lastLogIndex, lastLogTerm, preVote } = message;
      return plain(Kind.RequestVote, [call, candidate, term, lastLogIndex, lastLogTerm, Number(preVote)]);
    }
    case 'RequestVoteResponse':
      return plain(Kind.RequestVoteResponse, [call, message.term, Number(message.granted)]);
    case 'AppendEntries': {
      const { leader, term, prevLogIndex, prevLogTerm, commitIndex, entries } = message;
      const numbers = [call, leader, term, prevLogIndex, prevLogTerm, commitIndex];
      const { bytes, at } = header(Kind.AppendEntries, numbers, recordsSize(entries));
      writeEntries(entries, bytes, at);
      return bytes;
    }
    case 'AppendEntriesResponse':
      return plain(Kind.AppendEntriesResponse, [call, message.term, message.matchIndex, Number(message.success)]);
    case 'InstallSnapshot': {
      const { leader, term, lastIncludedIndex, lastIncludedTerm, configuration, data } = message;
      const body = encodeSnapshotBody(configuration, data);
      const numbers = [call, leader, term, lastIncludedIndex, lastIncludedTerm];
      const { bytes, at } = header(Kind.InstallSnapshot, numbers, body.length);
      bytes.set(body, at);
      return bytes;
    }
    case 'InstallSnapshotResponse':
      return plain(Kind.InstallSnapshotResponse, [call, message.term]);
    case 'CatchMeUp':
      return plain(Kind.CatchMeUp, [call, message.follower, message.nextIndex]);
    case 'TimeoutNow':
      return plain(Kind.TimeoutNow, [call, message.leader, message.term]);
  }
}

/** What the `data` field of an InstallSnapshot request holds: the configuration, then the state machine's bytes. */
export function encodeSnapshotBody({ voters, learners }: Configuration, data: Uint8Array): Uint8Array {
  const numbers = memberNumbers(voters, learners);
  const bytes = new Uint8Array(varintsSize(numbers) + data.length);
  bytes.set(data, writeVarints(bytes, 0, numbers));
  return bytes;
}

/** Throws MalformedMessageError. */
export function decodeSnapshotBody(bytes: Uint8Array): { configuration: Configuration; data: Uint8Array } {
  return guarded(() => readSnapshotBody(new ByteReader(bytes)));
}

function readSnapshotBody(reader: ByteReader): { configuration: Configuration; data: Uint8Array } {
  const configuration = simpleConfiguration(readMembers(reader), readMembers(reader));
  return { configuration, data: reader.bytes.subarray(reader.pos, reader.end) };
}

function decodeBody(kind: number, reader: ByteReader): GorumsMessage {
  const call = reader.varint();
  const number = () => reader.varint();
  const flag = () => reader.varint() === 1;
  switch (kind) {
    case Kind.RequestVote:
      return {
        type: 'RequestVote',
        call,
        candidate: number(),
        term: number(),
        lastLogIndex: number(),
        lastLogTerm: number(),
        preVote: flag(),
      };
    case Kind.RequestVoteResponse:
      return { type: 'RequestVoteResponse', call, term: number(), granted: flag() };
    case Kind.AppendEntries:
      return {
        type: 'AppendEntries',
        call,
        leader: number(),
        term: number(),
        prevLogIndex: number(),
        prevLogTerm: number(),
        commitIndex: number(),
        entries: decodeEntries(reader.bytes, reader.pos, reader.end),
      };
    case Kind.AppendEntriesResponse:
      return { type: 'AppendEntriesResponse', call, term: number(), matchIndex: number(), success: flag() };
    case Kind.InstallSnapshot:
      return {
        type: 'InstallSnapshot',
        call,
        leader: number(),
        term: number(),
        lastIncludedIndex: number(),
        lastIncludedTerm: number(),
        ...readSnapshotBody(reader),
      };
    case Kind.InstallSnapshotResponse:
      return { type: 'InstallSnapshotResponse', call, term: number() };
    case Kind.CatchMeUp:
      return { type: 'CatchMeUp', call, follower: number(), nextIndex: number() };
    case Kind.TimeoutNow:
      return { type: 'TimeoutNow', call, leader: number(), term: number() };
    default:
      throw new MalformedMessageError(`message kind ${kind}, expected 1 to 8`);
  }
}

function guarded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytesError) throw new MalformedMessageError(`gorums message: ${error.message}`);
    throw error;
  }
}

function decode(bytes: Uint8Array): GorumsMessage {
  const [version, kind] = bytes;
  if (version !== VERSION || kind === undefined) {
    throw new MalformedMessageError(`gorums message of version ${version ?? 'none'}, expected ${VERSION}`);
  }
  return guarded(() => decodeBody(kind, new ByteReader(bytes, 2)));
}

function mayOvertake(message: GorumsMessage): boolean {
  switch (message.type) {
    case 'RequestVote':
    case 'RequestVoteResponse':
    case 'AppendEntriesResponse':
      return true;
    case 'AppendEntries':
      return message.entries.length === 0;
    default:
      return false;
  }
}

export const gorumsCodec: MessageCodec<GorumsMessage> = { encode, decode, mayOvertake };
