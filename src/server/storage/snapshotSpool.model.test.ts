import { describe, expect, it } from 'vitest';
import {
  type IncomingContent,
  type PersistBatch,
  type Snapshot,
  type SnapshotPiece,
  type SnapshotPlace,
  simpleConfiguration,
} from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { contentBytes, MemoryContent, ReceivedContent } from '../../consensus/snapshotContent.ts';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import type { LogStore } from './contract.ts';
import { STORE_ID_BYTES } from './journalEntry.ts';
import { PIECE_PREFIX, parsePieceKey, SNAPSHOT_PREFIX } from './keys.ts';
import { atOnce } from './laggingDisk.ts';
import { PiecedDisk, type PiecedDiskLimits } from './piecedDisk.ts';
import { PromisedDisk } from './promisedDisk.ts';
import { SimpleLogStore } from './simpleLogStore.ts';
import { encodeSnapshotHead } from './snapshotRecord.ts';
import { AcceptedStates } from './testing/acceptedStates.ts';
import { CachedArea } from './testing/cachedArea.ts';
import { CachedDisk } from './testing/cachedDisk.ts';
import { drawnTruncation } from './testing/drawnWrites.ts';
import { batch, copyOf, hard, Listener, Postponed, randomFrom } from './testing.ts';

/**
 * The store under random operations while snapshots are received, taken and sent in pieces, several at once, with entries written between the pieces. Processes are
 * killed and machines lose their power at any write, also while the next start settles what it found, and writes fail. Where journalCrash.model.test.ts is about
 * the journal beside the disk, and its snapshots are there at once, this is about those of which the disk has a part.
 */
const HISTORIES = Number(process.env.RKV_SPOOL_HISTORIES ?? 40);
const STEPS = 300;
/** More than the head of a snapshot, so that its second piece is all content. */
const PIECE_BYTES_MIN = 30;
const PIECE_PREFIX_OF_SNAPSHOTS = PIECE_PREFIX + SNAPSHOT_PREFIX;

/** How often things happened that the histories are for. */
function nothingSeen() {
  return {
    kills: 0,
    powerLosses: 0,
    failures: 0,
    /** Starts that ended before they had settled what they found. */
    settlesInterrupted: 0,
    /** Starts that found pieces of a snapshot that has no head. */
    startsWithOrphans: 0,
    snapshotsInstalled: 0,
    snapshotsStored: 0,
    /** Snapshots that were begun and of which nobody went on, while the store did. */
    snapshotsGivenUp: 0,
    /** Durable marks that say of pieces that they are on the disk. */
    marksOfPieces: 0,
    /** Reads of a snapshot that is still sent, a newer one having taken its place. */
    readsOfEarlier: 0,
  };
}

type Below = (limit: number) => number;

/** A snapshot that is handed over in pieces. */
class Passing {
  readonly content: IncomingContent;
  private readonly bytes: Uint8Array;
  private end = 0;

  constructor(place: SnapshotPlace, bytes: Uint8Array) {
    this.content = new ReceivedContent(place, bytes.length);
    this.bytes = bytes;
  }

  get index(): number {
    return this.content.place.index;
  }

  get isWhole(): boolean {
    return this.end === this.bytes.length;
  }

  next(bytesMax: number): SnapshotPiece {
    const data = this.bytes.subarray(this.end, this.end + bytesMax);
    this.end += data.length;
    return { content: this.content, data };
  }

  /** As the store has it that was given its pieces. */
  get snapshot(): Snapshot {
    return { ...this.content.place, content: this.content };
  }

  /** For a store that is given it at once. */
  get inMemory(): Snapshot {
    return { ...this.content.place, content: new MemoryContent(this.bytes) };
  }

  /** The last of its pieces on the disk, one behind the other, that is full and waits for nothing but its write; undefined where there is none. */
  lastFull({ wholeBytesMax, pieceBytes }: PiecedDiskLimits): Uint8Array | undefined {
    const headBytes = encodeSnapshotHead(this.content.place).length;
    const number = Math.floor((headBytes + this.end) / pieceBytes) - 1;
    // The first is written when all of them are.
    if (headBytes + this.bytes.length <= wholeBytesMax || number < 1) return undefined;
    const at = number * pieceBytes - headBytes;
    return this.bytes.subarray(at, at + pieceBytes);
  }
}

/** Says at once what is durable. */
class TellingListener extends Listener {
  private readonly tell: (mark: number) => void;

  constructor(tell: (mark: number) => void) {
    super();
    this.tell = tell;
  }

  override durable(mark: number): void {
    this.tell(mark);
    super.durable(mark);
  }
}

class World {
  readonly random: () => number;
  readonly seen = nothingSeen();
  private readonly limits: PiecedDiskLimits;
  /** Steps of the area for one of the disk, once the store has settled on it: pieces wait for a slow one, and records do not. */
  private readonly slowness: number;
  /** Whether the disk waits for what the journal has. */
  private readonly isLagging: boolean;
  private disk: CachedDisk;
  private area: CachedArea;
  private listener = new Listener();
  private store: ChunkedLogStore;
  private model = new SimpleLogStore(new Listener());
  private readonly accepted = new AcceptedStates();
  private postponed = new Postponed();
  private isSettled = false;
  private mark = 0;
  /** Of a leader, and of the server's own state. */
  private incoming: Passing | undefined;
  private taking: Passing | undefined;
  /** What a snapshot of this server's state was begun of: applied, so that nothing truncates it. */
  private applied = 0;
  private sent: { readonly snapshot: Snapshot; readonly bytes: Uint8Array }[] = [];
  /** What is on the disk when the mark is durable. */
  private owed: { readonly mark: number; readonly piece: Uint8Array }[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const pieceBytes = PIECE_BYTES_MIN + this.below(30);
    // A piece is not in pieces itself.
    this.limits = { wholeBytesMax: pieceBytes + this.below(50), pieceBytes };
    this.slowness = [1, 4, 20][this.below(3)]!;
    this.isLagging = this.below(2) === 0;
    this.disk = new CachedDisk(this.random);
    this.area = new CachedArea(this.random, { halfBytes: 1024 * (1 + this.below(6)), blockBytes: 256 });
    this.store = this.start();
    this.accepted.accept(this.mark, this.model);
    this.settle();
  }

  private readonly below: Below = (limit) => Math.floor(this.random() * limit);

  private start(): ChunkedLogStore {
    this.listener = new TellingListener((mark) => this.expectOwed(mark));
    this.postponed = new Postponed();
    this.isSettled = false;
    const newStoreId = () => Uint8Array.from({ length: STORE_ID_BYTES }, () => this.below(256));
    const later = this.isLagging ? this.postponed.later : atOnce;
    const promised = PromisedDisk.open(new PiecedDisk(this.disk, this.limits), this.area, newStoreId, later);
    const { store } = promised.recover((whole) => ChunkedLogStore.open(whole, this.listener, { cacheEntries: 5 }));
    promised.settle((error) => {
      expect(error).toBeNull();
      this.isSettled = true;
    });
    return store;
  }

  /** Whether what the start found is settled: now and then it ends before. */
  private settle(): boolean {
    let stepsLeft = this.below(3) === 0 ? this.below(4) : 400;
    while (stepsLeft-- > 0 && !this.isSettled && this.complete()) {}
    return this.isSettled;
  }

  /** Completes one write of one of the two; false where there is none. */
  private complete(): boolean {
    if (this.below(16) === 0) this.postponed.run();
    if (this.isSettled && this.below(this.slowness) > 0) return this.area.step();
    const [one, two] = this.below(2) === 0 ? [this.disk, this.area] : [this.area, this.disk];
    return one.step() || two.step();
  }

  /** All that was accepted is durable, and said to be so, though nothing follows. */
  private completeAll(): void {
    while (this.complete() || this.disk.step() || this.area.step() || this.postponed.run()) {}
    expect([this.store.durableMark, this.listener.failures]).toEqual([this.mark, []]);
  }

  /** After a failure a store takes nothing more. */
  private get isOver(): boolean {
    return this.listener.failures.length > 0;
  }

  step(): void {
    if (this.isOver) {
      this.crash();
      return;
    }
    const choice = this.below(1000);
    if (choice < 120) this.append();
    else if (choice < 150) this.elect();
    else if (choice < 160) this.truncate();
    else if (choice < 180) this.persist({ hardState: hard(this.term, 1, this.store.lastIndex), mustSync: false });
    else if (choice < 280) this.receive();
    else if (choice < 530) this.take();
    else if (choice < 560) this.send();
    else if (choice < 565) this.sent.shift();
    else if (choice < 600) this.read();
    else if (choice < 985) for (let left = this.below(4); left >= 0; left--) this.complete();
    else if (choice < 988) this.failSoon();
    else this.crash();
  }

  private get term(): number {
    return Math.max(1, this.store.hardState.term);
  }

  /** `snapshot`, for the model: pieces are of no effect but that the store has it. */
  private persist({ pieces, ...parts }: Partial<PersistBatch>, snapshot?: Snapshot): void {
    this.mark++;
    if (parts.mustSync !== false) this.accepted.mustSync(this.mark);
    const give = (store: LogStore, { entries = [], ...rest }: Partial<PersistBatch>) =>
      store.persist(batch(this.mark, { ...rest, entries: entries.map(copyOf) }));
    give(this.store, { ...parts, pieces });
    give(this.model, { ...parts, snapshot });
    this.accepted.accept(this.mark, this.model);
  }

  private entriesFrom(index: number, count: number): Entry[] {
    const { term } = this;
    return Array.from({ length: count }, (_, i) => {
      return new Entry(index + i, term, EntryType.Normal, new Uint8Array(this.below(40)).fill(index + i));
    });
  }

  private append(): void {
    const { lastIndex } = this.store;
    const entries = this.entriesFrom(lastIndex + 1, 1 + this.below(4));
    this.persist({ entries, hardState: hard(this.term, 1, lastIndex) });
  }

  private elect(): void {
    this.persist({ hardState: hard(this.term + 1, this.below(3), this.store.lastIndex) });
  }

  private truncate(): void {
    const from = drawnTruncation(this.store, this.below);
    if (from === undefined || from <= this.applied) return;
    this.persist({ truncateFrom: from, hardState: hard(this.term + 1), entries: [] });
  }

  private passing(index: number, term: number): Passing {
    const bytes = Uint8Array.from({ length: 1 + this.below(400) }, () => this.below(256));
    return new Passing({ index, term, configuration: simpleConfiguration([1, 2, 3]) }, bytes);
  }

  private pieceOf(passing: Passing): SnapshotPiece {
    return passing.next(1 + this.below(70));
  }

  /** A leader sends its snapshot, or begins with another one: then nothing more comes of the one before. */
  private receive(): void {
    if (this.incoming !== undefined && this.below(25) === 0) {
      this.seen.snapshotsGivenUp++;
      this.incoming = undefined;
    }
    const incoming = this.incoming ?? this.beginToReceive(this.store.lastIndex);
    const pieces = [this.pieceOf(incoming)];
    while (!incoming.isWhole && this.below(3) === 0) pieces.push(this.pieceOf(incoming));
    if (incoming.isWhole) {
      this.incoming = undefined;
      this.receiveLast(incoming, pieces);
      return;
    }
    this.owePieces(incoming);
    const entries = this.below(3) === 0 ? this.entriesFrom(this.store.lastIndex + 1, 1) : [];
    this.persist({ pieces, entries });
  }

  private beginToReceive(after: number): Passing {
    this.incoming = this.passing(after + 1 + this.below(5), this.term);
    // What was owed of the one before may be deleted while its mark waits for pieces of a snapshot that is taken here.
    this.owed = [];
    return this.incoming;
  }

  private receiveLast(incoming: Passing, pieces: SnapshotPiece[]): void {
    if (incoming.index > this.store.lastIndex) this.install(incoming, pieces);
    else {
      // The log has come so far meanwhile.
      this.seen.snapshotsGivenUp++;
      this.persist({ pieces });
    }
  }

  private install(incoming: Passing, pieces: SnapshotPiece[]): void {
    const { index } = incoming;
    if (this.below(4) === 0) {
      // The next one begins in the same turn.
      pieces.push(this.beginToReceive(index).next(1));
    }
    if (this.taking !== undefined) this.seen.snapshotsGivenUp++;
    this.taking = undefined;
    // A server that is sent a snapshot sends none.
    this.sent = [];
    this.applied = index;
    this.seen.snapshotsInstalled++;
    const hardState = hard(this.term, 1, index);
    const entries = this.entriesFrom(index + 1, this.below(3));
    this.persist({ pieces, snapshot: incoming.snapshot, hardState, entries }, incoming.inMemory);
  }

  /** The server's own, of a part of its log. */
  private take(): void {
    if (!this.store.hasRoom && this.below(8) > 0) return;
    this.taking ??= this.beginToTake();
    const { taking } = this;
    if (taking === undefined) return;
    this.store.addPiece(this.pieceOf(taking));
    if (!taking.isWhole) return;
    this.taking = undefined;
    const trailing = this.below(4);
    this.store.storeSnapshot(taking.snapshot, trailing, () => this.takesPlace(taking, trailing));
  }

  private beginToTake(): Passing | undefined {
    const { lastIndex } = this.store;
    const stored = this.store.snapshot()?.index ?? 0;
    if (lastIndex <= stored) return undefined;
    const index = stored + 1 + this.below(lastIndex - stored);
    this.applied = Math.max(this.applied, index);
    return this.passing(index, this.store.term(index)!);
  }

  /** The store asks when all pieces are on its disk, and shows the snapshot, and no more of the log, from then on. */
  private takesPlace(taken: Passing, trailing: number): readonly Snapshot[] {
    const piece = taken.lastFull(this.limits);
    if (piece !== undefined) this.expectOnDisk(piece, `pieces of the snapshot of ${taken.index}`);
    this.model.storeSnapshot(taken.inMemory, trailing);
    this.accepted.accept(this.mark, this.model);
    return this.sent.map(({ snapshot }) => snapshot);
  }

  /** Begins to send the latest snapshot, to one of at most two. */
  private send(): void {
    const snapshot = this.store.snapshot();
    if (snapshot === undefined) return;
    const bytes = contentBytes(this.model.snapshot()!.content);
    this.sent = [...this.sent.slice(-1), { snapshot, bytes }];
  }

  private read(): void {
    for (const { snapshot, bytes } of this.sent) {
      if (snapshot.index !== this.store.snapshot()?.index) this.seen.readsOfEarlier++;
      const from = this.below(bytes.length);
      expect(snapshot.content.read(from, 60)).toEqual(bytes.slice(from, from + 60));
    }
  }

  /** Of the batch that follows. */
  private owePieces(incoming: Passing): void {
    const piece = incoming.lastFull(this.limits);
    if (piece !== undefined) this.owed.push({ mark: this.mark + 1, piece });
  }

  private expectOwed(mark: number): void {
    for (const { mark: of, piece } of this.owed) {
      if (of > mark) continue;
      this.seen.marksOfPieces++;
      this.expectOnDisk(piece, `pieces of mark ${of}`);
    }
    this.owed = this.owed.filter(({ mark: of }) => of > mark);
  }

  private expectOnDisk(piece: Uint8Array, what: string): void {
    const isThere = (key: string) => Buffer.compare(this.disk.get(key)!, piece) === 0;
    expect(this.disk.keys(PIECE_PREFIX_OF_SNAPSHOTS).some(isThere), what).toBe(true);
  }

  private failSoon(): void {
    const one = this.below(2) === 0 ? this.disk : this.area;
    one.failsNext = true;
  }

  private crash(): void {
    const { durableMark } = this.store;
    const { snapshots } = this.listener;
    this.seen.snapshotsStored += snapshots.length;
    this.restart();
    while (!this.settle()) {
      this.seen.settlesInterrupted++;
      this.restart();
    }
    this.model = this.accepted.goOnFrom(this.store, durableMark, snapshots);
    [this.incoming, this.taking] = [undefined, undefined];
    this.applied = 0;
    this.sent = [];
    this.owed = [];
  }

  private restart(): void {
    const { seen } = this;
    seen.failures += this.area.failures + this.disk.failures;
    if (this.below(2) === 0) {
      seen.kills++;
      [this.disk, this.area] = [this.disk.endProcess(), this.area.endProcess()];
    } else {
      seen.powerLosses++;
      [this.disk, this.area] = [this.disk.losePower(), this.area.losePower()];
    }
    if (this.orphans.length > 0) seen.startsWithOrphans++;
    this.store = this.start();
  }

  private get orphans(): string[] {
    const pieces = this.disk.keys(PIECE_PREFIX_OF_SNAPSHOTS);
    return pieces.filter((key) => this.disk.get(parsePieceKey(key).of) === undefined);
  }

  /** Of all that was given up nothing stays, neither while the process goes on nor after its end. */
  end(): void {
    if (this.isOver) this.crash();
    [this.disk.failsNext, this.area.failsNext] = [false, false];
    this.receive();
    this.completeAll();
    this.giveUpAll();
    this.expectOneSnapshot();
    this.crash();
    this.expectOneSnapshot();
  }

  /** A snapshot takes the place of everything, and none is begun after it. */
  private giveUpAll(): void {
    const last = this.beginToReceive(this.store.lastIndex);
    const pieces: SnapshotPiece[] = [];
    while (!last.isWhole) pieces.push(this.pieceOf(last));
    this.incoming = undefined;
    this.install(last, pieces);
    if (this.incoming !== undefined) this.giveUpAll();
  }

  private expectOneSnapshot(): void {
    // Records tell of the ones before them that they were durable, and after that come deletions.
    for (let i = 0; i < 8; i++) {
      this.elect();
      this.completeAll();
    }
    expect(this.disk.keys(SNAPSHOT_PREFIX)).toHaveLength(1);
    expect(this.orphans).toEqual([]);
  }
}

type Seen = ReturnType<typeof nothingSeen>;

/** Of each, in a history on average. */
const AT_LEAST: Readonly<Seen> = {
  kills: 1.5,
  powerLosses: 1.5,
  failures: 0.3,
  settlesInterrupted: 0.6,
  startsWithOrphans: 2,
  snapshotsInstalled: 2,
  snapshotsStored: 1,
  snapshotsGivenUp: 3,
  marksOfPieces: 1.5,
  readsOfEarlier: 0.3,
};

function entriesOf(seen: Seen): [keyof Seen, number][] {
  return Object.entries(seen) as [keyof Seen, number][];
}

describe('the store while snapshots come and go in pieces', () => {
  it(`shows a batch boundary after crashes, what it sends as it was, and nothing of what was given up (${HISTORIES} random histories)`, () => {
    const all = nothingSeen();
    for (let seed = 1; seed <= HISTORIES; seed++) {
      try {
        const world = new World(seed);
        for (let step = 0; step < STEPS; step++) world.step();
        world.end();
        for (const [what, count] of entriesOf(world.seen)) all[what] += count;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    // Histories in which nothing of this happened would prove nothing.
    for (const [what, count] of entriesOf(all)) expect(count, what).toBeGreaterThan(AT_LEAST[what] * HISTORIES);
  }, 60_000);
});
