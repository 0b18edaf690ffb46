import type { Snapshot } from '../../../consensus/contract.ts';
import type { LogStore } from '../contract.ts';
import { snapshotAt } from '../testing.ts';

/** A whole number from 0 to below the limit, at random. */
type Below = (limit: number) => number;

/** The index from which a log may be truncated, any of those that may; undefined where there is none. */
export function drawnTruncation(store: LogStore, below: Below): number | undefined {
  const { lastIndex } = store;
  const first = Math.max(store.firstIndex, (store.snapshot()?.index ?? 0) + 1);
  return lastIndex < first ? undefined : first + below(lastIndex - first + 1);
}

/** A snapshot of any index of the log, and how many entries below it stay; undefined where the log is empty. */
export function drawnSnapshot(
  store: LogStore,
  below: Below,
): { readonly snapshot: Snapshot; readonly trailing: number } | undefined {
  const { firstIndex, lastIndex } = store;
  if (lastIndex < firstIndex) return undefined;
  const index = firstIndex + below(lastIndex - firstIndex + 1);
  return { snapshot: snapshotAt(index, store.term(index)!), trailing: below(6) };
}
