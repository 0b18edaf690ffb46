import type { HardState, LogReader, PersistBatch, Snapshot, SnapshotPiece } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';

/** Who keeps the pieces of a snapshot that is taken here, in order, before it is stored with the content that they are of. */
export interface PieceSink {
  /** false: a piece that is added now only adds to what waits for the disk. */
  readonly hasRoom: boolean;
  /** One snapshot at a time: that of a later content takes the place of the one before. */
  addPiece(piece: SnapshotPiece): void;
}

/**
 * The stable storage of one server. Engines read it through LogReader; the host writes to it. Writes are accepted at once
 * (readers see them) and become durable later, in order: one synchronous write is in flight at a time and the next one
 * gathers what arrived meanwhile (group commit). Memory and LevelDB implementations pass the same suite.
 */
export interface LogStore extends LogReader, PieceSink {
  /** All entries still in the log that may be fences (wire/fence.ts), ascending. The array never changes. */
  fenceEntries(): readonly Entry[];
  /** As of the last accepted batch. */
  readonly hardState: HardState;
  /** The highest mark known to be on disk. */
  readonly durableMark: number;
  /**
   * Takes the batch; `listener.durable` or `listener.failed` follows in a later turn, never inside this call. Throws
   * InvalidBatchError where the batch does not fit the log, and LogStoreClosedError after `close` or a failed write.
   */
  persist(batch: PersistBatch): void;
  /**
   * Stores a snapshot of an applied index beside the log and drops entries up to `snapshot.index - trailingEntries`, which stay
   * readable only above that. `listener.snapshotStored(index)` follows. A snapshot that is not newer than the stored one
   * is ignored, and no call follows. `needed`, asked when it takes the place of the one before: which snapshots may still be read.
   * Throws like `persist`.
   */
  storeSnapshot(snapshot: Snapshot, trailingEntries: number, needed?: () => readonly Snapshot[]): void;
  /** Finishes what was accepted, then releases the files. */
  close(): Promise<void>;
}

export interface LogStoreListener {
  /** Every batch up to `mark` is on disk. */
  durable(mark: number): void;
  snapshotStored(index: number): void;
  /** There is room again for a piece (PieceSink). */
  hasRoomAgain?(): void;
  /** A write failed. Nothing accepted after the last `durable` is certain; the store takes no further batches. */
  failed(error: Error): void;
}

/** One change of a key-value disk. A value of null deletes. Keys sort as bytes. */
export interface DiskOperation {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** How a value that is in pieces is kept: each piece but the last is of `pieceBytes`. */
export interface ValueShape {
  readonly valueBytes: number;
  readonly pieceBytes: number;
}

/** Which values a disk keeps in pieces, and how. */
export interface PiecedValues {
  /** A longer value is in pieces. */
  readonly wholeBytesMax: number;
  readonly pieceBytes: number;
  /** undefined: it is whole, or not there. */
  shapeOf(key: string): ValueShape | undefined;
}

/**
 * What the log store needs of a disk: an ordered key-value store with atomic batches. LevelDB in `rkvd`, a virtual disk
 * with faults in the simulator. `done` is called in a later turn, in the order of the writes.
 *
 * What the store relies on: a completed write with `sync` survives later crashes, and so do all writes before it, also those
 * of earlier processes; one of nothing is for the sake of those. Whatever else is readable may be in memory only, until promisedDisk.ts has settled it. What it does not rely on: of the writes after that one a crash may
 * leave any part, damaged in any way, and each of their operations may have been carried out or not.
 */
export interface Disk {
  /** Where large values are kept in pieces (piecedDisk.ts), and whoever writes them may put the pieces there by itself. */
  readonly pieced?: PiecedValues | undefined;
  /** The value, or undefined. Throws where the disk cannot be read. A write is visible here at the latest once it is done. */
  get(key: string): Uint8Array | undefined;
  /** All keys with this prefix, ascending. Used only at start, before the first write. */
  keys(prefix: string): readonly string[];
  /** Applies the operations atomically; with `sync`, `done(null)` means that they and all writes before them survive a crash. */
  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void;
  close(): Promise<void>;
}

/**
 * A durable place of its own, outside the disk's files, for the journal in which promisedDisk.ts keeps what the last writes promised. A file beside
 * the server's folder in `rkvd`.
 *
 * What is relied on: a completed write survives a crash, and so does what was found. A crash during a write may leave anything in the blocks that it covers, and nothing else
 * anywhere; one during `create` leaves the whole or nothing.
 */
export interface PromisedArea {
  /** For errors: where it is. */
  readonly name: string;
  /** It has two halves, of so many bytes each: a multiple of `blockBytes`. */
  readonly halfBytes: number;
  readonly blockBytes: number;
  /** What was there when it was opened, damaged or cut short as it may be; undefined where there was no such place. Given up with the first write. */
  readonly found: Uint8Array | undefined;
  /** Makes the place, or makes it anew: the pieces, one after the other, and zeros. No write may be under way. */
  create(pieces: readonly Uint8Array[], done: (error: Error | null) => void): void;
  /** Puts the pieces, one after the other, at `at`. They are whole blocks. One write at a time. */
  write(at: number, pieces: readonly Uint8Array[], done: (error: Error | null) => void): void;
  close(): Promise<void>;
}

/** A write that a disk, or what is beside it, refused; the cause is its word. */
export class StorageWriteError extends Error {
  override readonly name = 'StorageWriteError';
}

/** Whether the disk had no room for what failed so. LevelDB hands on the system's words alone. */
export function isForWantOfRoom(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'ENOSPC') return true;
    if (/no space left on device/i.test(at.message)) return true;
  }
  return false;
}

/**
 * What is on disk cannot be served from, and starting again will not change that. `rkvd` ends with
 * exit code 3 (wire/supervision.ts), on which its supervisor does not start it again.
 */
export class RefusedDataError extends Error {
  override readonly name: string = 'RefusedDataError';
  /** What a person can do about it. */
  readonly remedy: string =
    'start this server once with -rejoin, which moves these data aside and gets everything back from the others';
}

/** What is on disk is not what was written: the server must not start from it. */
export class CorruptLogError extends RefusedDataError {
  override readonly name = 'CorruptLogError';
}

/** The disk ends before what was promised to be on it: the server would vote and lead from what it forgot. */
export class LostWritesError extends RefusedDataError {
  override readonly name = 'LostWritesError';
}

/** It cannot be told what was promised: the promise file is missing, damaged, older than the disk, another store's, or no file of ours. */
export class UnknownPromiseError extends RefusedDataError {
  override readonly name = 'UnknownPromiseError';
}

/** The disk holds a log in a format that this version of the program does not read. */
export class UnknownFormatError extends RefusedDataError {
  override readonly name = 'UnknownFormatError';
  override readonly remedy = 'start it with the version of the program that wrote it';
}

/** A batch that does not fit the log: a defect in who made it. Nothing of it was taken. */
export class InvalidBatchError extends Error {
  override readonly name = 'InvalidBatchError';
}

/** The store was closed, or a write failed (the cause): it takes nothing more. */
export class LogStoreClosedError extends Error {
  override readonly name = 'LogStoreClosedError';
}
