import { constants, writev } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type PromisedArea, StorageWriteError, UnknownPromiseError } from './contract.ts';
import { JOURNAL_BLOCK_BYTES, JOURNAL_HALF_BYTES } from './journalEntry.ts';
import { StorageOpenError } from './levelDisk.ts';

const FILE_BYTES = 2 * JOURNAL_HALF_BYTES;
const { O_RDWR, O_CREAT, O_EXCL, O_DSYNC, O_NOFOLLOW, O_NONBLOCK } = constants;
/** With O_DSYNC a write is on the platter when it returns: one trip to a worker thread, not two. A pipe in the way blocks nobody. */
const FLAGS = O_RDWR | O_DSYNC | O_NOFOLLOW | O_NONBLOCK;
const OWNER_ONLY = 0o600;

/** How the file system says that what has the name is no regular file. */
const IRREGULAR_CODES: ReadonlyMap<unknown, string> = new Map([
  ['ELOOP', 'is a link'],
  ['EISDIR', 'is a folder'],
  ['ENXIO', 'is a socket or a device'],
]);

/** Something else has the file's name; in words that follow it. */
class ForeignFileError extends Error {
  override readonly name = 'ForeignFileError';
}

type Done = (error: Error | null) => void;

/**
 * A PromisedArea in a file. It has its full size from the beginning, so that a write costs the file system no entry in its own
 * journal, and it appears under its name once it is whole.
 */
export class PromisedFile implements PromisedArea {
  readonly name: string;
  readonly halfBytes = JOURNAL_HALF_BYTES;
  readonly blockBytes = JOURNAL_BLOCK_BYTES;
  private foundBytes: Uint8Array | undefined;
  private handle: FileHandle | undefined;

  /** Opens the file where there is one; makes none. Throws StorageOpenError where it cannot be read, UnknownPromiseError where it is none of ours. */
  static async open(path: string): Promise<PromisedFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, FLAGS);
      const found = await readAll(path, handle);
      return new PromisedFile(path, found, handle);
    } catch (error) {
      await handle?.close();
      const code = codeOf(error);
      if (code === 'ENOENT') return new PromisedFile(path, undefined, undefined);
      const foreign = error instanceof ForeignFileError ? error.message : IRREGULAR_CODES.get(code);
      if (foreign !== undefined) {
        throw new UnknownPromiseError(`${path} ${foreign}: what these data must hold cannot be told from it`);
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new StorageOpenError(path, `expected a file that can be read and written (${reason})`, error);
    }
  }

  private constructor(path: string, found: Uint8Array | undefined, handle: FileHandle | undefined) {
    this.name = path;
    this.foundBytes = found;
    this.handle = handle;
  }

  get found(): Uint8Array | undefined {
    return this.foundBytes;
  }

  create(pieces: readonly Uint8Array[], done: Done): void {
    this.foundBytes = undefined;
    this.make(pieces).then(
      () => done(null),
      (error: unknown) => done(this.failure(error)),
    );
  }

  private async make(pieces: readonly Uint8Array[]): Promise<void> {
    const bytes = new Uint8Array(FILE_BYTES);
    bytes.set(Buffer.concat(pieces));
    const temporary = `${this.name}.new`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, FLAGS | O_CREAT | O_EXCL, OWNER_ONLY);
    await this.handle?.close();
    this.handle = handle;
    const { bytesWritten } = await handle.write(bytes, 0, FILE_BYTES, 0);
    if (bytesWritten < FILE_BYTES) throw new Error(`wrote ${bytesWritten} of ${FILE_BYTES} bytes`);
    await handle.sync();
    await rename(temporary, this.name);
    await syncFolderOf(this.name);
  }

  write(at: number, pieces: readonly Uint8Array[], done: Done): void {
    this.foundBytes = undefined;
    writev(this.handle!.fd, pieces, at, (error, bytesWritten) => {
      if (error !== null) {
        done(this.failure(error));
        return;
      }
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      done(bytesWritten === bytes ? null : this.failure(new Error(`wrote ${bytesWritten} of ${bytes} bytes`)));
    });
  }

  private failure(cause: unknown): StorageWriteError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new StorageWriteError(`${this.name}: ${reason}`, { cause });
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }
}

async function readAll(path: string, handle: FileHandle): Promise<Uint8Array> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new ForeignFileError('is a pipe or a device');
  // In a folder that others can write to, somebody else's file would decide what is ours.
  if (process.geteuid !== undefined && stats.uid !== process.geteuid()) {
    throw new ForeignFileError('belongs to another user');
  }
  // What a process left that was killed may be in memory only, its last write as well as the file's name.
  await handle.datasync();
  await syncFolderOf(path);
  const bytes = new Uint8Array(FILE_BYTES);
  let length = 0;
  let bytesRead = 0;
  do {
    ({ bytesRead } = await handle.read(bytes, length, FILE_BYTES - length, length));
    length += bytesRead;
  } while (bytesRead > 0 && length < FILE_BYTES);
  return bytes.subarray(0, length);
}

async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
