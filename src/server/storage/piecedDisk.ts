import { crc32 } from 'node:zlib';
import type { Disk, DiskOperation, PiecedValues, ValueShape } from './contract.ts';
import { PIECE_PREFIX, parsePieceKey, pieceKey } from './keys.ts';
import { CRC_BYTES, seal, storedChecksum } from './record.ts';

/**
 * A disk on which large values are many small ones, so that no value of many MiB is copied in one stretch, with everything else
 * of the server waiting: LevelDB's binding copies twice, in the caller's thread, what it is given. The pieces of such a value are
 * written one at a time, each in a turn of its own, and under its key stands its head:
 *
 *     crc32 (4 bytes, little-endian, over all that follows) | version (2) | kind (3) | bytes of the value (8, big-endian) | bytes of a piece (4)
 *
 * Versions of the program from before there were pieces take a head for a record of a format that they do not read
 * (UnknownFormatError).
 *
 * What the store above relies on holds as it does of the disk below, a value that is not all there being a damaged one:
 * - A value is there with its head, which goes with the rest of its write, once all its pieces are durable: each is synced. LevelDB
 *   begins a new log file every few MiB, and a sync is of the last one alone.
 * - A crash before that leaves pieces without a head, or with one that is damaged: no value. A later write may have the same key (no
 *   number was promised), and puts its own pieces in their place, all of them durable before its head. Should a piece be another
 *   value's all the same, the value's own checksum does not fit, and it is damaged.
 * - A head's deletion may be undone by a crash until it is synced; so it is, and pieces are deleted after that. What
 *   has no head when the disk is opened is deleted after a synced write too: that its head is gone may not be durable yet.
 */
export class PiecedDisk implements Disk {
  private readonly disk: Disk;
  readonly pieced: PiecedValues;
  private readonly limits: PiecedDiskLimits;
  /** How many pieces each value has that is in pieces. */
  private readonly counts = new Map<string, number>();
  /** Pieces that no value needs, by the number of the write since which none does; and those whose deletion nothing can undo. */
  private waste: { readonly since: number; readonly keys: readonly string[] }[] = [];
  private readonly deletable = new Set<string>();
  private readonly queue: QueuedWrite[] = [];
  private isBusy = false;
  private writes = 0;

  constructor(disk: Disk, limits: PiecedDiskLimits = PIECED_DISK_LIMITS) {
    this.disk = disk;
    this.limits = limits;
    this.pieced = { ...limits, shapeOf: (key) => decodeHead(disk.get(key)) };
    const found = disk.keys(PIECE_PREFIX).map((key) => ({ key, ...parsePieceKey(key) }));
    for (const { of } of found) {
      if (this.counts.has(of)) continue;
      const head = decodeHead(disk.get(of));
      this.counts.set(of, head === undefined ? 0 : countOf(head));
    }
    const unneeded = found.filter(({ of, number }) => number >= this.counts.get(of)!);
    this.wasted(unneeded.map(({ key }) => key));
  }

  /** As the disk's; of a value that is not all there, what is, which its checksum does not fit. */
  get(key: string): Uint8Array | undefined {
    const value = this.disk.get(key);
    const head = decodeHead(value);
    if (head === undefined) return value;
    const whole = new Uint8Array(head.valueBytes);
    let filled = 0;
    for (let number = 0; number < countOf(head); number++) {
      const piece = this.disk.get(pieceKey(key, number));
      if (piece === undefined || piece.length > whole.length - filled) break;
      whole.set(piece, filled);
      filled += piece.length;
    }
    return whole.subarray(0, filled);
  }

  keys(prefix: string): readonly string[] {
    return this.disk.keys(prefix).filter((key) => !key.startsWith(PIECE_PREFIX));
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    if (this.isBusy) this.queue.push({ operations, sync, done });
    else if (operations.some((operation) => this.isLarge(operation))) this.writePieces(operations, sync, done);
    else this.pass(operations, sync, done);
  }

  private isLarge({ value }: DiskOperation): boolean {
    return value !== null && value.length > this.limits.wholeBytesMax;
  }

  /** Nothing else is written before all of it is. */
  private writePieces(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    this.isBusy = true;
    const { pieceBytes } = this.limits;
    const pieces: DiskOperation[] = [];
    const withHeads = operations.map((operation) => {
      const { key, value } = operation;
      if (value === null || !this.isLarge(operation)) return operation;
      const head = { valueBytes: value.length, pieceBytes };
      const count = countOf(head);
      this.counts.set(key, count);
      for (let number = 0; number < count; number++) {
        const at = number * pieceBytes;
        pieces.push({ key: pieceKey(key, number), value: value.subarray(at, at + pieceBytes) });
      }
      return { key, value: encodeHead(head) };
    });
    this.keep(new Set(pieces.map(({ key }) => key)));
    const rest = pieces.values();
    const next = (error: Error | null) => {
      const piece = rest.next().value;
      if (error !== null) done(error);
      else if (piece !== undefined) {
        this.disk.write([piece], true, next);
        return;
      } else this.pass(withHeads, sync, done);
      this.isBusy = false;
      this.goOn();
    };
    next(null);
  }

  private goOn(): void {
    for (let write = this.queue.shift(); write !== undefined; write = this.queue.shift()) {
      this.write(write.operations, write.sync, write.done);
      if (this.isBusy) return;
    }
  }

  /** What is small, and so goes to the disk as it is; with it goes what became useless. */
  private pass(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    const number = ++this.writes;
    let isSynced = sync;
    this.noteOwn(operations);
    for (const { key, value } of operations) {
      const count = value === null ? this.counts.get(key) : undefined;
      if (count === undefined) continue;
      this.counts.delete(key);
      this.wasted(Array.from({ length: count }, (_, at) => pieceKey(key, at)));
      isSynced = true;
    }
    const all = this.deletable.size === 0 ? operations : [...operations, ...this.takeDeletable()];
    if (!isSynced || this.waste.length === 0) this.disk.write(all, isSynced, done);
    else
      this.disk.write(all, true, (error) => {
        if (error === null) this.release(number);
        done(error);
      });
  }

  /** Pieces, and heads, that come as such. */
  private noteOwn(operations: readonly DiskOperation[]): void {
    const pieces = new Set<string>();
    for (const { key, value } of operations) {
      if (value === null) continue;
      if (key.startsWith(PIECE_PREFIX)) pieces.add(key);
      const head = decodeHead(value);
      if (head !== undefined) this.counts.set(key, countOf(head));
    }
    if (pieces.size > 0) this.keep(pieces);
  }

  private wasted(keys: readonly string[]): void {
    if (keys.length > 0) this.waste.push({ since: this.writes, keys });
  }

  /** The write of this number and all before it are durable. */
  private release(number: number): void {
    const left = this.waste.filter(({ since }) => since > number);
    for (const { since, keys } of this.waste) if (since <= number) for (const key of keys) this.deletable.add(key);
    this.waste = left;
  }

  private takeDeletable(): DiskOperation[] {
    const taken: DiskOperation[] = [];
    for (const key of this.deletable) {
      if (taken.length === DELETES_PER_WRITE_MAX) break;
      this.deletable.delete(key);
      taken.push({ key, value: null });
    }
    return taken;
  }

  /** These are needed again. */
  private keep(keys: ReadonlySet<string>): void {
    for (const key of keys) this.deletable.delete(key);
    this.waste = this.waste.map((of) => ({ ...of, keys: of.keys.filter((key) => !keys.has(key)) }));
  }

  close(): Promise<void> {
    return this.disk.close();
  }
}

export interface PiecedDiskLimits {
  /** A longer value is written in pieces. */
  readonly wholeBytesMax: number;
  readonly pieceBytes: number;
}

const MIB = 1024 * 1024;
/** What the log store gathers in one write stays whole (WRITE_BYTES_MAX): it is small entries, and one write is what they are gathered for. */
export const PIECED_DISK_LIMITS: PiecedDiskLimits = { wholeBytesMax: 5 * MIB, pieceBytes: MIB };
/** Pieces that one write deletes beside what it writes. */
const DELETES_PER_WRITE_MAX = 128;

interface QueuedWrite {
  readonly operations: readonly DiskOperation[];
  readonly sync: boolean;
  readonly done: (error: Error | null) => void;
}

/** Never FORMAT_VERSION of record.ts, so that neither can be taken for the other. */
const HEAD_VERSION = 2;
const HEAD_KIND = 3;
const HEAD_BYTES = CRC_BYTES + 14;

const countOf = ({ valueBytes, pieceBytes }: ValueShape): number => Math.ceil(valueBytes / pieceBytes);

export function encodeHead({ valueBytes, pieceBytes }: ValueShape): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  head[CRC_BYTES] = HEAD_VERSION;
  head[CRC_BYTES + 1] = HEAD_KIND;
  view.setBigUint64(CRC_BYTES + 2, BigInt(valueBytes));
  view.setUint32(CRC_BYTES + 10, pieceBytes);
  seal(head);
  return head;
}

/** undefined: it is a value by itself, or damaged. */
function decodeHead(value: Uint8Array | undefined): ValueShape | undefined {
  if (value?.length !== HEAD_BYTES || value[CRC_BYTES] !== HEAD_VERSION || value[CRC_BYTES + 1] !== HEAD_KIND) {
    return undefined;
  }
  if (storedChecksum(value) !== crc32(value.subarray(CRC_BYTES))) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return { valueBytes: Number(view.getBigUint64(CRC_BYTES + 2)), pieceBytes: view.getUint32(CRC_BYTES + 10) };
}
