import { ByteReader, MalformedBytesError } from '../../../bytes/byteReader.ts';
import { VARINT_BYTES_MAX, writeVarint } from '../../../bytes/varint.ts';
import { MalformedMessageError, type MessageCodec, type NodeId, simpleConfiguration } from '../../contract.ts';
import { decodeEntries, encodeEntries } from '../../entryCodec.ts';
import { contentBytes, MemoryContent } from '../../snapshotContent.ts';
import type { PrimerMessage } from './messages.ts';

/** A message is its kind, its numbers, and what follows them: entries, or a snapshot's data. */
const KINDS = [
  'vote',
  'vote-reply',
  'append',
  'snapshot',
  'append-reply',
  'heartbeat',
  'heartbeat-reply',
  'take-over',
] as const;

const NOTHING = new Uint8Array(0);

function partsOf(message: PrimerMessage): { readonly numbers: readonly number[]; readonly rest: Uint8Array } {
  const { term } = message;
  switch (message.type) {
    case 'vote':
      return { numbers: [term, message.lastIndex, message.lastTerm, Number(message.preVote)], rest: NOTHING };
    case 'vote-reply':
      return { numbers: [term, Number(message.preVote), Number(message.granted)], rest: NOTHING };
    case 'append': {
      const { prevIndex, prevTerm, commit, entries } = message;
      return { numbers: [term, prevIndex, prevTerm, commit], rest: encodeEntries(entries) };
    }
    case 'snapshot': {
      const { index, term: lastTerm, configuration, content } = message.snapshot;
      const data = contentBytes(content);
      const { voters, learners } = configuration;
      return { numbers: [term, index, lastTerm, voters.length, ...voters, learners.length, ...learners], rest: data };
    }
    case 'append-reply':
      return { numbers: [term, Number(message.ok), message.index, message.hint], rest: NOTHING };
    case 'heartbeat':
      return { numbers: [term, message.round, message.commit], rest: NOTHING };
    case 'heartbeat-reply':
      return { numbers: [term, message.round, message.lastIndex], rest: NOTHING };
    case 'take-over':
      return { numbers: [term], rest: NOTHING };
  }
}

function encode(message: PrimerMessage): Uint8Array {
  const { numbers, rest } = partsOf(message);
  const bytes = new Uint8Array(1 + numbers.length * VARINT_BYTES_MAX + rest.length);
  bytes[0] = KINDS.indexOf(message.type);
  let at = 1;
  for (const number of numbers) at = writeVarint(bytes, at, number);
  bytes.set(rest, at);
  return bytes.subarray(0, at + rest.length);
}

/** The rest is never large, or is copied once: it is a model, and serves nobody. */
const encodeLarge = () => undefined;

function decode(bytes: Uint8Array): PrimerMessage {
  try {
    return read(KINDS[bytes[0] ?? KINDS.length], new ByteReader(bytes, 1));
  } catch (error) {
    if (error instanceof MalformedBytesError) throw new MalformedMessageError(`primer message: ${error.message}`);
    throw error;
  }
}

function read(type: PrimerMessage['type'] | undefined, reader: ByteReader): PrimerMessage {
  const number = () => reader.varint();
  const flag = () => reader.varint() === 1;
  const ids = (): NodeId[] => Array.from({ length: Math.min(number(), reader.end - reader.pos) }, number);
  switch (type) {
    case 'vote':
      return { type, term: number(), lastIndex: number(), lastTerm: number(), preVote: flag() };
    case 'vote-reply':
      return { type, term: number(), preVote: flag(), granted: flag() };
    case 'append': {
      const request = { term: number(), prevIndex: number(), prevTerm: number(), commit: number() };
      return { type, ...request, entries: decodeEntries(reader.bytes, reader.pos, reader.end) };
    }
    case 'snapshot': {
      const term = number();
      const last = { index: number(), term: number() };
      const configuration = { ...simpleConfiguration([]), voters: ids(), learners: ids() };
      return {
        type,
        term,
        snapshot: { ...last, configuration, content: new MemoryContent(reader.bytes.subarray(reader.pos)) },
      };
    }
    case 'append-reply':
      return { type, term: number(), ok: flag(), index: number(), hint: number() };
    case 'heartbeat':
      return { type, term: number(), round: number(), commit: number() };
    case 'heartbeat-reply':
      return { type, term: number(), round: number(), lastIndex: number() };
    case 'take-over':
      return { type, term: number() };
    default:
      throw new MalformedMessageError('primer message of an unknown kind');
  }
}

/** What is small need not wait behind what is large: elections, heartbeats, and answers, which name what they answer. */
const mayOvertake = ({ type }: PrimerMessage) => type !== 'append' && type !== 'snapshot' && type !== 'take-over';

export const primerCodec: MessageCodec<PrimerMessage> = { encode, encodeLarge, decode, mayOvertake };
