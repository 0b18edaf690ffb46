import type { LogStore } from '../../server/storage/contract.ts';
import { InvariantViolation } from '../violation.ts';
import type { CommittedLog } from './committedLog.ts';
import { entryId } from './logMirror.ts';
import { type ServerRecord, StoredState } from './serverRecord.ts';

/**
 * Finds out which of the batches that were not known to be durable survived: what a reopened store holds must be what was
 * durable, plus some number of the batches that followed, in order and whole. The record then takes that state on.
 */
export function findRecovered(record: ServerRecord, store: LogStore, committed: CommittedLog): void {
  const lastId = idOfLast(record, store, committed);
  const state = new StoredState();
  state.copyFrom(record.durable);
  let survivors = 0;
  while (!agrees(state, store, lastId)) {
    const next = record.pending[survivors];
    if (next === undefined) {
      throw new InvariantViolation('durability', `server ${record.id}: ${describeMismatch(record, store)}`);
    }
    state.take(next);
    survivors++;
  }
  record.durable.copyFrom(state);
  record.accepted.copyFrom(state);
  record.pending = [];
}

function agrees({ log, hardState }: StoredState, store: LogStore, lastId: number | undefined): boolean {
  const { term, vote, commit } = store.hardState;
  if (hardState.term !== term || hardState.vote !== vote || hardState.commit !== commit) return false;
  return log.lastIndex === store.lastIndex && log.lastId === lastId;
}

/** Follows the recovered entries from the first one, before which everything is committed. */
function idOfLast(record: ServerRecord, store: LogStore, committed: CommittedLog): number | undefined {
  const { firstIndex, lastIndex } = store;
  const baseId = committed.id(firstIndex - 1);
  if (baseId === undefined || store.term(firstIndex - 1) !== committed.term(firstIndex - 1)) {
    throw new InvariantViolation(
      'durability',
      `server ${record.id}: its log begins at ${firstIndex}, but entry ${firstIndex - 1} is not committed`,
    );
  }
  let id: number = baseId;
  for (let next = firstIndex; next <= lastIndex; ) {
    const entries = store.entries(next, lastIndex, Number.MAX_SAFE_INTEGER);
    for (const entry of entries) {
      if (entry.index !== next || store.term(next) !== entry.term) {
        throw new InvariantViolation(
          'durability',
          `server ${record.id}: the store shows entry ${entry.index} at ${next}`,
        );
      }
      id = entryId(id, entry);
      next++;
    }
  }
  return id;
}

function describeMismatch(record: ServerRecord, store: LogStore): string {
  const { log, hardState } = record.durable;
  const describe = (lastIndex: number, { term, vote, commit }: { term: number; vote: number; commit: number }) =>
    `entries up to ${lastIndex}, term ${term}, vote ${vote}, commit ${commit}`;
  return `durable were ${describe(log.lastIndex, hardState)}, with ${record.pending.length} batches after that; it restarts with ${describe(store.lastIndex, store.hardState)}`;
}
