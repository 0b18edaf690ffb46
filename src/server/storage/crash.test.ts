import { describe, expect, it } from 'vitest';
import type { PersistBatch } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeFence } from '../../wire/fence.ts';
import type { ChunkedLogStore, ChunkedLogStoreOptions, OpenedLogStore } from './chunkedLogStore.ts';
import type { Disk, LogStore } from './contract.ts';
import { PIECE_PREFIX, parsePieceKey } from './keys.ts';
import { atOnce } from './laggingDisk.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { openMemoryLogStore } from './openLogStore.ts';
import { PiecedDisk, type PiecedDiskLimits } from './piecedDisk.ts';
import { SimpleLogStore } from './simpleLogStore.ts';
import { AcceptedStates } from './testing/acceptedStates.ts';
import { drawnSnapshot, drawnTruncation } from './testing/drawnWrites.ts';
import { batch, command, contentOf, copyOf, hard, Listener, Postponed, randomFrom, snapshotAt } from './testing.ts';

/**
 * The chunked store beside the simple one under random operations, with a crash at any write that may lose, tear or damage
 * every operation not yet synced, and the entry of the journal being written. After a crash the store must show exactly what some batch boundary showed, not older
 * than the last one reported durable.
 */
const RUNS = 10;
const HISTORIES = 50;
const STEPS_MAX = 60;

class World {
  readonly random: () => number;
  readonly options: ChunkedLogStoreOptions;
  /** What is large on this world's disk, where anything is. */
  readonly pieces: PiecedDiskLimits | undefined;
  /** Crashes that left pieces of values whose heads were not there. */
  interruptions = 0;
  disk = new MemoryDisk('by-step');
  area = new MemoryPromisedArea('by-step');
  listener = new Listener();
  /** Where the disk waits for what the journal has. */
  readonly isLagging: boolean;
  postponed = new Postponed();
  store: ChunkedLogStore;
  model = new SimpleLogStore(new Listener());
  readonly accepted = new AcceptedStates();
  mark = 0;
  /** The last mark, and the last snapshot stored beside the log, that the store of this life accepted; 0 where there is none. */
  markOfLife = 0;
  storedOfLife = 0;
  crashes = 0;
  droppedWrites = 0;
  /** All that the store held when it was opened is promised. */
  isSettled = true;

  constructor(seed: number, isPieced: boolean) {
    this.random = randomFrom(seed);
    const tight = this.below(2) === 0;
    this.options = tight
      ? {
          cacheEntries: 1 + this.below(8),
          hotEntriesMax: this.below(4),
          writeBytesMax: this.below(2) === 0 ? 20 + this.below(100) : undefined,
          writePartBytes: this.below(2) === 0 ? 5 + this.below(40) : undefined,
          hotBytesMax: 10 * this.below(8),
        }
      : { cacheEntries: 1000 };
    this.pieces = isPieced ? { wholeBytesMax: 30 + this.below(60), pieceBytes: 20 + this.below(30) } : undefined;
    this.isLagging = this.below(3) === 0;
    this.store = this.open(() => {}).store;
    this.accepted.accept(this.mark, this.model);
  }

  open(settled: (error: Error | null) => void): OpenedLogStore {
    this.postponed = new Postponed();
    const later = this.isLagging ? this.postponed.later : atOnce;
    return openMemoryLogStore(this.listener, this.options, this.piecedDisk(), this.area, settled, later);
  }

  piecedDisk(): Disk {
    return this.pieces === undefined ? this.disk : new PiecedDisk(this.disk, this.pieces);
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** As text first: comparing so often would take most of the time otherwise. */
  compare(): void {
    const [found, expected] = [contentOf(this.store), contentOf(this.model)];
    if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
  }

  do(operation: (store: LogStore) => void): void {
    operation(this.store);
    operation(this.model);
    this.accepted.accept(this.mark, this.model);
    this.compare();
  }

  persist(parts: Partial<PersistBatch>): void {
    this.mark++;
    this.markOfLife = this.mark;
    if (parts.mustSync !== false) this.accepted.mustSync(this.mark);
    this.do((store) => store.persist(batch(this.mark, { ...parts, entries: (parts.entries ?? []).map(copyOf) })));
  }

  entriesFrom(index: number, term: number): Entry[] {
    return Array.from({ length: this.below(6) }, (_, i) => this.entryAt(index + i, term));
  }

  entryAt(index: number, term: number): Entry {
    const draw = this.below(10);
    if (draw < 2) return new Entry(index, term, EntryType.Reconf, new Uint8Array([draw]));
    if (draw === 2) return new Entry(index, term, EntryType.Normal, encodeFence({ id: 2, instance: `${term}` }));
    return command(index, term, 'x'.repeat(this.below(30)));
  }

  /** A part of the log, bounded by index and by bytes. */
  read(): void {
    const { firstIndex, lastIndex } = this.store;
    if (lastIndex < firstIndex) return;
    const from = firstIndex + this.below(lastIndex - firstIndex + 1);
    const to = from + this.below(8) - 1;
    const maxBytes = this.below(3) === 0 ? Number.MAX_SAFE_INTEGER : this.below(120);
    const found = [this.store, this.model].map((store) =>
      store.entries(from, to, maxBytes).map(({ index, term, type, data }) => [index, term, type, [...data]]),
    );
    expect(found[0]).toEqual(found[1]);
  }

  /** The disk finishes all its work: everything that was accepted is durable then, and was said to be, once and in order. */
  finish(): void {
    for (let stepsLeft = 10_000; this.disk.step() || this.area.step(); stepsLeft--)
      expect(stepsLeft).toBeGreaterThan(0);
    const { marks, snapshots } = this.listener;
    expect(this.store.durableMark).toBe(this.markOfLife);
    expect(marks[marks.length - 1] ?? 0).toBe(this.markOfLife);
    expect([...new Set(marks)].sort((a, b) => a - b)).toEqual(marks);
    expect([...new Set(snapshots)].sort((a, b) => a - b)).toEqual(snapshots);
    if (this.storedOfLife > 0) expect(snapshots[snapshots.length - 1]).toBe(this.storedOfLife);
    this.compare();
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
    else if (choice < 90) this.complete();
    else if (choice < 94) this.read();
    else if (choice < 96) this.finish();
    else this.crash();
  }

  truncate(): void {
    const from = drawnTruncation(this.store, (limit) => this.below(limit));
    if (from === undefined) return;
    const term = this.store.hardState.term + 1;
    this.persist({ truncateFrom: from, entries: this.entriesFrom(from, term), hardState: hard(term) });
  }

  compact(): void {
    const drawn = drawnSnapshot(this.store, (limit) => this.below(limit));
    if (drawn === undefined) return;
    const { snapshot, trailing } = drawn;
    if (snapshot.index > (this.store.snapshot()?.index ?? 0)) this.storedOfLife = snapshot.index;
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
    if (this.below(8) === 0) this.postponed.run();
    // Disk and area go on side by side: either may be first.
    const [one, two] = this.below(2) === 0 ? [this.disk, this.area] : [this.area, this.disk];
    if (!one.step() && !two.step()) return;
    expect(this.listener.failures).toEqual([]);
    this.compare();
  }

  reopen(torn: boolean): void {
    this.disk = this.disk.crash(torn ? this.random : undefined);
    this.area = this.area.crash(this.below(4) > 0 ? this.random : undefined);
    const { content } = this.disk;
    const isLeft = (key: string) => key.startsWith(PIECE_PREFIX) && !content.has(parsePieceKey(key).of);
    if ([...content.keys()].some(isLeft)) this.interruptions++;
    this.listener = new Listener();
    this.markOfLife = 0;
    this.storedOfLife = 0;
    this.isSettled = false;
    const settled = (error: Error | null) => {
      this.isSettled = error === null;
    };
    const { store, report } = this.open(settled);
    this.droppedWrites += report.dropped.length;
    this.store = store;
  }

  /** Whether what the opening found is promised: now and then there is a crash before. */
  settle(): boolean {
    // A large value takes many.
    const steps = this.pieces === undefined ? 3 : 100;
    for (let stepsLeft = this.below(3) === 0 ? this.below(3) : steps; stepsLeft > 0 && !this.isSettled; stepsLeft--) {
      if (!this.disk.step()) this.area.step();
    }
    return this.isSettled;
  }

  crash(): void {
    this.crashes++;
    // Where a batch takes several writes a crash may leave a part of it, which no boundary shows.
    if (this.options.writeBytesMax !== undefined) this.finish();
    const durableMark = this.store.durableMark;
    const storedSnapshots = this.listener.snapshots;
    const torn = this.below(4) > 0;
    do this.reopen(torn);
    while (!this.settle());
    this.model = this.accepted.goOnFrom(this.store, durableMark, storedSnapshots);
  }
}

/** Plays histories one after the other, and counts over all of them. */
function play(before: number, isPieced: boolean) {
  const seen = { crashes: 0, dropped: 0, interruptions: 0 };
  for (let seed = before + 1; seed <= before + HISTORIES; seed++) {
    const world = new World(seed, isPieced);
    try {
      for (let step = 0; step < STEPS_MAX; step++) world.step();
      world.crash();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    seen.crashes += world.crashes;
    seen.dropped += world.droppedWrites;
    seen.interruptions += world.interruptions;
  }
  return seen;
}

describe('the chunked store after crashes', () => {
  const runs = Array.from({ length: RUNS }, (_, run) => run * HISTORIES);

  it.each(runs)(
    `shows a batch boundary, never older than what it reported durable (${HISTORIES} random histories after %i)`,
    (before) => {
      const { crashes, dropped } = play(before, false);
      // A corpus that never tore a write would prove nothing.
      expect(crashes).toBeGreaterThan(HISTORIES);
      expect(dropped).toBeGreaterThan(HISTORIES / 20);
    },
    60_000,
  );

  it.each(runs)(
    `shows the same on a disk that takes large values in pieces (${HISTORIES} random histories after %i)`,
    (before) => {
      const { crashes, interruptions } = play(before, true);
      expect(crashes).toBeGreaterThan(HISTORIES);
      // Between the pieces of a value, or after its deletion.
      expect(interruptions).toBeGreaterThan(HISTORIES / 20);
    },
    60_000,
  );
});
