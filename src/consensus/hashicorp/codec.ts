import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { startOf, VARINT_BYTES_MAX, varintsSize, writeVarint, writeVarints } from '../../bytes/varint.ts';
import { MalformedMessageError, type MessageCodec } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { decodeEntries, recordsSize, writeEntries } from '../entryCodec.ts';
import { configurationNumbers, readConfiguration } from './membership.ts';
import type { HashicorpMessage } from './messages.ts';

/**
 * The stream's encoding. A message is: version, type, term, then its numbers as varints in the order of their declaration in
 * messages.ts, flags as one number of bits. What is long comes last and runs to the end of the message: the records of the
 * entries, a snapshot's data. Bytes are copied once when encoding and not at all when decoding.
 */
const VERSION = 1;

const TYPES = [
  'append',
  'append-reply',
  'heartbeat',
  'heartbeat-reply',
  'vote',
  'vote-reply',
  'timeout-now',
  'snapshot',
  'snapshot-reply',
] as const satisfies readonly HashicorpMessage['type'][];

const FLAG_FIRST = 1;
const FLAG_SECOND = 2;

export const hashicorpCodec: MessageCodec<HashicorpMessage> = { encode, decode, mayOvertake };

function mayOvertake({ type }: HashicorpMessage): boolean {
  switch (type) {
    case 'heartbeat':
    case 'heartbeat-reply':
    case 'vote':
    case 'vote-reply':
      return true;
    default:
      return false;
  }
}

/** The term and what `numbersOf` says. */
const NUMBERS_MAX = 6;
const scratch = new Uint8Array(2 + NUMBERS_MAX * VARINT_BYTES_MAX);

function encode(message: HashicorpMessage): Uint8Array {
  scratch[0] = VERSION;
  scratch[1] = TYPES.indexOf(message.type);
  let pos = writeVarints(scratch, writeVarint(scratch, 2, message.term), numbersOf(message));
  const bytes = startOf(scratch, pos, restSize(message));
  if (message.type === 'append') writeEntries(message.entries, bytes, pos);
  else if (message.type === 'snapshot') {
    pos = writeVarints(bytes, pos, configurationNumbers(message.configuration));
    bytes.set(message.data, pos);
  }
  return bytes;
}

function restSize(message: HashicorpMessage): number {
  if (message.type === 'append') return recordsSize(message.entries);
  if (message.type === 'snapshot')
    return varintsSize(configurationNumbers(message.configuration)) + message.data.length;
  return 0;
}

function numbersOf(message: HashicorpMessage): number[] {
  switch (message.type) {
    case 'append':
      return [message.seq, message.prevIndex, message.prevTerm, message.commit];
    case 'append-reply':
      return [message.seq, flags(message.ok), message.index];
    case 'heartbeat':
      return [message.round];
    case 'heartbeat-reply':
      return [message.round, message.lastIndex, message.commit];
    case 'vote':
      return [flags(message.preVote, message.transfer), message.lastIndex, message.lastTerm];
    case 'vote-reply':
      return [flags(message.preVote, message.granted)];
    case 'timeout-now':
      return [];
    case 'snapshot':
      return [message.seq, message.index, message.snapshotTerm, message.offset, message.total];
    case 'snapshot-reply':
      return [message.seq, message.index, message.received, flags(message.installed)];
  }
}

function flags(first: boolean, second = false): number {
  return (first ? FLAG_FIRST : 0) + (second ? FLAG_SECOND : 0);
}

function decode(bytes: Uint8Array): HashicorpMessage {
  try {
    const reader = new ByteReader(bytes);
    const version = reader.varint();
    if (version !== VERSION) throw new MalformedMessageError(`message version ${version}, expected ${VERSION}`);
    const type = reader.varint();
    const message = decodeBody(type, reader);
    if (reader.pos !== reader.end) {
      throw new MalformedMessageError(`${reader.end - reader.pos} bytes after a message of type ${message.type}`);
    }
    return message;
  } catch (error) {
    if (!(error instanceof MalformedBytesError)) throw error;
    throw new MalformedMessageError(`malformed message of ${bytes.length} bytes: ${error.message}`, { cause: error });
  }
}

function decodeBody(typeNumber: number, reader: ByteReader): HashicorpMessage {
  const type = TYPES[typeNumber];
  if (type === undefined)
    throw new MalformedMessageError(`message type ${typeNumber}, expected 0 to ${TYPES.length - 1}`);
  const term = reader.varint();
  switch (type) {
    case 'append': {
      const [seq, prevIndex, prevTerm, commit] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()];
      return { type, term, seq, prevIndex, prevTerm, commit, entries: readEntries(reader) };
    }
    case 'append-reply': {
      const seq = reader.varint();
      const [ok] = readFlags(reader, 1);
      return { type, term, seq, ok, index: reader.varint() };
    }
    case 'heartbeat':
      return { type, term, round: reader.varint() };
    case 'heartbeat-reply':
      return { type, term, round: reader.varint(), lastIndex: reader.varint(), commit: reader.varint() };
    case 'vote': {
      const [preVote, transfer] = readFlags(reader, 2);
      return { type, term, preVote, transfer, lastIndex: reader.varint(), lastTerm: reader.varint() };
    }
    case 'vote-reply': {
      const [preVote, granted] = readFlags(reader, 2);
      return { type, term, preVote, granted };
    }
    case 'timeout-now':
      return { type, term };
    case 'snapshot':
      return readSnapshotChunk(term, reader);
    case 'snapshot-reply': {
      const [seq, index, received] = [reader.varint(), reader.varint(), reader.varint()];
      const [installed] = readFlags(reader, 1);
      return { type, term, seq, index, received, installed };
    }
  }
}

function readSnapshotChunk(term: number, reader: ByteReader): HashicorpMessage {
  const [seq, index, snapshotTerm] = [reader.varint(), reader.varint(), reader.varint()];
  const [offset, total] = [reader.varint(), reader.varint()];
  const configuration = readConfiguration(reader);
  const data = reader.bytes.subarray(reader.pos, reader.end);
  reader.pos = reader.end;
  if (offset + data.length > total) {
    throw new MalformedMessageError(`${data.length} bytes at ${offset} of a snapshot of ${total} bytes`);
  }
  return { type: 'snapshot', term, seq, index, snapshotTerm, configuration, offset, total, data };
}

function readEntries(reader: ByteReader): Entry[] {
  const entries = decodeEntries(reader.bytes, reader.pos, reader.end);
  reader.pos = reader.end;
  return entries;
}

function readFlags(reader: ByteReader, count: 1 | 2): [boolean, boolean] {
  const value = reader.varint();
  if (value >= 2 ** count) throw new MalformedMessageError(`flags ${value}, expected less than ${2 ** count}`);
  return [(value & FLAG_FIRST) !== 0, (value & FLAG_SECOND) !== 0];
}
