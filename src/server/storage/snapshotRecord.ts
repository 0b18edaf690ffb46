import { ByteReader } from '../../bytes/byteReader.ts';
import { varintsSize, writeVarints } from '../../bytes/varint.ts';
import type { Configuration, Snapshot } from '../../consensus/contract.ts';
import { memberNumbers, readMembers } from '../../consensus/membership/configurationCodec.ts';
import { contentBytes, MemoryContent } from '../../consensus/snapshotContent.ts';
import { CRC_BYTES, type Damage, damageOf, FORMAT_VERSION, seal, storedChecksum } from './record.ts';

/**
 * The stored form of a snapshot:
 *
 *     crc32 (4 bytes, little-endian, over all that follows) | version | kind | index | term | configuration | data
 *
 * A configuration is four lists of ids, each with its length before it, then 1 or 0 for autoLeave.
 */
const SNAPSHOT_KIND = 2;

function configurationNumbers({ voters, learners, outgoing, learnersNext, autoLeave }: Configuration): number[] {
  return [...memberNumbers(voters, learners, outgoing, learnersNext), Number(autoLeave)];
}

export interface EncodedSnapshot {
  readonly value: Uint8Array;
  readonly checksum: number;
}

export function encodeSnapshot(snapshot: Snapshot): EncodedSnapshot {
  const numbers = [snapshot.index, snapshot.term, ...configurationNumbers(snapshot.configuration)];
  const dataStart = CRC_BYTES + 2 + varintsSize(numbers);
  const value = new Uint8Array(dataStart + snapshot.content.byteLength);
  value[CRC_BYTES] = FORMAT_VERSION;
  value[CRC_BYTES + 1] = SNAPSHOT_KIND;
  value.set(contentBytes(snapshot.content), writeVarints(value, CRC_BYTES + 2, numbers));
  return { value, checksum: seal(value) };
}

export type DecodedSnapshot =
  | { readonly snapshot: Snapshot; readonly damage?: undefined }
  | { readonly snapshot?: undefined; readonly damage: Damage };

/**
 * The snapshot in a value, which must have this checksum; or what is wrong with the value. The snapshot's content is a view.
 * Throws UnknownFormatError on an intact value of another version.
 */
export function decodeSnapshot(key: string, value: Uint8Array | undefined, checksum: number): DecodedSnapshot {
  const damage = damageOf(key, value, SNAPSHOT_KIND);
  if (damage !== undefined || value === undefined) return { damage: damage! };
  const found = storedChecksum(value);
  if (found !== checksum) {
    return { damage: { reason: 'it is another snapshot', expectedChecksum: checksum, foundChecksum: found } };
  }
  try {
    return { snapshot: readSnapshot(value) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { damage: { reason, expectedChecksum: checksum, foundChecksum: found } };
  }
}

function readSnapshot(value: Uint8Array): Snapshot {
  const reader = new ByteReader(value, CRC_BYTES + 2);
  // What this program wrote itself is as long as it was.
  const ids = () => readMembers(reader, Number.POSITIVE_INFINITY);
  const index = reader.varint();
  const term = reader.varint();
  const configuration: Configuration = {
    voters: ids(),
    learners: ids(),
    outgoing: ids(),
    learnersNext: ids(),
    autoLeave: reader.varint() === 1,
  };
  return { index, term, configuration, content: new MemoryContent(value.subarray(reader.pos)) };
}
