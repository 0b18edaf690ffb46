import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../../bytes/varint.ts';
import { type NodeId, type Snapshot, SnapshotGoneError } from '../contract.ts';
import { type Entry, EntryType } from '../entry.ts';
import { decodeRecord, RECORD_TAG, recordsSize, writeEntries } from '../entryCodec.ts';
import { messageIn, numberOf, putNumber } from '../parts/numberedCodec.ts';
import { contentBytes } from '../snapshotContent.ts';
import type { ToOriginal, UnaryCalls, UnaryRequest } from '../unaryCalls.ts';
import { LAYOUTS, SNAPSHOT_BODY } from './codec.ts';
import type { AppendEntries, GorumsMessage, InstallSnapshot, SnapshotChunk } from './messages.ts';

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

/** By type: those of the stream, but for the call. */
const FIELDS = new Map(Object.entries(LAYOUTS).map(([type, { fields }]) => [type, fields.slice(1)]));

function fieldsOf(type: GorumsMessage['type']): readonly (string | readonly string[])[] {
  return FIELDS.get(type)!;
}

function numbersOf(message: GorumsMessage): number[] {
  return fieldsOf(message.type).map((field) => numberOf(message, field));
}

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

function plain(message: GorumsMessage): Uint8Array {
  const numbers = numbersOf(message);
  const bytes = new Uint8Array(numbersSize(numbers));
  writeNumbers(numbers, bytes);
  return bytes;
}

function withEntries(message: AppendEntries): Uint8Array {
  const numbers = numbersOf(message);
  const bytes = new Uint8Array(numbersSize(numbers) + recordsSize(message.entries));
  writeEntries(message.entries, bytes, writeNumbers(numbers, bytes));
  return bytes;
}

function withSnapshot(message: InstallSnapshot): Uint8Array {
  const numbers = numbersOf(message);
  const size = SNAPSHOT_BODY.sizeOf(message);
  const bytes = new Uint8Array(numbersSize(numbers) + 1 + varintSize(size) + size);
  const at = writeNumbers(numbers, bytes);
  bytes[at] = TAG_SNAPSHOT_DATA;
  SNAPSHOT_BODY.write(message, bytes, writeVarint(bytes, at + 1, size));
  return bytes;
}

/** The first chunk of a snapshot as a call stands for all of it, which is in memory then. */
function installing(
  { call, leader, term }: SnapshotChunk,
  whole: Snapshot,
  bytesMax: number,
): UnaryRequest<GorumsMethod> | undefined {
  const { index: lastIncludedIndex, term: lastIncludedTerm, configuration } = whole;
  const data = whole.content.byteLength > bytesMax ? undefined : dataOf(whole);
  if (data === undefined) return undefined;
  const type = 'InstallSnapshot';
  const bytes = withSnapshot({ type, call, leader, term, lastIncludedIndex, lastIncludedTerm, configuration, data });
  return { method: type, bytes, isAlone: true };
}

/** It may have waited for its call until a later one took its place. */
function dataOf({ content }: Snapshot): Uint8Array | undefined {
  try {
    return contentBytes(content);
  } catch (error) {
    if (error instanceof SnapshotGoneError) return undefined;
    throw error;
  }
}

/**
 * The unary call that carries `message`; undefined where there is none: TimeoutNow, the chunks of a snapshot after the first, all of one that
 * is larger than `bytesMax`, and the responses.
 */
export function encodeRequest(
  message: GorumsMessage,
  bytesMax = Number.POSITIVE_INFINITY,
): UnaryRequest<GorumsMethod> | undefined {
  switch (message.type) {
    case 'RequestVote':
    case 'CatchMeUp':
      return { method: message.type, bytes: plain(message) };
    case 'AppendEntries':
      return { method: message.type, bytes: withEntries(message) };
    case 'InstallSnapshot':
      return { method: message.type, bytes: withSnapshot(message), isAlone: true };
    case 'SnapshotChunk':
      return message.offset === 0 && message.whole !== undefined
        ? installing(message, message.whole, bytesMax)
        : undefined;
    default:
      return undefined;
  }
}

/** Throws TypeError for a message that is not a response: a mistake of the caller, never of a peer. */
export function encodeResponse(message: GorumsMessage): Uint8Array {
  switch (message.type) {
    case 'RequestVoteResponse':
    case 'AppendEntriesResponse':
    case 'InstallSnapshotResponse':
      return plain(message);
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

/** A message of integers and booleans, and of what `payload` reads. */
function readMessage(
  type: GorumsMessage['type'],
  call: number,
  reader: ByteReader,
  payload?: (tag: number, fieldStart: number) => boolean,
): GorumsMessage {
  const fields = fieldsOf(type);
  const numbers = readNumbers(reader, fields.length, payload);
  const message = { type, call };
  for (const [i, field] of fields.entries()) {
    // A boolean is true by any number but 0.
    putNumber(message, field, typeof field === 'string' ? numbers[i]! : Math.min(1, numbers[i]!));
  }
  return message as GorumsMessage;
}

function readRequest(method: GorumsMethod, reader: ByteReader, call: number): GorumsMessage {
  const entries: Entry[] = [];
  let body = new ByteReader(reader.bytes, 0, 0);
  const message = readMessage(method, call, reader, (tag, start) => {
    if (method === 'AppendEntries' && tag === RECORD_TAG) entries.push(decodeRecord(reader, start));
    else if (method === 'InstallSnapshot' && tag === TAG_SNAPSHOT_DATA) body = new ByteReader(reader.view());
    else return false;
    return true;
  });
  if (method === 'AppendEntries') return Object.assign(message, { entries });
  return method === 'InstallSnapshot' ? Object.assign(message, SNAPSHOT_BODY.read(body)) : message;
}

/**
 * The request in `bytes`; `call` is the caller's own name for it, which the wire does not carry. Entries and snapshot
 * data are views of `bytes`, which must not change afterwards. Throws MalformedMessageError, and nothing else.
 */
export function decodeRequest(method: GorumsMethod, bytes: Uint8Array, call: number): GorumsMessage {
  const describe = () => `gorums.Raft ${method} request`;
  return messageIn(bytes, describe, (reader) => readRequest(method, reader, call));
}

/** The response in `bytes` to the call `call`; undefined for CatchMeUp's, which says nothing. Throws MalformedMessageError, and nothing else. */
export function decodeResponse(method: GorumsMethod, bytes: Uint8Array, call: number): GorumsMessage | undefined {
  const describe = () => `gorums.Raft ${method} response`;
  return messageIn(bytes, describe, (reader) => {
    if (method !== 'CatchMeUp') return readMessage(`${method}Response`, call, reader);
    readNumbers(reader, 0);
    return undefined;
  });
}

function senderOf(request: GorumsMessage): NodeId {
  if (request.type === 'RequestVote') return request.candidate;
  if (request.type === 'CatchMeUp') return request.follower;
  return 'leader' in request ? request.leader : 0;
}

/**
 * The original's servers answer InstallSnapshot and install nothing, so that a leader would believe that they hold what they do not. A
 * heartbeat that says nothing of the log, as it goes to whom a snapshot is on its way, takes their commit index back to 0; when it
 * comes up again they apply their last entry again, by which a session that registered there forgets what it did. An entry of a type that
 * they do not know they take, and pass over as it is applied.
 */
function toOriginal(message: GorumsMessage): ToOriginal {
  if (message.type === 'InstallSnapshot' || message.type === 'SnapshotChunk') return 'snapshot';
  if (message.type !== 'AppendEntries') return 'other';
  const { prevLogIndex, commitIndex, entries } = message;
  if (entries.some(({ type }) => type === EntryType.BoundSessions)) return 'unknown';
  return prevLogIndex === 0 && commitIndex === 0 && entries.length === 0 ? 'misread' : 'entries';
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
  toOriginal,
  responseAtOnce: (method) => (method === 'CatchMeUp' ? EMPTY_RESPONSE : undefined),
};
