import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../../bytes/varint.ts';
import { MalformedMessageError, type NodeId } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { decodeRecord, RECORD_TAG, recordsSize, writeEntries } from '../entryCodec.ts';
import type { UnaryCalls, UnaryRequest } from '../unaryCalls.ts';
import { decodeSnapshotBody, encodeSnapshotBody } from './codec.ts';
import type { GorumsMessage } from './messages.ts';

/**
 * The unary calls of the `gorums.Raft` service (proto/gorums.proto) and the engine's messages, turned into each other.
 * By hand, so that entries are never copied on the way in and integers above 2^53 - 1 are refused by name.
 *
 * Every message of the service is integers and booleans in the fields 1 to n, then at most one field of another kind.
 * Bytes written are canonical proto3: fields ascend and zero values are left out.
 */
export const GORUMS_METHODS = ['RequestVote', 'AppendEntries', 'InstallSnapshot', 'CatchMeUp'] as const;
export type GorumsMethod = (typeof GORUMS_METHODS)[number];

/** What CatchMeUp answers, and any other response whose fields are all zero. */
export const EMPTY_RESPONSE = new Uint8Array(0);

const TAG_SNAPSHOT_DATA = 0x2a;
const NO_BYTES = new Uint8Array(0);

// --- writing ---

function numbersSize(numbers: readonly number[]): number {
  let size = 0;
  for (const number of numbers) if (number !== 0) size += 1 + varintSize(number);
  return size;
}

/** `numbers` are the fields from 1 on. */
function writeNumbers(numbers: readonly number[], into: Uint8Array): number {
  let at = 0;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!;
    if (number === 0) continue;
    into[at++] = (i + 1) << 3;
    at = writeVarint(into, at, number);
  }
  return at;
}

function plain(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbersSize(numbers));
  writeNumbers(numbers, bytes);
  return bytes;
}

function withEntries(numbers: readonly number[], entries: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(numbersSize(numbers) + recordsSize(entries));
  writeEntries(entries, bytes, writeNumbers(numbers, bytes));
  return bytes;
}

function withSnapshot(numbers: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(numbersSize(numbers) + 1 + varintSize(data.length) + data.length);
  const at = writeNumbers(numbers, bytes);
  bytes[at] = TAG_SNAPSHOT_DATA;
  bytes.set(data, writeVarint(bytes, at + 1, data.length));
  return bytes;
}

/** The unary call that carries `message`; undefined where there is none: TimeoutNow and the responses. */
export function encodeRequest(message: GorumsMessage): UnaryRequest<GorumsMethod> | undefined {
  switch (message.type) {
    case 'RequestVote': {
      const { candidate, term, lastLogIndex, lastLogTerm, preVote } = message;
      return { method: message.type, bytes: plain([candidate, term, lastLogIndex, lastLogTerm, Number(preVote)]) };
    }
    case 'AppendEntries': {
      const { leader, term, prevLogIndex, prevLogTerm, commitIndex, entries } = message;
      const numbers = [leader, term, prevLogIndex, prevLogTerm, commitIndex];
      return { method: message.type, bytes: withEntries(numbers, entries) };
    }
    case 'InstallSnapshot': {
      const { leader, term, lastIncludedIndex, lastIncludedTerm, configuration, data } = message;
      const numbers = [leader, term, lastIncludedIndex, lastIncludedTerm];
      return { method: message.type, bytes: withSnapshot(numbers, encodeSnapshotBody(configuration, data)) };
    }
    case 'CatchMeUp':
      return { method: message.type, bytes: plain([message.follower, message.nextIndex]) };
    default:
      return undefined;
  }
}

/** Throws TypeError for a message that is not a response: a mistake of the caller, never of a peer. */
export function encodeResponse(message: GorumsMessage): Uint8Array {
  switch (message.type) {
    case 'RequestVoteResponse':
      return plain([message.term, Number(message.granted)]);
    case 'AppendEntriesResponse':
      return plain([message.term, message.matchIndex, Number(message.success)]);
    case 'InstallSnapshotResponse':
      return plain([message.term]);
    default:
      throw new TypeError(`a ${message.type} is not a response`);
  }
}

// --- reading ---

/**
 * The integers in the fields 1 to `count`. Every other field goes to `payload`, which reads it and says so, or is skipped:
 * a later version may know it.
 */
function readNumbers(
  reader: ByteReader,
  count: number,
  payload?: (tag: number, fieldStart: number) => boolean,
): readonly number[] {
  const numbers = new Array<number>(count).fill(0);
  while (reader.pos < reader.end) {
    const start = reader.pos;
    const tag = reader.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw new MalformedBytesError(`the field tag ${tag}`, start);
    if ((tag & 7) === 0 && tag <= count << 3) numbers[(tag >>> 3) - 1] = reader.varint();
    else if (!payload?.(tag, start)) reader.skip(tag);
  }
  return numbers;
}

function decodeVoteRequest(reader: ByteReader, call: number): GorumsMessage {
  const [candidate, term, lastLogIndex, lastLogTerm, preVote] = readNumbers(reader, 5) as Five;
  return { type: 'RequestVote', call, candidate, term, lastLogIndex, lastLogTerm, preVote: preVote !== 0 };
}

function decodeAppendRequest(reader: ByteReader, call: number): GorumsMessage {
  const entries: Entry[] = [];
  const numbers = readNumbers(reader, 5, (tag, start) => {
    if (tag !== RECORD_TAG) return false;
    entries.push(decodeRecord(reader, start));
    return true;
  });
  const [leader, term, prevLogIndex, prevLogTerm, commitIndex] = numbers as Five;
  return { type: 'AppendEntries', call, leader, term, prevLogIndex, prevLogTerm, commitIndex, entries };
}

function decodeSnapshotRequest(reader: ByteReader, call: number): GorumsMessage {
  let body: Uint8Array = NO_BYTES;
  const numbers = readNumbers(reader, 4, (tag) => {
    if (tag !== TAG_SNAPSHOT_DATA) return false;
    body = reader.view();
    return true;
  });
  const [leader, term, lastIncludedIndex, lastIncludedTerm] = numbers as Four;
  const { configuration, data } = decodeSnapshotBody(body);
  return { type: 'InstallSnapshot', call, leader, term, lastIncludedIndex, lastIncludedTerm, configuration, data };
}

function decodeCatchMeUp(reader: ByteReader, call: number): GorumsMessage {
  const [follower, nextIndex] = readNumbers(reader, 2) as Two;
  return { type: 'CatchMeUp', call, follower, nextIndex };
}

/** `readNumbers` returns exactly as many as were asked for. */
type Two = readonly [number, number];
type Three = readonly [number, number, number];
type Four = readonly [number, number, number, number];
type Five = readonly [number, number, number, number, number];

function guarded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof MalformedBytesError)) throw error;
    throw new MalformedMessageError(`gorums.Raft ${what}: byte ${error.offset}: ${error.what}`);
  }
}

const requestDecoders: Readonly<Record<GorumsMethod, (reader: ByteReader, call: number) => GorumsMessage>> = {
  RequestVote: decodeVoteRequest,
  AppendEntries: decodeAppendRequest,
  InstallSnapshot: decodeSnapshotRequest,
  CatchMeUp: decodeCatchMeUp,
};

/**
 * The request in `bytes`; `call` is the caller's own name for it, which the wire does not carry. Entries and snapshot
 * data are views of `bytes`, which must not change afterwards. Throws MalformedMessageError, and nothing else.
 */
export function decodeRequest(method: GorumsMethod, bytes: Uint8Array, call: number): GorumsMessage {
  return guarded(`${method} request`, () => requestDecoders[method](new ByteReader(bytes), call));
}

function readResponse(method: GorumsMethod, reader: ByteReader, call: number): GorumsMessage | undefined {
  switch (method) {
    case 'RequestVote': {
      const [term, granted] = readNumbers(reader, 2) as Two;
      return { type: 'RequestVoteResponse', call, term, granted: granted !== 0 };
    }
    case 'AppendEntries': {
      const [term, matchIndex, success] = readNumbers(reader, 3) as Three;
      return { type: 'AppendEntriesResponse', call, term, matchIndex, success: success !== 0 };
    }
    case 'InstallSnapshot': {
      const [term] = readNumbers(reader, 1) as readonly [number];
      return { type: 'InstallSnapshotResponse', call, term };
    }
    case 'CatchMeUp':
      readNumbers(reader, 0);
      return undefined;
  }
}

/** The response in `bytes` to the call `call`; undefined for CatchMeUp's, which says nothing. Throws MalformedMessageError, and nothing else. */
export function decodeResponse(method: GorumsMethod, bytes: Uint8Array, call: number): GorumsMessage | undefined {
  return guarded(`${method} response`, () => readResponse(method, new ByteReader(bytes), call));
}

function senderOf(request: GorumsMessage): NodeId {
  if (request.type === 'RequestVote') return request.candidate;
  if (request.type === 'CatchMeUp') return request.follower;
  return 'leader' in request ? request.leader : 0;
}

export const gorumsUnaryCalls: UnaryCalls<GorumsMessage, GorumsMethod> = {
  service: 'gorums.Raft',
  methods: GORUMS_METHODS,
  encodeRequest,
  decodeRequest,
  senderOf,
  callOf: ({ call }) => call,
  encodeResponse,
  decodeResponse,
  responseAtOnce: (method) => (method === 'CatchMeUp' ? EMPTY_RESPONSE : undefined),
};
