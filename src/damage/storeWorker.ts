import { createHash } from 'node:crypto';
import type { LogStore } from '../server/storage/contract.ts';
import { RefusedDataError } from '../server/storage/contract.ts';
import { openLevelLogStore } from '../server/storage/openLogStore.ts';

/** Everything that a store shows, in a form that can be compared. */
export interface StoreContent {
  readonly lastIndex: number;
  readonly term: number;
  readonly vote: number;
  /** Over all entries and the snapshot. */
  readonly digest: string;
}

/** What came of opening a store: what it holds, or why it was refused. */
export type Opening =
  | { readonly content: StoreContent }
  | { readonly refused: string; readonly isNamed: boolean; readonly message: string };

const CACHE_ENTRIES = 1000;

async function openStore(location: string): Promise<Opening> {
  const listener = { durable: () => {}, snapshotStored: () => {}, failed: () => {} };
  try {
    const { store } = await openLevelLogStore(location, listener, { cacheEntries: CACHE_ENTRIES });
    try {
      return { content: contentOf(store) };
    } finally {
      await store.close();
    }
  } catch (error) {
    const { name, message } = error as Error;
    return { refused: name, isNamed: error instanceof RefusedDataError, message };
  }
}

function contentOf(store: LogStore): StoreContent {
  const { firstIndex, lastIndex, hardState } = store;
  const hash = createHash('sha256');
  const snapshot = store.snapshot();
  if (snapshot !== undefined)
    hash.update(`${snapshot.index} ${snapshot.term} `).update(snapshot.content.read(0, snapshot.content.byteLength));
  for (let next = firstIndex; next <= lastIndex; ) {
    for (const entry of store.entries(next, lastIndex, Number.MAX_SAFE_INTEGER)) {
      hash.update(`${entry.index} ${entry.term} ${entry.type} `).update(entry.data);
      next = entry.index + 1;
    }
  }
  return { lastIndex, term: hardState.term, vote: hardState.vote, digest: hash.digest('hex') };
}

/** A process of its own, for what opening may do to the process: each location that comes in is opened, and answered. */
process.on('message', (location: string) => {
  void openStore(location).then((opening) => process.send!(opening));
});
