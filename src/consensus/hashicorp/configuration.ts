import { ByteReader } from '../../bytes/byteReader.ts';
import { varintsSize, writeVarints } from '../../bytes/varint.ts';
import { type Configuration, MalformedMessageError, type NodeId, simpleConfiguration } from '../contract.ts';
import { memberNumbers, readMembers } from '../membership/configurationCodec.ts';

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
