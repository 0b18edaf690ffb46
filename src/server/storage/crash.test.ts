import { describe, expect, it } from 'vitest';
import type { PersistBatch } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import type { ChunkedLogStore, ChunkedLogStoreOptions } from './chunkedLogStore.ts';
import type { LogStore } from './contract.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { openMemoryLogStore } from './openLogStore.ts';
import { SimpleLogStore } from './simpleLogStore.ts';
import { batch, command, contentOf, hard, Listener, randomFrom, snapshotAt } from './testing.ts';

/**
 * The chunked store beside the simple one under random operations, with a crash at any write that may lose, tear or damage
 * every operation not yet synced, and the slot being written. After a crash the store must show exactly what some batch boundary showed, not older
 * than the last one reported durable.
 */
const HISTORIES = 500;
const STEPS_MAX = 60;

interface Boundary {
  readonly mark: number;
  readonly model: SimpleLogStore;
}

class World {
  readonly random: () => number;
  readonly options: ChunkedLogStoreOptions;
  disk = new MemoryDisk('by-step');
  area = new MemoryPromisedArea('by-step');
  listener = new Listener();
  store: ChunkedLogStore;
  model = new SimpleLogStore(new Listener());
  /** What may be found after a crash: every accepted state since the last one that was reported durable, it included. */
  boundaries: Boundary[] = [];
  mark = 0;
  /** Marks of batches that had to be synced; a mark of another batch promises nothing. */
  syncMarks: number[] = [];
  crashes = 0;
  droppedWrites = 0;
  /** All that the store held when it was opened is promised. */
  isSettled = true;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const tight = this.below(2) === 0;
    this.options = tight ? { cacheEntries: 1 + this.below(8), hotEntriesMax: this.below(4) } : { cacheEntries: 1000 };
    this.store = openMemoryLogStore(this.listener, this.options, this.disk, this.area).store;
    this.remember();
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  remember(): void {
    this.boundaries.push({ mark: this.mark, model: this.model.copy(new Listener()) });
  }

  do(operation: (store: LogStore) => void): void {
    operation(this.store);
    operation(this.model);
    this.remember();
    expect(contentOf(this.store)).toEqual(contentOf(this.model));
  }

  persist(parts: Partial<PersistBatch>): void {
    this.mark++;
    if (parts.mustSync !== false) this.syncMarks.push(this.mark);
    this.do((store) => store.persist(batch(this.mark, { ...parts, entries: (parts.entries ?? []).map(copyOf) })));
  }

  entriesFrom(index: number, term: number): Entry[] {
    return Array.from({ length: this.below(6) }, (_, i) =>
      this.below(5) === 0
        ? new Entry(index + i, term, EntryType.Reconf, new Uint8Array([i]))
        : command(index + i, term, 'x'.repeat(this.below(30))),
    );
  }

  step(): void {
    const { term, vote } = this.store.hardState;
    const last = this.store.lastIndex;
    const choice = this.below(100);
    if (choice < 35) this.persist({ entries: this.entriesFrom(last + 1, term), hardState: hard(term, vote, last) });
    else if (choice < 45) this.truncate();
    else if (choice < 52) this.persist({ hardState: hard(term + 1, this.below(4)) });
    else if (choice < 60) this.persist({ hardState: hard(term, vote, last), mustSync: false });
    else if (choice < 66) this.compact();
    else if (choice < 69) this.install();
    else if (choice < 95) this.complete();
    else this.crash();
  }

  truncate(): void {
    const { firstIndex, lastIndex, hardState } = this.store;
    const first = Math.max(firstIndex, (this.store.snapshot()?.index ?? 0) + 1);
    if (lastIndex < first) return;
    const from = first + this.below(lastIndex - first + 1);
    const term = hardState.term + 1;
    this.persist({ truncateFrom: from, entries: this.entriesFrom(from, term), hardState: hard(term) });
  }

  compact(): void {
    const { firstIndex, lastIndex } = this.store;
    if (lastIndex < firstIndex) return;
    const index = firstIndex + this.below(lastIndex - firstIndex + 1);
    const trailing = this.below(6);
    const snapshot = snapshotAt(index, this.store.term(index)!);
    this.do((store) => store.storeSnapshot(snapshot, trailing));
  }

  install(): void {
    const term = this.store.hardState.term + 1;
    const index = this.store.lastIndex + this.below(4) + 1;
    this.persist({
      snapshot: snapshotAt(index, term),
      entries: this.entriesFrom(index + 1, term),
      hardState: hard(term),
    });
  }

  complete(): void {
    // Disk and area go on side by side: either may be first.
    const [one, two] = this.below(2) === 0 ? [this.disk, this.area] : [this.area, this.disk];
    if (!one.step() && !two.step()) return;
    expect(this.listener.failures).toEqual([]);
    expect(contentOf(this.store)).toEqual(contentOf(this.model));
  }

  reopen(torn: boolean): void {
    this.disk = this.disk.crash(torn ? this.random : undefined);
    this.area = this.area.crash(this.below(4) > 0 ? this.random : undefined);
    this.listener = new Listener();
    this.isSettled = false;
    const settled = (error: Error | null) => {
      this.isSettled = error === null;
    };
    const { store, report } = openMemoryLogStore(this.listener, this.options, this.disk, this.area, settled);
    this.droppedWrites += report.dropped.length;
    this.store = store;
  }

  /** Whether what the opening found is promised: now and then there is a crash before. */
  settle(): boolean {
    for (let stepsLeft = this.below(3) === 0 ? this.below(3) : 3; stepsLeft > 0 && !this.isSettled; stepsLeft--) {
      if (!this.disk.step()) this.area.step();
    }
    return this.isSettled;
  }

  crash(): void {
    this.crashes++;
    const durableMark = this.store.durableMark;
    const storedSnapshots = this.listener.snapshots;
    const torn = this.below(4) > 0;
    do this.reopen(torn);
    while (!this.settle());
    const { store } = this;
    const found = JSON.stringify(contentOf(store));
    const match = this.boundaries.findLast(({ model }) => JSON.stringify(contentOf(model)) === found);
    expect(match, `after a crash with mark ${durableMark} durable: ${found}`).toBeDefined();
    expect(match!.mark).toBeGreaterThanOrEqual(this.syncMarks.findLast((mark) => mark <= durableMark) ?? 0);
    expect(store.snapshot()?.index ?? 0).toBeGreaterThanOrEqual(Math.max(0, ...storedSnapshots));
    this.model = match!.model.copy(new Listener());
    this.boundaries = [];
    this.syncMarks = [];
    this.remember();
  }
}

/** Both stores need entries of their own: encoding leaves its mark on an entry. */
function copyOf(entry: Entry): Entry {
  return new Entry(entry.index, entry.term, entry.type, entry.data);
}

describe('the chunked store after crashes', () => {
  it(`shows a batch boundary, never older than what it reported durable (${HISTORIES} random histories)`, () => {
    let crashes = 0;
    let dropped = 0;
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const world = new World(seed);
      try {
        for (let step = 0; step < STEPS_MAX; step++) world.step();
        world.crash();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
      crashes += world.crashes;
      dropped += world.droppedWrites;
    }
    // A corpus that never tore a write would prove nothing.
    expect(crashes).toBeGreaterThan(HISTORIES);
    expect(dropped).toBeGreaterThan(HISTORIES / 10);
  }, 60_000);
});
