import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import { SimpleLogStore } from '../../server/storage/simpleLogStore.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { stateIn, stateViolation } from './heldState.ts';

const nothing = { durable: () => {}, snapshotStored: () => {}, failed: () => {} };

/** A registration as entry 1, one without a command, and an insert of each write. */
function logOf(writes: readonly (readonly [string, string])[]): Entry[] {
  const inserts = writes.map(([key, value], at) => {
    const command = { type: CommandType.Insert, clientId: 1, clientSeq: at + 1, key, value } as const;
    return new Entry(at + 3, 1, EntryType.Normal, encodeCommand(command));
  });
  return [
    new Entry(1, 1, EntryType.Normal, REGISTER_BYTES),
    new Entry(2, 1, EntryType.Reconf, new Uint8Array(0)),
    ...inserts,
  ];
}

/** A store with a snapshot of the first entries, of which it keeps some in its log. */
function storeOf(entries: readonly Entry[], snapshotIndex: number): SimpleLogStore {
  const store = new SimpleLogStore(nothing);
  store.persist({ mark: 1, entries, hardState: { term: 1, vote: 1, commit: 0 }, mustSync: true });
  if (snapshotIndex > 0) {
    const state = new KeyValueStore();
    for (const entry of entries.slice(0, snapshotIndex)) if (entry.type === EntryType.Normal) state.apply(entry);
    const head = { index: snapshotIndex, term: 1, configuration: simpleConfiguration([1, 2, 3]) };
    store.storeSnapshot({ ...head, content: new MemoryContent(state.snapshot()) }, 2);
  }
  store.flush();
  return store;
}

const WRITES = Array.from({ length: 12 }, (_, i) => [`k${i % 7}`, `value ${i}`] as const);
const lastOf = new Map(WRITES);
const acknowledged = [...lastOf].map(([key, value]) => ({ key, value }));

describe('what the data of servers come to', () => {
  it('is the same from the log alone, and from a snapshot and what came after it', () => {
    const states = [0, 5, 14].map((index, at) => stateIn(storeOf(logOf(WRITES), index), at + 1));
    expect(states.map(({ lastIndex, keys, sessions }) => [lastIndex, keys, sessions])).toEqual(
      Array.from({ length: 3 }, () => [14, 7, 1]),
    );
    expect(stateViolation(states, acknowledged)).toBeUndefined();
  });

  it('shows a server that lacks the last of what was acknowledged', () => {
    const states = [logOf(WRITES), logOf(WRITES).slice(0, -1)].map((log, at) => stateIn(storeOf(log, 5), at + 1));
    expect(stateViolation(states, acknowledged)).toBe(
      'on the disk of server 2 key k4 holds "value 4" (7 characters), and "value 11" (8 characters) was acknowledged',
    );
    expect(stateViolation(states, [])).toMatch(
      /^the disks of servers 1 and 2 disagree: server 1 holds entry 14 as its last, 7 keys, 1 sessions, digest [0-9a-f]{12}; server 2 holds entry 13/,
    );
  });

  it('shows servers that hold another value, though nothing acknowledged is missing', () => {
    const other = WRITES.map(([key, value], at) => [key, at === 3 ? 'something else' : value] as const);
    const states = [WRITES.slice(0, 6), other.slice(0, 6)].map((writes, at) =>
      stateIn(storeOf(logOf(writes), 0), at + 1),
    );
    expect(stateViolation(states, [])).toMatch(/^the disks of servers 1 and 2 disagree/);
  });
});
