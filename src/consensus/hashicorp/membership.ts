import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintsSize, writeVarints } from '../../bytes/varint.ts';
import { type Configuration, MalformedMessageError, type NodeId, simpleConfiguration } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { memberNumbers, readMembers } from '../membership/configurationCodec.ts';
import { configurationFault } from '../parts/untrusted.ts';

const VERSION = 1;

/** Everyone in the configuration, ascending. */
export function members(configuration: Configuration): NodeId[] {
  return [...configuration.voters, ...configuration.learners].sort((a, b) => a - b);
}

/** A configuration in bytes: version, voters, learners. */
export function configurationNumbers({ voters, learners }: Configuration): number[] {
  return [VERSION, ...memberNumbers(voters, learners)];
}

/** The data of a membership entry: the whole new configuration. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const numbers = configurationNumbers(configuration);
  const bytes = new Uint8Array(varintsSize(numbers));
  writeVarints(bytes, 0, numbers);
  return bytes;
}

/** Throws MalformedMessageError or MalformedBytesError on what is not a configuration. */
export function readConfiguration(reader: ByteReader): Configuration {
  const version = reader.varint();
  if (version !== VERSION) {
    throw new MalformedMessageError(`configuration version ${version}, expected ${VERSION}`);
  }
  const voters = readMembers(reader);
  const learners = readMembers(reader);
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

/** What is wrong with the data of a membership entry; undefined where nothing is. */
export function changeFault(data: Uint8Array): string | undefined {
  const read = tryDecode(data);
  return typeof read === 'string' ? read : configurationFault(read);
}

/**
 * An entry of this engine carries the whole configuration: what was before does not matter. Data that cannot be read, which
 * no server takes from a peer, changes nothing, on every server alike: to fail here would be to fail at every start.
 */
export function applyChange(before: Configuration, { data }: Entry): Configuration {
  const read = tryDecode(data);
  return typeof read === 'string' ? before : read;
}

/** The configuration, or what is wrong with it. */
function tryDecode(data: Uint8Array): Configuration | string {
  try {
    return decodeConfiguration(data);
  } catch (error) {
    if (error instanceof MalformedMessageError || error instanceof MalformedBytesError) return error.message;
    throw error;
  }
}
