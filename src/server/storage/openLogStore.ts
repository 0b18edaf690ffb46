import { ChunkedLogStore, type ChunkedLogStoreOptions, type OpenedLogStore } from './chunkedLogStore.ts';
import type { LogStoreListener } from './contract.ts';
import { LevelDisk } from './levelDisk.ts';
import { MemoryDisk } from './memoryDisk.ts';

/**
 * The log store of a server, in a LevelDB database in `location`, which is created where it is missing. Throws
 * StorageOpenError, CorruptLogError or UnknownFormatError; the database is closed again then.
 */
export async function openLevelLogStore(
  location: string,
  listener: LogStoreListener,
  options: ChunkedLogStoreOptions,
): Promise<OpenedLogStore> {
  const disk = await LevelDisk.open(location);
  try {
    return ChunkedLogStore.open(disk, listener, options);
  } catch (error) {
    await disk.close();
    throw error;
  }
}

/** A log store that forgets everything with its process: the same logic on a disk in memory. */
export function openMemoryLogStore(
  listener: LogStoreListener,
  options: ChunkedLogStoreOptions,
  disk = new MemoryDisk(),
): OpenedLogStore {
  return ChunkedLogStore.open(disk, listener, options);
}
