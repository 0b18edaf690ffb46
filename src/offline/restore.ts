import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type NodeId, type Snapshot, simpleConfiguration } from '../consensus/contract.ts';
import { MemoryContent } from '../consensus/snapshotContent.ts';
import { syncFolder } from '../files/durableFile.ts';
import { makeFolders } from '../files/folders.ts';
import { keepFolderPrivate } from '../files/privateFile.ts';
import { MalformedSnapshotError } from '../server/host/stateMachine.ts';
import { admittedHardState } from '../server/identity/admission.ts';
import type { KnownServer } from '../server/identity/identity.ts';
import { IdentityFile, randomName } from '../server/identity/identityFile.ts';
import { checkSnapshot } from '../server/stateMachine/snapshotReader.ts';
import { type LogStoreListener, StorageWriteError } from '../server/storage/contract.ts';
import { dataPlaces, serverDirectory } from '../server/storage/dataDirectory.ts';
import { StorageOpenError } from '../server/storage/levelDisk.ts';
import { type OpenedLevelLogStore, openLevelLogStore, promisedFile } from '../server/storage/openLogStore.ts';
import type { SnapshotHead } from '../wire/generated/admin.ts';
import { OfflineError } from './errors.ts';
import { SNAPSHOT_FIRST_LINE, SnapshotFileError, withSnapshotFile } from './snapshotFile.ts';

/**
 * How far the log of the new cluster begins behind that of the old one, at least. A session's id is the index of its registration, and clients of the old cluster may have
 * sessions from after the snapshot: the new cluster must give none of these ids to anybody else, whose inserts would then be taken for theirs. At a million entries a
 * second it takes the old cluster twelve days to get there.
 *
 * The clusters that are made of one snapshot, or of one's own earlier ones, are as strange to each other, and may stand at the same addresses one after the other: so each begins
 * at a place that is drawn. Two that grow by a hundred million entries meet in one case of 350 000; more than a hundred restores of each other's snapshots are below 2^53.
 */
export const INDEX_DISTANCE = 2 ** 40;
/** What is drawn comes on top of it. */
export const INDEX_SPREAD = 2 ** 46;
/** Peers take no index near the end of numbers; up to here there is room for as many entries as anybody writes. */
const INDEX_MAX = Number.MAX_SAFE_INTEGER - INDEX_DISTANCE;

/** A server of the cluster that is made. */
export interface NewServer {
  readonly id: NodeId;
  /** Its `-datadir`. */
  readonly dataDirectory: string;
}

export interface Restored {
  /** The id of the new cluster. */
  readonly cluster: string;
  /** Where its log goes on. */
  readonly index: number;
  readonly head: SnapshotHead;
  readonly folders: readonly string[];
}

/**
 * Makes the data folders of a new cluster of these servers, which all vote, from the snapshot in a file: as if each had been admitted with that state, by its new
 * name, and known the others by theirs. Nobody of the old cluster takes them for its own, as they are of another one. Throws SnapshotFileError, OfflineError where
 * something is in the place of a folder or the disk takes no more, and the file system's errors; nothing is left then.
 *
 * Why the new cluster is one: no entry is in anybody's log, all have the same state at the same index and term, and a term in which nobody voted for another one
 * (admittedHardState); so it is as a cluster that has applied all that it ever committed, and lost its log.
 */
export async function restore(file: string, backend: string, servers: readonly NewServer[]): Promise<Restored> {
  const { head, data } = readState(file);
  const index = head.index + INDEX_DISTANCE + randomInt(INDEX_SPREAD);
  if (index > INDEX_MAX)
    throw new OfflineError(
      `${file} is of index ${head.index}: a new log begins behind it, here at ${index}, which is above 2^53 - 1 - 2^40`,
    );
  const configuration = simpleConfiguration(servers.map(({ id }) => id));
  const snapshot: Snapshot = { index, term: head.term, configuration, content: new MemoryContent(data) };
  const makings = servers.map((server) => new Making(server, backend));
  for (const making of makings) making.expectNothing();
  const cluster = randomName();
  try {
    for (const making of makings) await making.begin();
    for (const making of makings) {
      const known = new Map(
        makings.flatMap((other) => (other === making ? [] : [[other.id, other.known(index)] as const])),
      );
      await making.fill(snapshot, { cluster, known });
    }
    for (const making of makings) await making.finish();
  } catch (error) {
    for (const making of makings) await making.remove();
    const isOfDisk = error instanceof StorageOpenError || error instanceof StorageWriteError;
    throw isOfDisk ? new OfflineError(error.message, { cause: error }) : error;
  }
  return { cluster, index, head, folders: makings.map(({ location }) => location) };
}

/** The whole state, which has to be one that a server can start from. */
function readState(file: string): { readonly head: SnapshotHead; readonly data: Uint8Array } {
  return withSnapshotFile(file, (reader) => {
    const { head } = reader;
    const data = roomFor(file, head);
    let at = 0;
    for (const piece of reader.state()) {
      data.set(piece, at);
      at += piece.length;
    }
    try {
      checkSnapshot(new MemoryContent(data));
    } catch (cause) {
      if (!(cause instanceof MalformedSnapshotError)) throw cause;
      throw new SnapshotFileError(file, 0, `the state in it cannot be read: ${cause.message}`, { cause });
    }
    return { head, data };
  });
}

/** Nothing of it is used before it is filled: a file that is sparse, and only says that it is large, takes none. */
function roomFor(file: string, { stateBytes }: SnapshotHead): Uint8Array {
  try {
    return new Uint8Array(stateBytes);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new SnapshotFileError(
      file,
      SNAPSHOT_FIRST_LINE.length,
      `its head says ${stateBytes} bytes of state, expected no more than this program can hold: it is damaged, or to be restored on a larger machine`,
      { cause },
    );
  }
}

/** One server's folder, which gets its name once all are made. */
class Making {
  readonly id: NodeId;
  readonly location: string;
  private readonly partial: string;
  private readonly backend: string;
  private opened: OpenedLevelLogStore | undefined;
  private identity: IdentityFile | undefined;
  /** What was put under its own name. */
  private readonly placed: string[] = [];
  private done: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} };

  constructor({ id, dataDirectory }: NewServer, backend: string) {
    this.id = id;
    this.location = serverDirectory(resolve(dataDirectory), id);
    this.partial = `${this.location}.restoring`;
    this.backend = backend;
  }

  expectNothing(): void {
    const taken = dataPlaces(this.location).find((path) => existsSync(path));
    if (taken !== undefined)
      throw new OfflineError(
        `${taken} is there already: expected a place without data of server ${this.id}, for a new cluster`,
      );
  }

  /** Names it. */
  async begin(): Promise<void> {
    // What was interrupted is of no use.
    await this.removePartial();
    makeFolders(dirname(this.location));
    keepFolderPrivate(this.partial);
    const listener: LogStoreListener = {
      durable: () => this.done.resolve(),
      snapshotStored: () => {},
      failed: (error) => this.done.reject(error),
    };
    this.opened = await openLevelLogStore(this.partial, listener, { cacheEntries: 0 });
    this.identity = IdentityFile.open(this.partial, this.id, this.backend, false);
  }

  /** As the others are to know it. */
  known(admitted: number): KnownServer {
    const { instance, boots, life } = this.identity!.identity;
    return { instance, boots, life, admitted, ran: true };
  }

  /** In the order in which a server that is admitted does it. */
  async fill(
    snapshot: Snapshot,
    member: { readonly cluster: string; readonly known: ReadonlyMap<NodeId, KnownServer> },
  ): Promise<void> {
    const { bind, store } = this.opened!;
    const identity = this.identity!;
    await bind(identity.startName);
    identity.noteBound();
    identity.change({ stage: 'admitting' });
    await new Promise<void>((resolve, reject) => {
      this.done = { resolve, reject };
      const hardState = admittedHardState(this.id, snapshot);
      store.persist({ mark: store.durableMark + 1, snapshot, entries: [], hardState, mustSync: true });
    });
    identity.change({ stage: 'member', admitted: snapshot.index, ...member });
    await this.close();
  }

  private async close(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.store.close();
  }

  /** The promise file goes first: a folder without one would be taken for one of an earlier version. */
  async finish(): Promise<void> {
    this.expectNothing();
    await this.place(promisedFile(this.partial), promisedFile(this.location));
    await this.place(this.partial, this.location);
    syncFolder(dirname(this.location));
  }

  private async place(from: string, to: string): Promise<void> {
    await rename(from, to);
    this.placed.push(to);
  }

  /** What there is of it, and nobody else's. */
  async remove(): Promise<void> {
    await this.close().catch(() => {});
    await this.removePartial();
    for (const path of this.placed) await rm(path, { recursive: true, force: true });
  }

  private async removePartial(): Promise<void> {
    await rm(this.partial, { recursive: true, force: true });
    await rm(promisedFile(this.partial), { force: true });
  }
}
