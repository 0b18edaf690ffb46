import { existsSync } from 'node:fs';
import type { ServerConfig } from './flags.ts';
import type { Log } from './observe/log.ts';
import type { ServerMetrics } from './observe/metrics.ts';
import type { Disk, LogStore, LogStoreListener } from './storage/contract.ts';
import { prepareDataDirectory, serverDirectory } from './storage/dataDirectory.ts';
import { LevelDisk, StorageOpenError } from './storage/levelDisk.ts';
import { openLevelLogStore } from './storage/openLogStore.ts';
import { TimedDisk } from './storage/timedDisk.ts';

/**
 * Opens the server's log store, moving older data aside first unless `-recover` is given. Throws StorageOpenError
 * or a RefusedDataError, nothing being lost.
 */
export async function openStorage(
  { id, flags }: ServerConfig,
  listener: LogStoreListener,
  metrics: ServerMetrics,
  log: Log,
): Promise<LogStore> {
  if (!flags.recover) await refuseDataInUse(serverDirectory(flags.datadir, id));
  const { location, existing, movedTo } = await prepareDataDirectory(flags.datadir, id, flags.recover, Date.now());
  if (movedTo !== undefined)
    log.warn({ movedTo }, 'data of an earlier run moved aside; -recover would continue from it');
  const nowUs = () => performance.now() * 1000;
  const times = {
    read: (us: number) => metrics.ioRead.observeUs(us),
    write: (us: number) => metrics.ioWrite.observeUs(us),
  };
  const observe = (disk: Disk) => new TimedDisk(disk, times, nowUs);
  const opened = await openLevelLogStore(location, listener, { cacheEntries: flags.cache }, observe);
  const { store, report, restored, adopted } = opened;
  for (const { key, reason } of report.dropped) log.warn({ key, reason }, 'dropped a write that a crash interrupted');
  for (const key of restored) log.info({ key }, 'put back from the promise file what a crash kept from the database');
  if (adopted) log.info({ location }, 'these data had no promise file; they have one from now on');
  if (flags.recover && !existing) log.warn({ location }, 'nothing to recover: starting empty');
  if (report.found) log.info({ first: report.firstIndex, last: report.lastIndex }, 'recovered the log');
  return store;
}

/** Moving files that another process writes to would not stop it, and would hide them from it. */
async function refuseDataInUse(location: string): Promise<void> {
  // Opening would make the folder where there is none.
  if (!existsSync(location)) return;
  try {
    const disk = await LevelDisk.open(location, { createIfMissing: false });
    await disk.close();
  } catch (error) {
    if (error instanceof StorageOpenError && error.inUse) throw error;
  }
}
