import { existsSync } from 'node:fs';
import type { ServerConfig } from './flags.ts';
import { checkBinding } from './identity/binding.ts';
import { IdentityFile, lastIdentity, readIdentity } from './identity/identityFile.ts';
import { checkOwner, IdentityError } from './identity/owner.ts';
import type { Log } from './observe/log.ts';
import type { ServerMetrics } from './observe/metrics.ts';
import type { Disk, LogStore, LogStoreListener } from './storage/contract.ts';
import {
  discardBeside,
  finishInterruptedMove,
  prepareDataDirectory,
  serverDirectory,
  takePlace,
} from './storage/dataDirectory.ts';
import { LevelDisk, StorageOpenError } from './storage/levelDisk.ts';
import { type DiskBoundary, type OpenedLevelLogStore, openLevelLogStore } from './storage/openLogStore.ts';
import { TimedDisk } from './storage/timedDisk.ts';

export interface OpenedData {
  readonly identity: IdentityFile;
  /** Undefined while data of an earlier run are where it belongs: see `takePlace`. */
  readonly store: LogStore | undefined;
  /** Once this server may take part: moves such data aside, and opens the store in their place. */
  takePlace(): Promise<LogStore>;
  /** Then, before it writes anything: binds the data to this start, which is to be stored in the identity next. Throws StorageOpenError. */
  bind(): Promise<void>;
  /** Where it may not: leaves them as they are, and nothing beside them. */
  giveUp(): Promise<void>;
  /** Lets go of what is not the store's. */
  release(): Promise<void>;
}

/** What the store is opened with. */
export interface StoreSurroundings {
  readonly listener: LogStoreListener;
  readonly metrics: ServerMetrics;
  readonly log: Log;
  /** Of a server with faults on purpose. */
  readonly boundary: DiskBoundary | undefined;
}

/**
 * Opens the server's folder: its log store, and who it is. Without `-recover` a server whose folder holds data begins as
 * another one beside it, and nothing is moved before it may take part. Throws StorageOpenError or a RefusedDataError, nothing being lost.
 */
export async function openStorage(config: ServerConfig, around: StoreSurroundings): Promise<OpenedData> {
  const { id, flags } = config;
  const { log } = around;
  const folder = serverDirectory(flags.datadir, id);
  await finishInterruptedMove(flags.datadir, id, Date.now());
  const keep = keepsData(folder, { id, flags });
  const held = keep ? undefined : await holdData(folder);
  const { location, existing, isBeside } = await prepareDataDirectory(flags.datadir, id, keep);
  if (isBeside) {
    log.warn({ location: folder }, 'data of an earlier run are there: -recover would continue from them');
    return new DataBeside(config, location, held, around);
  }
  await held?.close();
  const opened = await openStore(location, flags.cache, around);
  const { store } = opened;
  try {
    if (flags.recover && !existing) log.warn({ location }, 'nothing to recover: starting empty');
    const hasData = store.lastIndex > 0 || store.hardState.term > 0;
    const identity = openIdentity(location, id, flags.backend, hasData, log);
    const takePlace = () => Promise.resolve(store);
    const bind = () => bindTo(identity, opened);
    return { store, identity, takePlace, bind, giveUp: async () => {}, release: async () => {} };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What a server begins with whose directory holds data that it is not to continue from: a name, and no store yet. */
class DataBeside implements OpenedData {
  readonly identity: IdentityFile;
  readonly store = undefined;
  private readonly config: ServerConfig;
  private held: LevelDisk | undefined;
  private opened: OpenedLevelLogStore | undefined;
  private readonly around: StoreSurroundings;

  /** `held` keeps other processes from the data. */
  constructor(config: ServerConfig, location: string, held: LevelDisk | undefined, around: StoreSurroundings) {
    this.config = config;
    this.held = held;
    this.around = around;
    this.identity = openIdentity(location, config.id, config.flags.backend, false, around.log);
  }

  async takePlace(): Promise<LogStore> {
    const { config, around } = this;
    const { id, flags } = config;
    const folder = serverDirectory(flags.datadir, id);
    await this.release();
    const movedTo = await takePlace(flags.datadir, id, Date.now());
    this.identity.movedTo(folder);
    around.log.warn({ movedTo }, 'data of an earlier run moved aside');
    this.opened = await openStore(folder, flags.cache, around);
    return this.opened.store;
  }

  bind(): Promise<void> {
    return bindTo(this.identity, this.opened!);
  }

  async giveUp(): Promise<void> {
    await discardBeside(this.config.flags.datadir, this.config.id);
    await this.release();
  }

  async release(): Promise<void> {
    const { held } = this;
    this.held = undefined;
    await held?.close();
  }
}

/** Opens the log store again that was opened and closed. */
export async function reopenStore({ id, flags }: ServerConfig, around: StoreSurroundings): Promise<LogStore> {
  const { store } = await openStore(serverDirectory(flags.datadir, id), flags.cache, around);
  return store;
}

async function bindTo(identity: IdentityFile, { bind }: OpenedLevelLogStore): Promise<void> {
  await bind(identity.startName);
  identity.noteBound();
}

/** Whether the server goes on from what is in its folder. Throws IdentityError where it was told to, and must not. */
function keepsData(folder: string, { id, flags }: Pick<ServerConfig, 'id' | 'flags'>): boolean {
  if (flags.recover) {
    const identity = readIdentity(folder);
    if (identity !== undefined) checkOwner(folder, identity, id, flags.backend);
    // An admission that was interrupted left part of a state, which nobody may go on from.
    return identity?.stage !== 'admitting';
  }
  // The folder of a server that took part may be a copy from before that, or have the promise file of what came after it.
  if (flags.rejoin) return false;
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
  { listener, metrics, log, boundary }: StoreSurroundings,
): Promise<OpenedLevelLogStore> {
  const nowUs = () => performance.now() * 1000;
  const times = {
    read: (us: number) => metrics.ioRead.observeUs(us),
    write: (us: number) => metrics.ioWrite.observeUs(us),
  };
  const observe = (disk: Disk) => new TimedDisk(disk, times, nowUs);
  const opened = await openLevelLogStore(
    location,
    listener,
    { cacheEntries },
    // The identity as the last start left it: this one has not touched it yet, and no other process has these data by then.
    { observe, boundary, checkBinding: (found) => checkBinding(location, lastIdentity(location), found) },
  );
  const { report, restored, adopted } = opened;
  for (const { key, reason } of report.dropped) log.warn({ key, reason }, 'dropped a write that a crash interrupted');
  if (restored.length > 0) {
    const records = restored.length;
    log.info({ records }, 'put back from the promise file what a crash kept from the database');
  }
  if (adopted) log.info({ location }, 'these data had no promise file; they have one from now on');
  if (report.found) log.info({ first: report.firstIndex, last: report.lastIndex }, 'recovered the log');
  return opened;
}

function openIdentity(location: string, id: number, backend: string, hasData: boolean, log: Log): IdentityFile {
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

/** Keeps other processes from the data, where they can be opened. Throws StorageOpenError where one has them open. */
async function holdData(location: string): Promise<LevelDisk | undefined> {
  // Opening would make the folder where there is none.
  if (!existsSync(location)) return undefined;
  try {
    return await LevelDisk.open(location, { createIfMissing: false });
  } catch (error) {
    if (error instanceof StorageOpenError && error.inUse) throw error;
    return undefined;
  }
}
