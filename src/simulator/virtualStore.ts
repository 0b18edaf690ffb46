import type { NodeId } from '../consensus/contract.ts';
import { checkBinding } from '../server/identity/binding.ts';
import type { Identity } from '../server/identity/identity.ts';
import type { StartName } from '../server/storage/binding.ts';
import { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import type { Disk, LogStoreListener, PromisedArea } from '../server/storage/contract.ts';
import { STORE_ID_BYTES } from '../server/storage/journalEntry.ts';
import { PiecedDisk } from '../server/storage/piecedDisk.ts';
import { PromisedDisk } from '../server/storage/promisedDisk.ts';
import type { AimedCrashes } from './aimedCrashes.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualDisk } from './virtualDisk.ts';
import type { VirtualFaults } from './virtualFaults.ts';

export interface StoreHost {
  readonly id: NodeId;
  /** What is written in the folder. */
  readonly identity: Identity;
  readonly around: Surroundings;
  readonly disk: VirtualDisk;
  readonly aimed: AimedCrashes;
  readonly random: Random;
  /** May stand between the store and its disk. */
  readonly boundary: Pick<VirtualFaults, 'disk' | 'area'> | undefined;
  /** Runs part of the process that asked, if it still runs. */
  enter(run: () => void): void;
  /** The same, later. */
  after(delayUs: number, run: () => void): void;
}

export interface OpenedStore {
  readonly store: ChunkedLogStore;
  readonly disk: PromisedDisk;
}

/** A record of an entry or two, or of none, is whole. */
const SMALL_PIECES = { wholeBytesMax: 120, pieceBytes: 50 };

/** The production log store on a virtual disk, for one process. Throws what that throws. */
export function openStore(host: StoreHost, listener: LogStoreListener): OpenedStore {
  const { plan, mutation } = host.around;
  const watcher = {
    syncBegun: (us: number) => host.aimed.syncBegun(us),
    syncDone: () => host.aimed.syncDone(),
  };
  const opened = host.disk.open(watcher);
  const found = host.disk.promised.open(watcher, mutation.goesByMemory !== true);
  const disk = guarded(mutation.disk?.(opened) ?? opened, host);
  const area = guardedArea(mutation.promised?.(found) ?? found, host);
  const pieced = new PiecedDisk(host.boundary?.disk(disk) ?? disk, plan.disk.inPieces ? SMALL_PIECES : undefined);
  const promised = PromisedDisk.open(
    pieced,
    host.boundary?.area(area) ?? area,
    () => Uint8Array.from({ length: STORE_ID_BYTES }, () => host.random.int(256)),
    (run) => host.after(plan.disk.lagUs, run),
  );
  const { store } = promised.recover(
    (whole) => ChunkedLogStore.open(whole, listener, { cacheEntries: plan.cacheEntries }),
    (start) => {
      if (mutation.believesAnyStart !== true) checkBinding('the folder', host.identity, start);
    },
  );
  return { store, disk: promised };
}

/** Binds what was opened to the start that opened it, which may crash meanwhile. */
export function bindStore(
  { plan, mutation }: Surroundings,
  aimed: AimedCrashes,
  disk: PromisedDisk,
  start: StartName,
  done: (error: Error | null) => void,
): void {
  aimed.aimAtBinding(2 * (plan.disk.syncMinUs + plan.disk.syncMeanUs));
  disk.bind(mutation.startName?.(start) ?? start, (error) => {
    aimed.bound();
    done(error);
  });
}

/** A disk whose completions reach only the process that asked, and only while it runs. */
function guarded(disk: Disk, { id, around, enter }: StoreHost): Disk {
  return {
    get: (key) => disk.get(key),
    keys: (prefix) => disk.keys(prefix),
    write: (operations, sync, done) => {
      around.trace.mix(2, id);
      disk.write(operations, sync, (error) => enter(() => done(error)));
    },
    close: () => disk.close(),
  };
}

function guardedArea(area: PromisedArea, { enter }: StoreHost): PromisedArea {
  const entering = (done: (error: Error | null) => void) => (error: Error | null) => enter(() => done(error));
  return {
    ...area,
    create: (pieces, done) => area.create(pieces, entering(done)),
    write: (at, pieces, done) => area.write(at, pieces, entering(done)),
    close: () => area.close(),
  };
}
