import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../../bytes/varint.ts';
import {
  ChangeType,
  type Configuration,
  type MembershipChange,
  type NodeId,
  simpleConfiguration,
} from '../contract.ts';
import type { Entry } from '../entry.ts';

/** The data of Reconf entries is the marshalled `rkvpb.ReconfRequest`: serverID = 1, reconfType = 2 (Add 0, Remove 1). */
const TAG_SERVER = 0x08;
const TAG_TYPE = 0x10;
const REMOVE = 1;

export function encodeChange(change: MembershipChange): Uint8Array {
  const remove = change.type === ChangeType.Remove;
  const bytes = new Uint8Array(1 + varintSize(change.id) + (remove ? 2 : 0));
  bytes[0] = TAG_SERVER;
  const end = writeVarint(bytes, 1, change.id);
  if (remove) {
    bytes[end] = TAG_TYPE;
    bytes[end + 1] = REMOVE;
  }
  return bytes;
}

/** What is wrong with the data of a membership entry; undefined where nothing is. */
export function changeFault(data: Uint8Array): string | undefined {
  return readChange(data) === undefined ? `${data.length} bytes that are not a membership change` : undefined;
}

function readChange(data: Uint8Array): { readonly id: NodeId; readonly remove: boolean } | undefined {
  let id = 0;
  let remove = false;
  try {
    const reader = new ByteReader(data);
    while (reader.pos < reader.end) {
      const tag = reader.varint();
      if (tag === TAG_SERVER) id = reader.varint();
      else if (tag === TAG_TYPE) remove = reader.varint() === REMOVE;
      else reader.skip(tag);
    }
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
  return id === 0 ? undefined : { id, remove };
}

/**
 * The configuration that a Reconf entry makes of the one before it. Data that cannot be read, and the removal of the last
 * voter, change nothing, on every server alike.
 */
export function applyChange(before: Configuration, entry: Entry): Configuration {
  const change = readChange(entry.data);
  if (change === undefined) return before;
  const voters = before.voters.filter((voter) => voter !== change.id);
  if (!change.remove) return simpleConfiguration([...voters, change.id]);
  return voters.length === 0 ? before : simpleConfiguration(voters);
}
