import { closeSync, existsSync, fstatSync, readSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../files/durableFile.ts';
import { openRegularFile } from '../files/regularFile.ts';
import type { SnapshotHead, SnapshotPiece } from '../wire/generated/admin.ts';
import { MalformedPiecesError, PieceChecker, SNAPSHOT_PIECE_BYTES_MAX } from '../wire/snapshotPieces.ts';
import { OfflineError } from './errors.ts';

/**
 * A file of a snapshot: what Admin.SaveSnapshot streams, piece by piece.
 *
 *     "rkv-snapshot 1\n" | of each piece: length (4 bytes, little-endian) | checksum (4 bytes, little-endian) | content
 *
 * The first line's form never changes, so that every version of the program can name what it finds. The first piece is the head (SnapshotHead of proto/admin.proto), the others are the state
 * as the state machine writes it into the log store; a checksum is of all contents up to there. The head says how many bytes of state there are, and after these the file ends.
 */
const KIND = 'rkv-snapshot ';
const VERSION = 1;
export const SNAPSHOT_FIRST_LINE = Buffer.from(`${KIND}${VERSION}\n`);
/** A version has no more digits than that. */
const FIRST_LINE_BYTES_MAX = SNAPSHOT_FIRST_LINE.length + 8;
const PIECE_HEADER_BYTES = 8;
const OWNER_ONLY = 0o600;

/** A file is no snapshot that this program can use. */
export class SnapshotFileError extends OfflineError {
  override readonly name = 'SnapshotFileError';
  readonly path: string;
  /** Byte of the file where what is said was seen. */
  readonly offset: number;
  constructor(path: string, offset: number, what: string, options?: ErrorOptions) {
    super(`${path}, byte ${offset}: ${what}`, options);
    this.path = path;
    this.offset = offset;
  }
}

/** Throws OfflineError where something has the name already: a snapshot that somebody kept is not written over. */
export function expectNoFile(path: string): void {
  if (existsSync(path)) throw new OfflineError(`${path} is there already: expected the name of a new file`);
}

/** A piece as it stands in a file: what comes before its content, and that. */
export function encodePiece({ content, checksum }: SnapshotPiece): readonly [Buffer, Buffer] {
  const header = Buffer.alloc(PIECE_HEADER_BYTES);
  header.writeUInt32LE(content.length, 0);
  header.writeUInt32LE(checksum, 4);
  return [header, content];
}

/** Writes a file of a snapshot: under its name, and durable, once it is whole. */
export class SnapshotFileWriter {
  private readonly path: string;
  private readonly file: FileHandle;

  /** Throws OfflineError where there is such a file, and the file system's errors. */
  static async create(path: string): Promise<SnapshotFileWriter> {
    expectNoFile(path);
    const partial = partialFile(path);
    // What was interrupted is of no use.
    await rm(partial, { force: true });
    const file = await open(partial, 'wx', OWNER_ONLY);
    const writer = new SnapshotFileWriter(path, file);
    try {
      await writer.put(SNAPSHOT_FIRST_LINE);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    return writer;
  }

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.file = file;
  }

  async write(piece: SnapshotPiece): Promise<void> {
    for (const bytes of encodePiece(piece)) await this.put(bytes);
  }

  private async put(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) at += (await this.file.write(bytes, at)).bytesWritten;
  }

  /** To be called once all pieces are written. */
  async finish(): Promise<void> {
    await this.file.sync();
    const [own, there] = [await this.file.stat(), await stat(partialFile(this.path))];
    await this.file.close();
    if (own.ino !== there.ino)
      throw new OfflineError(`${partialFile(this.path)} was replaced: expected nobody else to save to ${this.path}`);
    expectNoFile(this.path);
    await rename(partialFile(this.path), this.path);
    syncFolder(dirname(this.path));
  }

  /** Leaves nothing. */
  async abandon(): Promise<void> {
    await this.file.close();
    await rm(partialFile(this.path), { force: true });
  }
}

function partialFile(path: string): string {
  return `${path}.part`;
}

/** Where a file's bytes come from. */
export interface ByteSource {
  /** Bytes altogether. */
  readonly size: number;
  /** The next bytes: as many, and fewer only at the end. */
  read(bytes: number): Buffer;
}

class DescriptorSource implements ByteSource {
  readonly size: number;
  private readonly descriptor: number;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  read(bytes: number): Buffer {
    const read = Buffer.alloc(bytes);
    let length = 0;
    for (let count = -1; length < bytes && count !== 0; length += count)
      count = readSync(this.descriptor, read, length, bytes - length, null);
    return read.subarray(0, length);
  }
}

/** Reads a file of a snapshot from its beginning, and holds a piece of it at a time. */
export class SnapshotFileReader {
  private readonly path: string;
  private readonly source: ByteSource;
  private readonly checker = new PieceChecker();
  private offset = 0;

  /** Reads up to the head, which holds no more than the file does. `path` is for errors. Throws SnapshotFileError. */
  constructor(path: string, source: ByteSource) {
    this.path = path;
    this.source = source;
    this.begin();
  }

  get head(): SnapshotHead {
    return this.checker.head!;
  }

  /** As it stands in the file. */
  get headBytes(): Buffer {
    return this.checker.headBytes;
  }

  /** Of all that is read. */
  get checksum(): number {
    return this.checker.lastChecksum;
  }

  private begin(): void {
    const start = this.source.read(SNAPSHOT_FIRST_LINE.length);
    if (!start.equals(SNAPSHOT_FIRST_LINE)) {
      const line = Buffer.concat([start, this.source.read(FIRST_LINE_BYTES_MAX - SNAPSHOT_FIRST_LINE.length)]);
      const [, version] = /^rkv-snapshot (\d+)\n/.exec(line.toString('latin1')) ?? [];
      if (version === undefined)
        throw this.error(0, `no snapshot of rkv: expected "${KIND}${VERSION}" in its first line`);
      throw this.error(0, `a snapshot of version ${version}; this program reads version ${VERSION}`);
    }
    this.offset = SNAPSHOT_FIRST_LINE.length;
    this.piece();
    const { stateBytes } = this.head;
    if (stateBytes > this.source.size)
      throw this.error(
        this.source.size,
        `it ends here, and says of itself that it has ${stateBytes} bytes of state: it was cut`,
      );
  }

  /** The state, piece by piece. Throws SnapshotFileError. */
  *state(): Generator<Buffer> {
    while (!this.checker.isWhole) yield this.piece();
    if (this.source.read(1).length > 0)
      throw this.error(this.offset, 'something stands behind the end of the snapshot');
  }

  private piece(): Buffer {
    const begin = this.offset;
    const header = this.bytes(PIECE_HEADER_BYTES);
    const length = header.readUInt32LE(0);
    if (length > SNAPSHOT_PIECE_BYTES_MAX)
      throw this.error(
        begin,
        `a piece of ${length} bytes, expected at most ${SNAPSHOT_PIECE_BYTES_MAX}: it is damaged`,
      );
    const content = this.bytes(length);
    try {
      return this.checker.take({ content, checksum: header.readUInt32LE(4) });
    } catch (error) {
      if (!(error instanceof MalformedPiecesError)) throw error;
      throw this.error(begin, `the piece that begins here is damaged: ${error.message}`, { cause: error });
    }
  }

  private bytes(count: number): Buffer {
    const bytes = this.source.read(count);
    this.offset += bytes.length;
    if (bytes.length === count) return bytes;
    const { head, stateBytes } = this.checker;
    const missing = head === undefined ? 'its head' : `${head.stateBytes - stateBytes} bytes of its state`;
    throw this.error(this.offset, `it ends here, without ${missing}: it was cut`);
  }

  private error(offset: number, what: string, options?: ErrorOptions): SnapshotFileError {
    return new SnapshotFileError(this.path, offset, what, options);
  }
}

/** What `use` makes of the snapshot in the file. Throws SnapshotFileError, UnusableFileError and the file system's errors. */
export function withSnapshotFile<T>(path: string, use: (reader: SnapshotFileReader) => T): T {
  const descriptor = openRegularFile(path);
  try {
    return use(new SnapshotFileReader(path, new DescriptorSource(descriptor)));
  } finally {
    closeSync(descriptor);
  }
}
