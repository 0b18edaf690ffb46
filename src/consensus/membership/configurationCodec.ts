import type { ByteReader } from '../../bytes/byteReader.ts';
import { MalformedMessageError, type NodeId } from '../contract.ts';

/** Of what a peer sent: far more than any cluster has, and few enough to be handled at once. */
const MEMBERS_MAX = 1024;

/**
 * Lists of members as they stand on the wire and on disk, to be written as varints: of each its length, then the ids. Which lists,
 * in which order, and what stands around them, is each format's own.
 */
export function memberNumbers(...lists: readonly (readonly NodeId[])[]): number[] {
  return lists.flatMap((ids) => [ids.length, ...ids]);
}

/** One list. Throws MalformedMessageError where it does not ascend from 1, and MalformedBytesError where it is cut short. */
export function readMembers(reader: ByteReader, countMax = MEMBERS_MAX): NodeId[] {
  const count = reader.varint();
  if (count > countMax) throw new MalformedMessageError(`${count} members, expected at most ${countMax}`);
  const ids: NodeId[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.varint();
    if (id <= (ids[i - 1] ?? 0)) throw new MalformedMessageError(`member ${id} after ${ids[i - 1] ?? 0}`);
    ids.push(id);
  }
  return ids;
}
