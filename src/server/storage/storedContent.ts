import { crc32 } from 'node:zlib';
import { type SnapshotContent, SnapshotGoneError } from '../../consensus/contract.ts';
import { CorruptLogError, type Disk } from './contract.ts';
import { parseKey, pieceKey } from './keys.ts';

const NOTHING = new Uint8Array(0);

/** The content of a stored snapshot, read from the disk a piece at a time. */
export class StoredContent implements SnapshotContent {
  readonly byteLength: number;
  /** Of each piece. */
  readonly checksums: number[] = [];
  /** Pieces that the disk has not got, or holds as part of something else. */
  readonly pending = new Map<number, Uint8Array>();
  private readonly disk: Disk;
  private readonly key: string;
  private readonly start: number;
  private readonly pieceBytes: number;
  /** The one that was read last: chunks are smaller. */
  private latest: { readonly number: number; readonly bytes: Uint8Array } | undefined;

  /** It begins at `start` of the value. */
  constructor(disk: Disk, key: string, start: number, byteLength: number, pieceBytes: number) {
    this.disk = disk;
    this.key = key;
    this.start = start;
    this.byteLength = byteLength;
    this.pieceBytes = pieceBytes;
  }

  /** Throws CorruptLogError where it is not what was written, and SnapshotGoneError where it was deleted. */
  read(offset: number, length: number): Uint8Array {
    const begin = this.start + offset;
    const end = Math.min(this.start + this.byteLength, begin + length);
    if (begin >= end) return NOTHING;
    const first = Math.floor(begin / this.pieceBytes);
    const at = first * this.pieceBytes;
    if (end <= at + this.pieceBytes) return this.piece(first).subarray(begin - at, Math.max(begin, end) - at);
    const bytes = new Uint8Array(end - begin);
    for (let number = first; number * this.pieceBytes < end; number++) {
      const from = number * this.pieceBytes;
      const part = this.piece(number).subarray(Math.max(0, begin - from), end - from);
      bytes.set(part, Math.max(0, from - begin));
    }
    return bytes;
  }

  private piece(number: number): Uint8Array {
    const pending = this.pending.get(number);
    if (pending !== undefined) return pending;
    if (this.latest?.number === number) return this.latest.bytes;
    const key = pieceKey(this.key, number);
    const bytes = this.disk.get(key);
    if (bytes === undefined) {
      // It goes before its pieces.
      if (this.disk.pieced?.shapeOf(this.key) === undefined) throw new SnapshotGoneError(parseKey(this.key)!.index);
      throw new CorruptLogError(`the snapshot ${this.key}: its piece ${key} is missing`);
    }
    if (crc32(bytes) !== this.checksums[number]) {
      throw new CorruptLogError(`the snapshot ${this.key}: the checksum of its piece ${key} is wrong`);
    }
    this.latest = { number, bytes };
    return bytes;
  }
}
