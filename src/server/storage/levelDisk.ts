import { readdirSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { printable } from '../../cli/printable.ts';
import { CorruptLogError, type Disk, type DiskOperation, StorageWriteError } from './contract.ts';
import { checkLevelFiles, irregularFile } from './level/checkFiles.ts';
import { isLocked } from './level/lock.ts';

/**
 * LevelDB settings for a log of chunks. The store keeps chunks in a cache of its own and checks their checksums itself, so a
 * large block cache would hold everything twice; and commands are mostly short and varied, on which compression is spent in
 * vain. A write buffer of 16 MiB is a few seconds of a busy log, and is what opening after a crash may have to replay.
 */
const LEVEL_OPTIONS = {
  keyEncoding: 'utf8',
  valueEncoding: 'view',
  compression: false,
  writeBufferSize: 16 * 1024 * 1024,
  maxFileSize: 16 * 1024 * 1024,
  cacheSize: 4 * 1024 * 1024,
} as const;

const LOG_NAME = /^\d+\.log$/;
/** A shorter value costs about as much either way. */
const ALONE_BYTES_MIN = 256 * 1024;

/** The directory cannot be used as a store: `location` is where, the message says what was wrong, `cause` is LevelDB's word. */
export class StorageOpenError extends Error {
  override readonly name = 'StorageOpenError';
  readonly location: string;
  /** Another process has it open. */
  readonly inUse: boolean;
  constructor(location: string, what: string, cause: unknown) {
    super(`cannot open the log store in ${location}: ${what}`, { cause });
    this.location = location;
    this.inUse = codesOf(cause).includes('LEVEL_LOCKED');
  }
}

/** One of LevelDB's codes in an error or in what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
  }
  return codes;
}

function innermost(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause !== undefined) at = at.cause;
  return at instanceof Error ? at.message : String(at);
}

const IN_USE = 'another process is using it; expected to be its only user';
/** As LevelDB says it. */
const LOCKED = Object.assign(new Error('its lock is held'), { code: 'LEVEL_LOCKED' });

function explain(error: unknown): string {
  const codes = codesOf(error);
  if (codes.includes('LEVEL_LOCKED')) return `${IN_USE} (${innermost(error)})`;
  return `expected a directory that can be read and written (${innermost(error)})`;
}

type Database = Level<string, Uint8Array>;

interface QueuedWrite {
  readonly operations: readonly DiskOperation[];
  readonly sync: boolean;
  readonly done: (error: Error | null) => void;
}

/** A Disk on LevelDB. */
export class LevelDisk implements Disk {
  private readonly database: Database;
  /** The keys found at opening; given up with the first write. */
  private keysAtOpen: readonly string[] | undefined;
  private readonly queue: QueuedWrite[] = [];
  private writing = false;
  /** Logs that the folder is known to hold durably. */
  private syncedLogs: ReadonlySet<string> = new Set();

  /** Checks its files, then opens or creates the database in this directory. Throws StorageOpenError, or CorruptLogError where LevelDB finds it damaged. */
  static async open(location: string, { createIfMissing = true } = {}): Promise<LevelDisk> {
    await LevelDisk.check(location);
    const database: Database = new Level(location, { ...LEVEL_OPTIONS, createIfMissing });
    try {
      await database.open();
      return new LevelDisk(database, await database.keys().all());
    } catch (error) {
      await database.close().catch(() => undefined);
      if (codesOf(error).includes('LEVEL_CORRUPTION')) {
        const what = `LevelDB finds its files in ${location} damaged (${innermost(error)})`;
        throw new CorruptLogError(what, { cause: error });
      }
      throw new StorageOpenError(location, explain(error), error);
    }
  }

  private static async check(location: string): Promise<void> {
    const irregular = await irregularFile(location);
    if (irregular !== undefined) {
      const what = `expected regular files only, but ${printable(irregular)} is a link, a pipe or a device`;
      throw new StorageOpenError(location, what, undefined);
    }
    try {
      await checkLevelFiles(location);
    } catch (error) {
      // Files that change while they are looked at are not damaged.
      if (isLocked(location)) throw new StorageOpenError(location, IN_USE, LOCKED);
      if (error instanceof CorruptLogError) throw error;
      throw new StorageOpenError(location, explain(error), error);
    }
  }

  private constructor(database: Database, keysAtOpen: readonly string[]) {
    this.database = database;
    this.keysAtOpen = keysAtOpen;
  }

  get(key: string): Uint8Array | undefined {
    return this.database.getSync(key);
  }

  keys(prefix: string): readonly string[] {
    if (this.keysAtOpen === undefined)
      throw new Error('the keys of a LevelDisk can be listed only before the first write');
    return this.keysAtOpen.filter((key) => key.startsWith(prefix));
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    this.keysAtOpen = undefined;
    this.queue.push({ operations, sync, done });
    if (!this.writing) this.writeNext();
  }

  /** One write at a time: LevelDB's worker threads keep no order between several. */
  private writeNext(): void {
    const next = this.queue.shift();
    this.writing = next !== undefined;
    if (next === undefined) return;
    this.commit(next).then(
      () => this.finish(next, null),
      (error: unknown) => this.finish(next, new StorageWriteError(`LevelDB: ${innermost(error)}`, { cause: error })),
    );
  }

  private async commit({ operations, sync }: QueuedWrite): Promise<void> {
    const [first] = operations;
    // A batch is put together in this thread, and copied again as it grows; what is put by itself in another one.
    if (operations.length === 1 && first!.value !== null && first!.value.length >= ALONE_BYTES_MIN) {
      await this.database.put(first!.key, first!.value, { sync });
    } else if (operations.length > 0) {
      const batch = this.database.batch();
      for (const { key, value } of operations) {
        if (value === null) batch.del(key);
        else batch.put(key, value);
      }
      await batch.write({ sync });
    }
    if (sync) await this.syncLogs(operations.length > 0);
  }

  /**
   * LevelDB's own synced write syncs its latest log alone, while an earlier one may hold what is in no table yet. What no log holds any more is in a table,
   * which was synced before the log was deleted. `isLatestSynced`: that was done just now.
   */
  private async syncLogs(isLatestSynced: boolean): Promise<void> {
    const { location } = this.database;
    const logs = readdirSync(location).filter((name) => LOG_NAME.test(name));
    const isKnown = logs.every((log) => this.syncedLogs.has(log));
    if (isLatestSynced && isKnown && logs.length === 1) return;
    for (const log of logs) {
      const handle = await openFile(join(location, log)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      await handle?.datasync().finally(() => handle.close());
    }
    if (!isKnown) {
      const folder = await openFile(location);
      await folder.sync().finally(() => folder.close());
    }
    this.syncedLogs = new Set(logs);
  }

  private finish(write: QueuedWrite, error: Error | null): void {
    this.writeNext();
    write.done(error);
  }

  close(): Promise<void> {
    return this.database.close();
  }
}
