import type { NodeId } from '../consensus/contract.ts';
import { Entry, EntryType } from '../consensus/entry.ts';
import { blankIdentity } from '../server/identity/identity.ts';
import { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import { STORE_ID_BYTES } from '../server/storage/journalEntry.ts';
import { MemoryDisk, MemoryPromisedArea } from '../server/storage/memoryDisk.ts';
import { PromisedDisk } from '../server/storage/promisedDisk.ts';
import { REGISTER_BYTES } from '../wire/command.ts';
import type { DiskPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { FolderImage } from './virtualFolder.ts';

/** The folder of a server of the same id and engine in another cluster, with a log that is longer and of higher terms than most here. */
export function foreignFolder(id: NodeId, engine: string, random: Random, { journal }: DiskPlan): FolderImage {
  const memory = new MemoryDisk('by-step');
  const area = new MemoryPromisedArea('by-step', undefined, journal);
  const storeId = Uint8Array.from({ length: STORE_ID_BYTES }, () => random.int(256));
  const { store } = PromisedDisk.open(memory, area, () => storeId).recover((whole) =>
    ChunkedLogStore.open(whole, { durable: () => {}, snapshotStored: () => {}, failed: () => {} }, { cacheEntries: 8 }),
  );
  const length = random.between(1, 300);
  const entries = Array.from(
    { length },
    (_, i) => new Entry(i + 1, FOREIGN_TERM, EntryType.Normal, Uint8Array.from(REGISTER_BYTES)),
  );
  const hardState = { term: FOREIGN_TERM, vote: id, commit: 0 };
  store.persist({ mark: store.durableMark + 1, entries, hardState, mustSync: true });
  while (memory.step() || area.step());
  const blank = blankIdentity(id, engine, `another ${id}`, 'member');
  const identity = { ...blank, cluster: 'another cluster', boots: 1, life: 'elsewhere' };
  return { identity, disk: { content: memory.content, promised: area.content } };
}

const FOREIGN_TERM = 30;
