import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintSize, varintsSize, writeVarint, writeVarints } from '../../bytes/varint.ts';
import { type Configuration, MalformedMessageError, type MessageCodec } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { decodeRecord, LARGE_PART_BYTES, largeRecords, RECORD_TAG, recordsSize, writeEntries } from '../entryCodec.ts';
import { memberNumbers, readMembers } from '../membership/configurationCodec.ts';
import { type ChunkNumbers, isForPeers, Message, MessageType, type SnapshotPart } from './messages.ts';

/**
 * Messages on the wire: a format version, the type, then protobuf fields, zero values left out. The entries are the records
 * that the log is made of, side by side as field 6, so that sending them is one copy and receiving them is none.
 * Sender and receiver are not in it: the stream knows them.
 */
const FORMAT_VERSION = 1;

const Field = {
  Term: 0x08,
  Index: 0x10,
  LogTerm: 0x18,
  Commit: 0x20,
  RejectHint: 0x28,
  Entry: RECORD_TAG,
  Flags: 0x38,
  ReadSequence: 0x40,
  ReadContext: 0x48,
  Snapshot: 0x52,
  ChunkSeq: 0x58,
  ChunkOffset: 0x60,
  ChunkTotal: 0x68,
  StampMs: 0x70,
  PromisedMs: 0x78,
} as const;

const NO_CHUNK: ChunkNumbers = { seq: 0, offset: 0, total: 0 };

const FLAG_REJECT = 1;
const FLAG_TRANSFER = 2;

const WIRE_TYPES: ReadonlySet<number> = new Set(Object.values(MessageType).filter(isForPeers));

export type EtcdMessage = Message;

export const etcdCodec: MessageCodec<EtcdMessage> = { encode, encodeLarge, decode, mayOvertake };

function mayOvertake({ type }: EtcdMessage): boolean {
  switch (type) {
    case MessageType.Vote:
    case MessageType.VoteResp:
    case MessageType.PreVote:
    case MessageType.PreVoteResp:
    case MessageType.Heartbeat:
    case MessageType.HeartbeatResp:
      return true;
    default:
      return false;
  }
}

function isOfChunk(type: MessageType): boolean {
  return type === MessageType.SnapshotChunk || type === MessageType.SnapshotChunkResp;
}

function encode(message: EtcdMessage): Uint8Array {
  const { part } = message;
  if (part === undefined) {
    const { bytes, at } = begin(message, recordsSize(message.entries));
    writeEntries(message.entries, bytes, at);
    return bytes;
  }
  const { bytes, at } = beginPart(message, part, part.data.length);
  bytes.set(part.data, at);
  return bytes;
}

function encodeLarge(message: EtcdMessage): readonly Uint8Array[] | undefined {
  const { part } = message;
  if (part === undefined) {
    const records = largeRecords(message.entries);
    return records === undefined ? undefined : [begin(message, 0).bytes, ...records];
  }
  if (part.data.length < LARGE_PART_BYTES) return undefined;
  return [beginPart(message, part, 0).bytes, part.data];
}

/** What stands before the entries or the snapshot, with `room` bytes for what follows it at `at`: no message has both. */
function begin(message: EtcdMessage, room: number): { readonly bytes: Uint8Array; readonly at: number } {
  const flags = (message.reject ? FLAG_REJECT : 0) | (message.transfer ? FLAG_TRANSFER : 0);
  const bytes = new Uint8Array(headSize(message, flags) + room);
  bytes[0] = FORMAT_VERSION;
  bytes[1] = message.type;
  let pos = writeField(bytes, 2, Field.Term, message.term);
  pos = writeField(bytes, pos, Field.Index, message.index);
  pos = writeField(bytes, pos, Field.LogTerm, message.logTerm);
  pos = writeField(bytes, pos, Field.Commit, message.commit);
  pos = writeField(bytes, pos, Field.RejectHint, message.rejectHint);
  pos = writeField(bytes, pos, Field.Flags, flags);
  pos = writeField(bytes, pos, Field.ReadSequence, message.readSequence);
  pos = writeField(bytes, pos, Field.ReadContext, message.readContext);
  const { seq, offset, total } = message.chunk ?? NO_CHUNK;
  pos = writeField(bytes, pos, Field.ChunkSeq, seq);
  pos = writeField(bytes, pos, Field.ChunkOffset, offset);
  pos = writeField(bytes, pos, Field.ChunkTotal, total);
  pos = writeField(bytes, pos, Field.StampMs, message.stampMs);
  pos = writeField(bytes, pos, Field.PromisedMs, message.promisedMs);
  return { bytes, at: pos };
}

/** All but the part's data, for which there are `room` bytes at `at`. */
function beginPart(message: EtcdMessage, { index, term, configuration, data }: SnapshotPart, room: number) {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  const numbers = [index, term, Number(autoLeave), ...memberNumbers(voters, outgoing, learners, learnersNext)];
  const size = varintsSize(numbers) + data.length;
  const { bytes, at } = begin(message, 1 + varintSize(size) + varintsSize(numbers) + room);
  bytes[at] = Field.Snapshot;
  return { bytes, at: writeVarints(bytes, writeVarint(bytes, at + 1, size), numbers) };
}

function headSize(message: EtcdMessage, flags: number): number {
  const { term, index, logTerm, commit, rejectHint, readSequence, readContext } = message;
  const ofLog = fieldSize(term) + fieldSize(index) + fieldSize(logTerm) + fieldSize(commit) + fieldSize(rejectHint);
  const { seq, offset, total } = message.chunk ?? NO_CHUNK;
  const ofChunk = fieldSize(seq) + fieldSize(offset) + fieldSize(total);
  const ofLease = fieldSize(message.stampMs) + fieldSize(message.promisedMs);
  return 2 + ofLog + fieldSize(flags) + fieldSize(readSequence) + fieldSize(readContext) + ofChunk + ofLease;
}

function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function writeField(into: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  into[at] = tag;
  return writeVarint(into, at + 1, value);
}

/** Entries and snapshot data are views of `bytes`. */
function decode(bytes: Uint8Array): EtcdMessage {
  if (bytes[0] !== FORMAT_VERSION) {
    throw new MalformedMessageError(`etcd message of version ${bytes[0]}, expected ${FORMAT_VERSION}`);
  }
  const type = bytes[1] ?? 0;
  if (!WIRE_TYPES.has(type)) {
    throw new MalformedMessageError(`etcd message of type ${type}, which no server sends`);
  }
  const message = new Message(type as MessageType, 0);
  try {
    readFields(message, new ByteReader(bytes, 2));
  } catch (cause) {
    if (cause instanceof MalformedBytesError)
      throw new MalformedMessageError(`etcd message: ${cause.message}`, { cause });
    throw cause;
  }
  check(message);
  return message;
}

function readFields(message: Message, reader: ByteReader): void {
  const entries: Entry[] = [];
  const chunk = { seq: 0, offset: 0, total: 0 };
  while (reader.pos < reader.end) {
    const start = reader.pos;
    const tag = reader.varint();
    switch (tag) {
      case Field.Entry:
        entries.push(decodeRecord(reader, start));
        break;
      case Field.Term:
        message.term = reader.varint();
        break;
      case Field.Index:
        message.index = reader.varint();
        break;
      case Field.LogTerm:
        message.logTerm = reader.varint();
        break;
      case Field.Commit:
        message.commit = reader.varint();
        break;
      case Field.RejectHint:
        message.rejectHint = reader.varint();
        break;
      case Field.ReadSequence:
        message.readSequence = reader.varint();
        break;
      case Field.ReadContext:
        message.readContext = reader.varint();
        break;
      case Field.Flags: {
        const flags = reader.varint();
        message.reject = (flags & FLAG_REJECT) !== 0;
        message.transfer = (flags & FLAG_TRANSFER) !== 0;
        break;
      }
      case Field.ChunkSeq:
        chunk.seq = reader.varint();
        break;
      case Field.ChunkOffset:
        chunk.offset = reader.varint();
        break;
      case Field.ChunkTotal:
        chunk.total = reader.varint();
        break;
      case Field.StampMs:
        message.stampMs = reader.varint();
        break;
      case Field.PromisedMs:
        message.promisedMs = reader.varint();
        break;
      case Field.Snapshot:
        message.part = decodePart(reader.view());
        break;
      default:
        reader.skip(tag);
    }
  }
  if (entries.length > 0) message.entries = entries;
  if (isOfChunk(message.type)) message.chunk = chunk;
}

/** What belongs to a type. What the parts say is the engine's to check. */
function check(message: Message): void {
  const { type, term, entries, part } = message;
  if (term === 0) {
    throw new MalformedMessageError(`etcd message of type ${type} without a term`);
  }
  if ((type === MessageType.SnapshotChunk) !== (part !== undefined)) {
    throw new MalformedMessageError(
      `etcd message of type ${type} ${part === undefined ? 'without' : 'with'} a snapshot`,
    );
  }
  if (entries.length > 0 && type !== MessageType.Append) {
    throw new MalformedMessageError(`etcd message of type ${type} with entries`);
  }
}

function decodePart(bytes: Uint8Array): SnapshotPart {
  const reader = new ByteReader(bytes);
  const index = reader.varint();
  const term = reader.varint();
  const autoLeave = reader.varint() !== 0;
  const voters = readMembers(reader);
  const outgoing = readMembers(reader);
  const learners = readMembers(reader);
  const learnersNext = readMembers(reader);
  const configuration: Configuration = { voters, learners, outgoing, learnersNext, autoLeave };
  return { index, term, configuration, data: bytes.subarray(reader.pos) };
}
