import { describe, expect, it } from 'vitest';
import type { PersistBatch } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { objectionToData } from '../identity/binding.ts';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import type { LogStore } from './contract.ts';
import { SLOT_BYTES, STORE_ID_BYTES } from './journalEntry.ts';
import { readJournal } from './journalReading.ts';
import { PIECE_PREFIX } from './keys.ts';
import { atOnce } from './laggingDisk.ts';
import { PiecedDisk, type PiecedDiskLimits } from './piecedDisk.ts';
import { PromisedDisk } from './promisedDisk.ts';
import { SimpleLogStore } from './simpleLogStore.ts';
import { AcceptedStates } from './testing/acceptedStates.ts';
import { CachedArea } from './testing/cachedArea.ts';
import { CachedDisk } from './testing/cachedDisk.ts';
import { drawnSnapshot, drawnTruncation } from './testing/drawnWrites.ts';
import { batch, copyOf, encodeSlot, hard, Listener, Postponed, randomFrom, snapshotAt } from './testing.ts';

/**
 * The store on its journal and its disk, both with a page cache, under random operations; processes are killed and machines lose their power at any
 * write, also while the next start settles and binds what it found, and writes fail. Where crash.test.ts is about the store on a disk that may
 * lose anything, this is about the two beside each other: the journal goes round again and again, at times with a disk so slow that both
 * halves are full of what it does not hold yet.
 */
const RUNS = 4;
const HISTORIES = 50;
const STEPS = 300;
const WHOLE: PiecedDiskLimits = { wholeBytesMax: 1_000_000, pieceBytes: 1_000_000 };

/** How often things happened that the histories are for. */
function nothingSeen() {
  return {
    kills: 0,
    powerLosses: 0,
    failures: 0,
    /** The journal went on in its other half. */
    turns: 0,
    /** Steps in which something promised waited for nothing but a slow disk. */
    waits: 0,
    /** Starts that ended before they had settled and bound what they found. */
    settlesInterrupted: 0,
    /** Areas as an earlier version left them. */
    conversions: 0,
    droppedWrites: 0,
    /** Starts that found pieces of a large value on their disk. */
    startsWithPieces: 0,
    snapshotsStored: 0,
  };
}

class World {
  readonly random: () => number;
  readonly seen = nothingSeen();
  private readonly pieces: PiecedDiskLimits;
  private disk: CachedDisk;
  private area: CachedArea;
  private listener = new Listener();
  private store: ChunkedLogStore;
  private model = new SimpleLogStore(new Listener());
  private readonly accepted = new AcceptedStates();
  private mark = 0;
  /** Of the last batch that had to be synced. */
  private syncMark = 0;
  /** Steps of the area for one of the disk, once the store has settled on it. */
  private readonly slowness: number;
  /** Whether the disk waits for what the journal has. */
  private readonly isLagging: boolean;
  private postponed = new Postponed();
  private starts = 0;
  /** The last start that the server's identity names; 0 where there is none. */
  private named = 0;
  private isBound = false;
  private hasFailed = false;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const blockBytes = 256 << this.below(2);
    this.area = new CachedArea(this.random, { halfBytes: blockBytes * 4 * (1 + this.below(5)), blockBytes });
    this.disk = new CachedDisk(this.random);
    this.pieces =
      this.below(2) === 0 ? WHOLE : { wholeBytesMax: 60 + this.below(400), pieceBytes: 40 + this.below(60) };
    this.slowness = [1, 12, 60][this.below(3)]!;
    this.isLagging = this.below(2) === 0;
    this.store = this.start();
    this.accepted.accept(this.mark, this.model);
    this.settle();
  }

  private get isSlow(): boolean {
    return this.slowness > 1;
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private start(): ChunkedLogStore {
    this.starts++;
    this.listener = new Listener();
    this.isBound = false;
    this.hasFailed = false;
    const disk = new PiecedDisk(this.disk, this.pieces);
    const newStoreId = () => Uint8Array.from({ length: STORE_ID_BYTES }, () => this.below(256));
    this.postponed = new Postponed();
    const later = this.isLagging ? this.postponed.later : atOnce;
    const promised = PromisedDisk.open(disk, this.area, newStoreId, later);
    const { store, report } = promised.recover(
      (whole) => ChunkedLogStore.open(whole, this.listener, { cacheEntries: 1000 }),
      (found) => {
        const { named } = this;
        const last = { stage: 'member', boots: named, life: lifeOf(named), isBound: true } as const;
        expect(objectionToData(named === 0 ? undefined : last, named === 0 ? undefined : found)).toBeUndefined();
      },
    );
    this.seen.droppedWrites += report.dropped.length;
    const { starts } = this;
    const name = { boots: starts, life: lifeOf(starts), previous: lifeOf(this.named) };
    promised.settle((error) => {
      if (error === null) promised.bind(name, (failure) => this.bound(failure));
      else this.hasFailed = true;
    });
    return store;
  }

  /** The identity names a start when that has bound what it found. */
  private bound(failure: Error | null): void {
    this.hasFailed = failure !== null;
    if (failure !== null) return;
    this.isBound = true;
    this.named = this.starts;
  }

  /** Whether what the start found is settled and bound: now and then it ends before. */
  private settle(): boolean {
    let stepsLeft = this.below(3) === 0 ? this.below(4) : 400;
    while (stepsLeft-- > 0 && !this.isBound && !this.hasFailed && this.complete()) {}
    return this.isBound;
  }

  /** Completes one write of one of the two; false where there is none. */
  private complete(): boolean {
    if (this.below(16) === 0) this.postponed.run();
    if (this.isBound && this.below(this.slowness) > 0) {
      const isStepped = this.area.step();
      if (!isStepped && this.store.durableMark < this.syncMark) this.seen.waits++;
      return isStepped;
    }
    const [one, two] = this.below(2) === 0 ? [this.disk, this.area] : [this.area, this.disk];
    return one.step() || two.step();
  }

  /** After a failure a store takes nothing more. */
  private get isOver(): boolean {
    return this.hasFailed || this.listener.failures.length > 0;
  }

  step(): void {
    if (this.isOver) {
      this.crash();
      return;
    }
    const { term, vote } = this.store.hardState;
    const last = this.store.lastIndex;
    const choice = this.below(1000);
    if (choice < 250) this.persist({ entries: this.entriesFrom(last + 1, term), hardState: hard(term, vote, last) });
    else if (choice < 300) this.truncate();
    else if (choice < 340) this.persist({ hardState: hard(term + 1, this.below(4)) });
    else if (choice < 500) this.askTheDisk();
    else if (choice < 930) for (let left = this.below(4); left >= 0; left--) this.complete();
    else if (choice < 938) this.failSoon();
    else if (choice < 980) this.finish();
    // A slow disk gets the time to fall behind.
    else if (!this.isSlow || this.below(3) === 0) this.crash();
  }

  private persist(parts: Partial<PersistBatch>): void {
    this.mark++;
    if (parts.mustSync !== false) {
      this.syncMark = this.mark;
      this.accepted.mustSync(this.mark);
    }
    this.do((store) => store.persist(batch(this.mark, { ...parts, entries: (parts.entries ?? []).map(copyOf) })));
  }

  private do(operation: (store: LogStore) => void): void {
    operation(this.store);
    operation(this.model);
    this.accepted.accept(this.mark, this.model);
  }

  /** One of them in twelve may be larger than an entry of the journal has room for. */
  private entriesFrom(index: number, term: number): Entry[] {
    return Array.from({ length: this.below(4) }, (_, i) => {
      const type = this.below(8) === 0 ? EntryType.Reconf : EntryType.Normal;
      const bytes = this.below(12) === 0 ? this.below(700) : this.below(60);
      return new Entry(index + i, term, type, new Uint8Array(bytes).fill(index));
    });
  }

  private truncate(): void {
    const from = drawnTruncation(this.store, (limit) => this.below(limit));
    if (from === undefined) return;
    const term = this.store.hardState.term + 1;
    this.persist({ truncateFrom: from, entries: this.entriesFrom(from, term), hardState: hard(term) });
  }

  /** Writes that are not done until the disk has them: where it is slow they are few, or nothing would fill the journal. */
  private askTheDisk(): void {
    if (this.isSlow && this.below(20) > 0) return;
    const { term, vote } = this.store.hardState;
    const choice = this.below(16);
    if (choice < 12) {
      // Several at the end, of which one is lost, make a start drop those after it.
      for (let left = this.below(6); left >= 0 && !this.isOver; left--) {
        this.persist({ hardState: hard(term, vote, this.below(this.store.lastIndex + 1)), mustSync: false });
        this.complete();
      }
    } else if (choice < 15) this.compact();
    else this.install();
  }

  private compact(): void {
    const drawn = drawnSnapshot(this.store, (limit) => this.below(limit));
    if (drawn !== undefined) this.do((store) => store.storeSnapshot(drawn.snapshot, drawn.trailing));
  }

  private install(): void {
    const term = this.store.hardState.term + 1;
    const index = this.store.lastIndex + this.below(3) + 1;
    this.persist({
      snapshot: snapshotAt(index, term),
      entries: this.entriesFrom(index + 1, term),
      hardState: hard(term),
    });
  }

  private failSoon(): void {
    const one = this.below(2) === 0 ? this.disk : this.area;
    one.failsNext = true;
  }

  private finish(): void {
    while (!this.isOver && this.complete()) {}
  }

  crash(): void {
    const { durableMark } = this.store;
    const { snapshots } = this.listener;
    this.seen.snapshotsStored += snapshots.length;
    this.restart();
    while (!this.settle()) {
      this.seen.settlesInterrupted++;
      this.restart();
    }
    this.model = this.accepted.goOnFrom(this.store, durableMark, snapshots);
  }

  private restart(): void {
    const { seen } = this;
    seen.turns += this.area.turns;
    seen.failures += this.area.failures + this.disk.failures;
    if (this.below(2) === 0) {
      seen.kills++;
      [this.disk, this.area] = [this.disk.endProcess(), this.area.endProcess()];
    } else {
      seen.powerLosses++;
      [this.disk, this.area] = [this.disk.losePower(), this.area.losePower()];
    }
    if (this.below(6) === 0) this.convert();
    if (this.disk.keys(PIECE_PREFIX).length > 0) seen.startsWithPieces++;
    this.store = this.start();
  }

  /** Leaves what an earlier version would have: all of it durably on the disk, and a slot of the last write in place of the journal. */
  private convert(): void {
    const { area, disk } = this;
    const found = area.found;
    // One that was converted and not settled since is made of slots already.
    if (disk.isEmpty || found?.length !== 2 * area.halfBytes) return;
    const { last, operations } = readJournal(area, found, undefined);
    if (last.sequence === 0) return;
    this.seen.conversions++;
    new PiecedDisk(disk, this.pieces).write(operations, true, () => {});
    while (disk.step()) {}
    const slots = new Uint8Array(2 * SLOT_BYTES);
    const slot = encodeSlot(last.storeId, last.binding, last.sequence, last.checksum, []);
    slots.set(slot, this.below(2) * SLOT_BYTES);
    this.area = new CachedArea(this.random, area, slots);
  }
}

function lifeOf(start: number): string {
  return start === 0 ? '' : `start ${start}`;
}

type Seen = ReturnType<typeof nothingSeen>;

/** Of each, in a history on average. */
const AT_LEAST: Readonly<Seen> = {
  kills: 2,
  powerLosses: 2,
  failures: 0.2,
  turns: 2,
  waits: 50,
  settlesInterrupted: 0.7,
  conversions: 0.4,
  droppedWrites: 0.04,
  startsWithPieces: 1,
  snapshotsStored: 0.7,
};

function entriesOf(seen: Seen): [keyof Seen, number][] {
  return Object.entries(seen) as [keyof Seen, number][];
}

/** Plays histories one after the other, and counts over all of them. */
function play(before: number): Seen {
  const all = nothingSeen();
  for (let seed = before + 1; seed <= before + HISTORIES; seed++) {
    try {
      const world = new World(seed);
      for (let step = 0; step < STEPS; step++) world.step();
      world.crash();
      for (const [what, count] of entriesOf(world.seen)) all[what] += count;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  return all;
}

describe('the store on its journal after crashes', () => {
  it.each(Array.from({ length: RUNS }, (_, run) => run * HISTORIES))(
    `shows a batch boundary, never older than what it reported durable (${HISTORIES} random histories after %i)`,
    (before) => {
      const seen = play(before);
      // Histories in which nothing of this happened would prove nothing.
      for (const [what, count] of entriesOf(seen)) expect(count, what).toBeGreaterThan(AT_LEAST[what] * HISTORIES);
    },
    60_000,
  );
});
