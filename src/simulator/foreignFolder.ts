import type { NodeId } from '../consensus/contract.ts';
import { Entry, EntryType } from '../consensus/entry.ts';
import { blankIdentity } from '../server/identity/identity.ts';
import { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import type { Disk, PromisedArea, PromisedSlots } from '../server/storage/contract.ts';
import { PromisedDisk } from '../server/storage/promisedDisk.ts';
import { STORE_ID_BYTES } from '../server/storage/promisedSlot.ts';
import { REGISTER_BYTES } from '../wire/command.ts';
import type { Random } from './random.ts';
import type { FolderImage } from './virtualFolder.ts';

/** The folder of a server of the same id and engine in another cluster, with a log that is longer and of higher terms than most here. */
export function foreignFolder(id: NodeId, engine: string, random: Random): FolderImage {
  const content = new Map<string, Uint8Array>();
  let slots: PromisedSlots | undefined;
  const disk: Disk = {
    get: (key) => content.get(key),
    keys: (prefix) => [...content.keys()].filter((key) => key.startsWith(prefix)).sort(),
    write: (operations, _sync, done) => {
      for (const { key, value } of operations) {
        if (value === null) content.delete(key);
        else content.set(key, value);
      }
      done(null);
    },
    close: () => Promise.resolve(),
  };
  const area: PromisedArea = {
    name: 'the promised area',
    found: undefined,
    create: (made, done) => {
      slots = made;
      done(null);
    },
    write: (slot, pieces, done) => {
      const bytes = new Uint8Array(Buffer.concat(pieces));
      slots = slot === 0 ? [bytes, slots![1]] : [slots![0], bytes];
      done(null);
    },
    close: () => Promise.resolve(),
  };
  const storeId = Uint8Array.from({ length: STORE_ID_BYTES }, () => random.int(256));
  const { store } = PromisedDisk.open(disk, area, () => storeId).recover((whole) =>
    ChunkedLogStore.open(whole, { durable: () => {}, snapshotStored: () => {}, failed: () => {} }, { cacheEntries: 8 }),
  );
  const length = random.between(1, 300);
  const entries = Array.from(
    { length },
    (_, i) => new Entry(i + 1, FOREIGN_TERM, EntryType.Normal, Uint8Array.from(REGISTER_BYTES)),
  );
  const hardState = { term: FOREIGN_TERM, vote: id, commit: 0 };
  store.persist({ mark: store.durableMark + 1, entries, hardState, mustSync: true });
  const blank = blankIdentity(id, engine, `another ${id}`, 'member');
  const identity = { ...blank, cluster: 'another cluster', boots: 1, life: 'elsewhere' };
  return { identity, disk: { content, slots } };
}

const FOREIGN_TERM = 30;
