import { crc32 } from 'node:zlib';
import type { IncomingContent } from '../../consensus/contract.ts';
import { type Disk, type DiskOperation, InvalidBatchError } from './contract.ts';
import { pieceKey, snapshotKey } from './keys.ts';
import { encodeHead } from './piecedDisk.ts';
import type { PieceWriter } from './pieceWriter.ts';
import { CRC_BYTES, putChecksum, type SnapshotReference } from './record.ts';
import { encodeSnapshotHead } from './snapshotRecord.ts';
import { StoredContent } from './storedContent.ts';

/**
 * A snapshot on its way to the disk, of which no more is in memory than what the disk has not got yet and its first piece, which holds the
 * checksum of all that follows it: that one is written last. Where values are not kept in pieces, or this one is small, all of it is.
 *
 * In pieces, its key is known before its record is begun: it has a number of its own, between those of the writes. Otherwise it has its write's.
 */
export class SnapshotSpool {
  readonly content: IncomingContent;
  private readonly sequence: number;
  private readonly writer: PieceWriter;
  /** Of the value: what stands before the content, and with it. */
  private readonly head: Uint8Array;
  private readonly valueBytes: number;
  private readonly pieceBytes: number;
  private readonly isPieced: boolean;
  private readonly stored: StoredContent;
  private first: Uint8Array | undefined;
  private piece: Uint8Array;
  private filled = 0;
  private total = 0;
  private number = 0;
  private checksum: number;
  /** How many pieces the writer was given, of all, when the last of these was. */
  private writtenAt = 0;

  /** `nextSequence` gives it its number, where it has one. */
  constructor(content: IncomingContent, nextSequence: () => number, disk: Disk, writer: PieceWriter) {
    const { pieced } = disk;
    this.content = content;
    this.writer = writer;
    this.head = encodeSnapshotHead(content.place);
    this.valueBytes = this.head.length + content.byteLength;
    this.isPieced = pieced !== undefined && this.valueBytes > pieced.wholeBytesMax;
    this.pieceBytes = this.isPieced ? pieced!.pieceBytes : this.valueBytes;
    this.sequence = this.isPieced ? nextSequence() : 0;
    this.stored = new StoredContent(disk, this.key, this.head.length, content.byteLength, this.pieceBytes);
    content.keptAs(this.stored);
    this.piece = this.newPiece();
    this.checksum = crc32(this.head.subarray(CRC_BYTES));
    this.append(this.head);
  }

  private get key(): string {
    return snapshotKey(this.content.place.index, this.sequence);
  }

  /** What follows. */
  add(data: Uint8Array): void {
    this.checksum = crc32(data, this.checksum);
    this.append(data);
  }

  private append(data: Uint8Array): void {
    if (data.length > this.valueBytes - this.total) {
      throw new InvalidBatchError(`${this.total + data.length} bytes of a snapshot of ${this.valueBytes}`);
    }
    this.total += data.length;
    for (let at = 0; at < data.length; ) {
      const part = data.subarray(at, at + this.piece.length - this.filled);
      this.piece.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === this.piece.length) this.pass();
    }
  }

  /** The piece is full. */
  private pass(): void {
    const { number, piece } = this;
    this.stored.checksums[number] = crc32(piece);
    this.stored.pending.set(number, piece);
    if (number === 0) this.first = piece;
    else this.write(number, piece);
    this.number++;
    this.filled = 0;
    this.piece = this.newPiece();
    this.stored.pending.set(this.number, this.piece);
  }

  private newPiece(): Uint8Array {
    return new Uint8Array(Math.max(0, Math.min(this.pieceBytes, this.valueBytes - this.number * this.pieceBytes)));
  }

  private write(number: number, value: Uint8Array): void {
    const { stored } = this;
    this.writtenAt = this.writer.put({ key: pieceKey(this.key, number), value }, () => stored.pending.delete(number));
  }

  /** All of it was added: from now on it only waits for the disk. */
  finish(): void {
    if (this.total !== this.valueBytes) {
      throw new InvalidBatchError(`${this.total} bytes of a snapshot of ${this.valueBytes}`);
    }
    const first = this.first!;
    putChecksum(first, this.checksum);
    this.stored.checksums[0] = crc32(first);
    this.stored.pending.delete(this.number);
    if (this.isPieced) this.write(0, first);
  }

  /** Whether the disk has all that goes before its record. */
  get isWritten(): boolean {
    return this.writer.written >= this.writtenAt;
  }

  /** What goes with the record of the write of this number, which names it so. */
  put(sequence: number, into: DiskOperation[]): SnapshotReference {
    const { valueBytes, pieceBytes, first, isPieced, checksum } = this;
    const { index } = this.content.place;
    const reference = { index, sequence: isPieced ? this.sequence : sequence, checksum };
    const value = isPieced ? encodeHead({ valueBytes, pieceBytes }) : first!;
    into.push({ key: snapshotKey(index, reference.sequence), value });
    return reference;
  }

  /** The keys of what is of no use where it is given up. */
  get remains(): string[] {
    return this.isPieced ? Array.from({ length: this.number }, (_, number) => pieceKey(this.key, number)) : [];
  }
}
