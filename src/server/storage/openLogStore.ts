import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { THE_GROUP } from '../../wire/group.ts';
import type { StartName } from './binding.ts';
import { ChunkedLogStore, type ChunkedLogStoreOptions, type OpenedLogStore } from './chunkedLogStore.ts';
import type { Disk, LogStoreListener, PromisedArea } from './contract.ts';
import { diskOfGroup, throwIfOtherGroups } from './groupDisk.ts';
import { STORE_ID_BYTES } from './journalEntry.ts';
import { atOnce, LAG_MS, type Later } from './laggingDisk.ts';
import { LevelDisk, StorageOpenError } from './levelDisk.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { PiecedDisk } from './piecedDisk.ts';
import { type CheckBinding, PromisedDisk, throwIfPromised } from './promisedDisk.ts';
import { PromisedFile } from './promisedFile.ts';

/** Beside the folder, not in it: whatever happens to the folder as a whole is noticed. */
export function promisedFile(location: string): string {
  return `${location}.promised`;
}

/** What may stand between the store and what it really writes to. */
export interface DiskBoundary {
  disk(disk: Disk): Disk;
  area(area: PromisedArea): PromisedArea;
}

/** What opening found and did, beyond the log itself. */
export interface OpenedLevelLogStore extends OpenedLogStore {
  /** Keys of records that LevelDB had lost and the promise file had kept. */
  readonly restored: readonly string[];
  /** The data were written before there were promise files, and have one from now on. */
  readonly adopted: boolean;
  /** Names the start that goes on from this store, before it writes to it. Throws StorageOpenError. */
  bind(start: StartName): Promise<void>;
}

/** What stands around a store that is opened. */
export interface StoreSetting {
  /** May stand between the store and its disk. */
  readonly observe?: (disk: Disk) => Disk;
  /** Below all that the store makes sure of. */
  readonly boundary?: DiskBoundary | undefined;
  /** Throws where these data are not to be gone on from, which then stay as they are. */
  readonly checkBinding?: CheckBinding;
}

/**
 * The log store of a server, in a LevelDB database in `location`, which is created where it is missing, and the promise file
 * beside it. All that the store holds is promised when this returns: see promisedDisk.ts. Throws StorageOpenError or a
 * RefusedDataError; everything is closed again then.
 */
export async function openLevelLogStore(
  location: string,
  listener: LogStoreListener,
  options: ChunkedLogStoreOptions,
  { observe = (disk) => disk, boundary, checkBinding = () => {} }: StoreSetting = {},
): Promise<OpenedLevelLogStore> {
  if (!existsSync(join(location, 'CURRENT'))) await expectNothingPromised(location, checkBinding);
  // Under the database's lock, and not before: until then another process may go on promising.
  const level = await LevelDisk.open(location);
  let area: PromisedFile | undefined;
  try {
    area = await PromisedFile.open(promisedFile(location));
    throwIfOtherGroups(level, THE_GROUP);
    const below = new PiecedDisk(boundary?.disk(level) ?? level);
    const disk = PromisedDisk.open(diskOfGroup(below, THE_GROUP), boundary?.area(area) ?? area, newStoreId, soon);
    const opened = disk.recover((whole) => ChunkedLogStore.open(observe(whole), listener, options), checkBinding);
    await durably(location, (done) => disk.settle(done));
    const bind = (start: StartName) => durably(location, (done) => disk.bind(start, done));
    return { ...opened, restored: disk.restored, adopted: disk.isAdopted, bind };
  } catch (error) {
    await area?.close();
    await level.close();
    throw error;
  }
}

/** Opening the database would make one. */
async function expectNothingPromised(location: string, checkBinding: CheckBinding): Promise<void> {
  const area = await PromisedFile.open(promisedFile(location));
  try {
    throwIfPromised(area, location, checkBinding);
  } finally {
    await area.close();
  }
}

/** What is written before the server takes part. */
function durably(location: string, write: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    write((error) => {
      if (error === null) resolve();
      else {
        const what = `expected to be able to make durable what was found there (${error.message})`;
        reject(new StorageOpenError(location, what, error));
      }
    });
  });
}

/** Keeps no process from ending: what waits is in the journal. */
const soon: Later = (run) => void setTimeout(run, LAG_MS).unref();

function newStoreId(): Uint8Array {
  return randomBytes(STORE_ID_BYTES);
}

/**
 * A log store that forgets everything with its process: the same logic on a disk in memory. `settled` is told when all that it
 * holds is promised, and writes wait until then; `later`: how long its disk may wait for what its journal has.
 */
export function openMemoryLogStore(
  listener: LogStoreListener,
  options: ChunkedLogStoreOptions,
  memory: Disk = new MemoryDisk(),
  area: PromisedArea = new MemoryPromisedArea(),
  settled: (error: Error | null) => void = () => {},
  later: Later = atOnce,
): OpenedLogStore {
  const disk = PromisedDisk.open(new PiecedDisk(memory), area, newStoreId, later);
  const opened = disk.recover((whole) => ChunkedLogStore.open(whole, listener, options));
  disk.settle(settled);
  return opened;
}
