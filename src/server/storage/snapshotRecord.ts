import { crc32 } from 'node:zlib';
import { ByteReader, CutShortError } from '../../bytes/byteReader.ts';
import { varintsSize, writeVarints } from '../../bytes/varint.ts';
import type { Configuration, Snapshot, SnapshotPlace } from '../../consensus/contract.ts';
import { memberNumbers, readMembers } from '../../consensus/membership/configurationCodec.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import type { Disk, ValueShape } from './contract.ts';
import { pieceKey } from './keys.ts';
import { CRC_BYTES, type Damage, damageOf, FORMAT_VERSION, seal, storedChecksum } from './record.ts';
import { StoredContent } from './storedContent.ts';

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

/** What stands before the content; the checksum is still to be put into it. */
export function encodeSnapshotHead({ index, term, configuration }: SnapshotPlace): Uint8Array {
  const numbers = [index, term, ...configurationNumbers(configuration)];
  const head = new Uint8Array(CRC_BYTES + 2 + varintsSize(numbers));
  head[CRC_BYTES] = FORMAT_VERSION;
  head[CRC_BYTES + 1] = SNAPSHOT_KIND;
  writeVarints(head, CRC_BYTES + 2, numbers);
  return head;
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

/**
 * The snapshot on a disk, which must have this checksum; or what is wrong with it. Of one in pieces no more is in memory than a piece, or
 * its head. Throws as decodeSnapshot does.
 */
export function readSnapshotOn(disk: Disk, key: string, checksum: number): DecodedSnapshot {
  const shape = disk.pieced?.shapeOf(key);
  return shape === undefined ? decodeSnapshot(key, disk.get(key), checksum) : readPieced(disk, key, checksum, shape);
}

function readPieced(
  disk: Disk,
  key: string,
  checksum: number,
  { valueBytes, pieceBytes }: ValueShape,
): DecodedSnapshot {
  const damaged = (reason: string, foundChecksum?: number): DecodedSnapshot => ({
    damage: { reason, expectedChecksum: foundChecksum === undefined ? undefined : checksum, foundChecksum },
  });
  const checksums: number[] = [];
  let head: Uint8Array = new Uint8Array(0);
  let found: { readonly place: SnapshotPlace; readonly contentStart: number } | undefined;
  let running = 0;
  for (let at = 0; at < valueBytes; at += pieceBytes) {
    const piece = disk.get(pieceKey(key, checksums.length));
    if (piece?.length !== Math.min(pieceBytes, valueBytes - at))
      return damaged('a piece of it is missing or cut short');
    checksums.push(crc32(piece));
    running = crc32(at === 0 ? piece.subarray(CRC_BYTES) : piece, running);
    if (found !== undefined) continue;
    head = new Uint8Array(Buffer.concat([head, piece]));
    found = placeIn(head);
  }
  if (head.length < CRC_BYTES + 2) return damaged('it is cut short');
  if (storedChecksum(head) !== running) return damaged('its checksum is wrong', running);
  const damage = damageOf(key, sealedHead(head), SNAPSHOT_KIND);
  if (damage !== undefined) return { damage };
  if (running !== checksum) return damaged('it is another snapshot', running);
  if (found === undefined) return damaged('its head is cut short', running);
  const { place, contentStart } = found;
  const content = new StoredContent(disk, key, contentStart, valueBytes - contentStart, pieceBytes);
  content.checksums.push(...checksums);
  return { snapshot: { ...place, content } };
}

/** The part of a value that says what it is, as a value. */
function sealedHead(value: Uint8Array): Uint8Array {
  const head = value.slice(0, CRC_BYTES + 2);
  seal(head);
  return head;
}

function placeIn(value: Uint8Array) {
  try {
    return readPlace(value);
  } catch (error) {
    if (error instanceof CutShortError) return undefined;
    throw error;
  }
}

function readSnapshot(value: Uint8Array): Snapshot {
  const { place, contentStart } = readPlace(value);
  return { ...place, content: new MemoryContent(value.subarray(contentStart)) };
}

function readPlace(value: Uint8Array): { readonly place: SnapshotPlace; readonly contentStart: number } {
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
  return { place: { index, term, configuration }, contentStart: reader.pos };
}
