import { existsSync } from 'node:fs';
import type { ServerConfig } from './flags.ts';
import { IdentityFile, readIdentity } from './identity/identityFile.ts';
import { checkOwner, IdentityError } from './identity/owner.ts';
import type { Log } from './observe/log.ts';
import type { ServerMetrics } from './observe/metrics.ts';
import type { Disk, LogStore, LogStoreListener } from './storage/contract.ts';
import { prepareDataDirectory, serverDirectory } from './storage/dataDirectory.ts';
import { LevelDisk, StorageOpenError } from './storage/levelDisk.ts';
import { openLevelLogStore } from './storage/openLogStore.ts';
import { TimedDisk } from './storage/timedDisk.ts';

export interface OpenedData {
  readonly store: LogStore;
  readonly identity: IdentityFile;
}

/**
 * Opens the server's folder: its log store, and who it is. Older data are moved aside first unless `-recover` is given.
 * Throws StorageOpenError or a RefusedDataError, nothing being lost.
 */
export async function openStorage(
  { id, flags }: ServerConfig,
  listener: LogStoreListener,
  metrics: ServerMetrics,
  log: Log,
): Promise<OpenedData> {
  const folder = serverDirectory(flags.datadir, id);
  const keep = keepsData(folder, { id, flags });
  if (!keep) await refuseDataInUse(folder);
  const { location, existing, movedTo } = await prepareDataDirectory(flags.datadir, id, keep, Date.now());
  if (movedTo !== undefined)
    log.warn({ movedTo }, 'data of an earlier run moved aside; -recover would continue from it');
  if (flags.recover && !existing) log.warn({ location }, 'nothing to recover: starting empty');
  const store = await openStore(location, flags.cache, listener, metrics, log);
  try {
    return { store, identity: openIdentity(location, id, flags.backend, store, log) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Opens the log store again that was opened and closed. */
export function reopenStore(
  { id, flags }: ServerConfig,
  listener: LogStoreListener,
  metrics: ServerMetrics,
  log: Log,
): Promise<LogStore> {
  return openStore(serverDirectory(flags.datadir, id), flags.cache, listener, metrics, log);
}

/** Whether the server goes on from what is in its folder. Throws IdentityError where it was told to, and must not. */
function keepsData(folder: string, { id, flags }: Pick<ServerConfig, 'id' | 'flags'>): boolean {
  if (flags.recover) {
    const identity = readIdentity(folder);
    if (identity !== undefined) checkOwner(folder, identity, id, flags.backend);
    // An admission that was interrupted left part of a state, which nobody may go on from.
    return identity?.stage !== 'admitting';
  }
  try {
    const identity = readIdentity(folder);
    // A server that has promised nothing keeps its name: the others may be about to begin with it.
    return identity?.stage === 'new' && identity.id === id && identity.engine === flags.backend;
  } catch (error) {
    if (error instanceof IdentityError) return false;
    throw error;
  }
}

async function openStore(
  location: string,
  cacheEntries: number,
  listener: LogStoreListener,
  metrics: ServerMetrics,
  log: Log,
): Promise<LogStore> {
  const nowUs = () => performance.now() * 1000;
  const times = {
    read: (us: number) => metrics.ioRead.observeUs(us),
    write: (us: number) => metrics.ioWrite.observeUs(us),
  };
  const observe = (disk: Disk) => new TimedDisk(disk, times, nowUs);
  const opened = await openLevelLogStore(location, listener, { cacheEntries }, observe);
  const { store, report, restored, adopted } = opened;
  for (const { key, reason } of report.dropped) log.warn({ key, reason }, 'dropped a write that a crash interrupted');
  for (const key of restored) log.info({ key }, 'put back from the promise file what a crash kept from the database');
  if (adopted) log.info({ location }, 'these data had no promise file; they have one from now on');
  if (report.found) log.info({ first: report.firstIndex, last: report.lastIndex }, 'recovered the log');
  return store;
}

function openIdentity(location: string, id: number, backend: string, store: LogStore, log: Log): IdentityFile {
  const hasData = store.lastIndex > 0 || store.hardState.term > 0;
  const isNamed = readIdentity(location) !== undefined;
  if (hasData && !isNamed) log.warn({ location }, 'data of a version without identities: taken over as they are');
  const identity = IdentityFile.open(location, id, backend, hasData);
  const { stage, instance, cluster, boots } = identity.identity;
  if (hasData && stage !== 'member') {
    throw new IdentityError(`${location} holds data, but says of itself that its server never took part`);
  }
  log.info({ instance, cluster: cluster || 'not known', boots }, stage === 'new' ? 'a new folder' : 'a known folder');
  return identity;
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
