import { ByteReader } from '../../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../../bytes/varint.ts';
import { type Configuration, MalformedMessageError, type NodeId, simpleConfiguration } from '../contract.ts';

const VERSION = 1;

/** Everyone in the configuration, ascending. */
export function members(configuration: Configuration): NodeId[] {
  return [...configuration.voters, ...configuration.learners].sort((a, b) => a - b);
}

/** Bytes that `writeConfiguration` takes. */
export function configurationSize(configuration: Configuration): number {
  let size = 1;
  for (const ids of [configuration.voters, configuration.learners]) {
    size += varintSize(ids.length);
    for (const id of ids) size += varintSize(id);
  }
  return size;
}

/** Version, then the voters and the learners, each as a count and the ids. Returns the position after them. */
export function writeConfiguration(configuration: Configuration, into: Uint8Array, at: number): number {
  let pos = writeVarint(into, at, VERSION);
  for (const ids of [configuration.voters, configuration.learners]) {
    pos = writeVarint(into, pos, ids.length);
    for (const id of ids) pos = writeVarint(into, pos, id);
  }
  return pos;
}

/** The data of a membership entry: the whole new configuration. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const bytes = new Uint8Array(configurationSize(configuration));
  writeConfiguration(configuration, bytes, 0);
  return bytes;
}

/** Throws MalformedMessageError or MalformedBytesError on what is not a configuration. */
export function readConfiguration(reader: ByteReader): Configuration {
  const version = reader.varint();
  if (version !== VERSION) {
    throw new MalformedMessageError(`configuration version ${version}, expected ${VERSION}`);
  }
  const voters = readIds(reader, 'voters');
  const learners = readIds(reader, 'learners');
  if (learners.some((id) => voters.includes(id))) {
    throw new MalformedMessageError(`voters ${voters} and learners ${learners} share a server`);
  }
  return simpleConfiguration(voters, learners);
}

/** Throws MalformedMessageError or MalformedBytesError on what is not exactly one configuration. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes);
  const configuration = readConfiguration(reader);
  if (reader.pos !== reader.end) {
    throw new MalformedMessageError(`${reader.end - reader.pos} bytes after a configuration, expected none`);
  }
  return configuration;
}

function readIds(reader: ByteReader, what: string): NodeId[] {
  const count = reader.varint();
  if (count > reader.end - reader.pos) {
    throw new MalformedMessageError(`${count} ${what} in ${reader.end - reader.pos} bytes`);
  }
  const ids: NodeId[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.varint();
    if (id <= (ids[i - 1] ?? 0)) throw new MalformedMessageError(`${what} do not ascend from 1: ${id} at place ${i}`);
    ids.push(id);
  }
  return ids;
}
