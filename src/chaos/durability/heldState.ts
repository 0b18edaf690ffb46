import { createHash } from 'node:crypto';
import { isForStateMachine } from '../../consensus/entry.ts';
import { contentBytes } from '../../consensus/snapshotContent.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import type { LogStore } from '../../server/storage/contract.ts';
import { serverDirectory } from '../../server/storage/dataDirectory.ts';
import { openLevelLogStore } from '../../server/storage/openLogStore.ts';
import { wrongValue } from '../ledger.ts';
import type { Write } from '../writers.ts';

/** What the data of a server that does not run come to: its snapshot, and all of its log applied. */
export interface HeldState {
  readonly id: number;
  readonly lastIndex: number;
  readonly keys: number;
  readonly sessions: number;
  /** Over keys, values, sessions and fences: all that a snapshot of it would hold. */
  readonly digest: string;
  value(key: string): string | undefined;
}

const CACHE_ENTRIES = 1000;
const BYTES_AT_ONCE = 1 << 20;

/**
 * Opens the data of server `id` below `dataDirectory` as a start with -recover does, and applies what is there. Nothing else may use them,
 * and opening writes to them. Throws as openLevelLogStore does: a RefusedDataError where they are not what was promised.
 */
export async function heldState(dataDirectory: string, id: number): Promise<HeldState> {
  const listener = { durable: () => {}, snapshotStored: () => {}, failed: () => {} };
  const location = serverDirectory(dataDirectory, id);
  const { store } = await openLevelLogStore(location, listener, { cacheEntries: CACHE_ENTRIES });
  try {
    return stateIn(store, id);
  } finally {
    await store.close();
  }
}

export function stateIn(store: LogStore, id: number): HeldState {
  const state = new KeyValueStore();
  const snapshot = store.snapshot();
  if (snapshot !== undefined) state.restore(contentBytes(snapshot.content));
  const { lastIndex } = store;
  for (let next = (snapshot?.index ?? 0) + 1; next <= lastIndex; ) {
    for (const entry of store.entries(next, lastIndex, BYTES_AT_ONCE)) {
      if (isForStateMachine(entry.type)) state.apply(entry);
      next = entry.index + 1;
    }
  }
  const digest = createHash('sha256').update(state.snapshot()).digest('hex');
  const { keyCount, sessionCount } = state;
  return { id, lastIndex, keys: keyCount, sessions: sessionCount, digest, value: (key) => state.get(key) };
}

/** What is wrong with what servers hold after all of them had everything, in words; undefined where nothing is. */
export function stateViolation(states: readonly HeldState[], acknowledged: readonly Write[]): string | undefined {
  for (const state of states) {
    for (const { key, value } of acknowledged) {
      const wrong = wrongValue(key, value, state.value(key));
      if (wrong !== undefined) return `on the disk of server ${state.id} ${wrong}`;
    }
  }
  const [first, ...others] = states;
  const other = others.find(({ digest, lastIndex }) => digest !== first!.digest || lastIndex !== first!.lastIndex);
  if (other === undefined) return undefined;
  return `the disks of servers ${first!.id} and ${other.id} disagree: ${describe(first!)}; ${describe(other)}`;
}

function describe({ id, lastIndex, keys, sessions, digest }: HeldState): string {
  return `server ${id} holds entry ${lastIndex} as its last, ${keys} keys, ${sessions} sessions, digest ${digest.slice(0, 12)}`;
}
