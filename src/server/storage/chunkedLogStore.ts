import {
  EMPTY_HARD_STATE,
  type HardState,
  LogCompactedError,
  type PersistBatch,
  type Snapshot,
  type SnapshotContent,
  type SnapshotPiece,
} from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { ReceivedContent } from '../../consensus/snapshotContent.ts';
import { ChunkCache, LoadedChunk, readObjects } from './chunkCache.ts';
import { ChunkIndex } from './chunkIndex.ts';
import {
  CorruptLogError,
  type Disk,
  type DiskOperation,
  InvalidBatchError,
  type LogStore,
  LogStoreClosedError,
  type LogStoreListener,
} from './contract.ts';
import { Garbage } from './garbage.ts';
import { chunkKey, snapshotKey, stateKey, VERSION_KEY } from './keys.ts';
import { isMarked, MarkedEntries } from './markedEntries.ts';
import { PieceWriter } from './pieceWriter.ts';
import { decodeRecordHeader, describeDamage, encodeRecord, type SnapshotReference } from './record.ts';
import { type OpenReport, type Recovered, recover } from './recovery.ts';
import { SnapshotSpool } from './snapshotSpool.ts';
import { TermRuns } from './termRuns.ts';
import { encodeVersion } from './version.ts';
import { nextPart, type PendingMark, WRITE_PART_BYTES } from './writePart.ts';

/** Bytes of encoded chunks kept in memory, whatever `cacheEntries` says. */
export const CACHE_BYTES_MAX = 256 * 1024 * 1024;
/** The newest entries that stay in memory as objects. */
export const HOT_ENTRIES_MAX = 16_384;
export const HOT_BYTES_MAX = 32 * 1024 * 1024;
/** Entries of one write; more wait for the next one. A single entry always fits. */
export const WRITE_BYTES_MAX = 4 * 1024 * 1024;
/** Keys that one write deletes beside what it writes, so that compaction never stalls an append. */
export const DELETES_PER_WRITE_MAX = 128;
/** After so many writes without sync the next one is synced, so that a crash never leaves more remains than that. */
export const UNSYNCED_WRITES_MAX = 64;

export interface ChunkedLogStoreOptions {
  /** Encoded entries kept in memory (the flag `-cache`). */
  readonly cacheEntries: number;
  /** The bounds above, for tests. */
  readonly cacheBytesMax?: number;
  readonly hotEntriesMax?: number;
  readonly hotBytesMax?: number;
  readonly writeBytesMax?: number;
  readonly writePartBytes?: number;
}

export interface OpenedLogStore {
  readonly store: ChunkedLogStore;
  readonly report: OpenReport;
}

/** Copied at a time of a snapshot that is all there. */
const COPIED_BYTES = 1024 * 1024;

interface ToStore {
  readonly snapshot: Snapshot;
  readonly spool: SnapshotSpool;
  readonly trailingEntries: number;
  readonly needed: () => readonly Snapshot[];
}

interface InFlight {
  readonly sequence: number;
  readonly durableSequence: number;
  readonly sync: boolean;
  readonly chunk: LoadedChunk | undefined;
  /** The highest mark that this write completes. */
  readonly mark: number;
  /** A stored (not installed) snapshot to tell the listener of; it may have been replaced by a newer one since. */
  readonly storedSnapshotIndex: number | undefined;
}

/**
 * The log store's logic over a Disk: `rkvd` runs it on LevelDB, the simulator on a virtual disk with faults. It has no
 * clock, no randomness and, but for `close`, no promises. recovery.ts describes what it leaves on disk and why that is safe.
 *
 * An index is in one of three places: `fresh` (accepted, in no write yet), the chunk in flight, or a chunk on disk.
 */
export class ChunkedLogStore implements LogStore {
  private readonly disk: Disk;
  private readonly listener: LogStoreListener;
  private readonly writeBytesMax: number;
  private readonly writePartBytes: number;

  private latestHardState: HardState;
  private baseIndex: number;
  private baseTerm: number;
  private readonly terms = new TermRuns();
  private readonly marked = new MarkedEntries();
  private readonly chunks = new ChunkIndex();
  private readonly cache: ChunkCache;
  private fresh: Entry[] = [];
  private freshFirst: number;

  private latestSnapshot: Snapshot | undefined;
  private snapshotReference: SnapshotReference | undefined;
  /** The latest snapshot, where no write carries it yet: none does before its pieces are written. */
  private snapshotToWrite: SnapshotSpool | undefined;
  private readonly pieces: PieceWriter;
  /** Of a snapshot that a peer sends, and of one that is taken here. */
  private incoming: SnapshotSpool | undefined;
  private taking: SnapshotSpool | undefined;
  /** It was taken, and is stored once its pieces are written. */
  private toStore: ToStore | undefined;
  /** Given up while pieces of them are still on their way to the disk. */
  private dropped: SnapshotSpool[] = [];
  /** Earlier snapshots that are still read. */
  private needed: { readonly content: SnapshotContent; readonly giveUp: () => void }[] = [];
  private storedSnapshotIndex: number | undefined;

  /** Something was accepted that no write carries yet. */
  private dirty = false;
  private mustSync = false;
  private marks: PendingMark[] = [];
  /** All that waits came in batches that only appended, so that any number of them from the first on can be written by themselves. */
  private areAppends = true;
  private acceptedMark = 0;
  private durableUpTo = 0;
  private inFlight: InFlight | undefined;
  private unsyncedWrites = 0;

  private nextSequence: number;
  private readonly takeSequence = () => this.nextSequence++;
  private durableSequence: number;
  private anchoredSequence: number;
  private previousSequence: number;
  private previousChecksum: number;
  private versionMissing: boolean;
  /** The key of the last record, if it is a state record: the next record makes it useless. */
  private stateKey: string | undefined;
  /** Remains of dropped writes; the first write deletes them all. */
  private remains: readonly string[];
  private readonly deadStates = new Garbage();
  private readonly dead = new Garbage();

  private failure: Error | undefined;
  private closing: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined;

  /**
   * Opens what the disk holds. Throws CorruptLogError where something that was durable is damaged or missing and
   * UnknownFormatError where another version of the program wrote it; the disk then is as it was.
   */
  static open(disk: Disk, listener: LogStoreListener, options: ChunkedLogStoreOptions): OpenedLogStore {
    const recovered = recover(disk);
    return { store: new ChunkedLogStore(disk, listener, options, recovered), report: recovered.report };
  }

  private constructor(
    disk: Disk,
    listener: LogStoreListener,
    options: ChunkedLogStoreOptions,
    { last, ...recovered }: Recovered,
  ) {
    this.disk = disk;
    this.listener = listener;
    this.writeBytesMax = options.writeBytesMax ?? WRITE_BYTES_MAX;
    this.writePartBytes = options.writePartBytes ?? WRITE_PART_BYTES;
    this.pieces = new PieceWriter(disk, (error) => this.pieceDone(error));
    this.cache = new ChunkCache({
      entriesMax: options.cacheEntries,
      bytesMax: options.cacheBytesMax ?? CACHE_BYTES_MAX,
      hotEntriesMax: Math.min(options.hotEntriesMax ?? HOT_ENTRIES_MAX, options.cacheEntries),
      hotBytesMax: options.hotBytesMax ?? HOT_BYTES_MAX,
    });
    this.latestHardState = last?.hardState ?? EMPTY_HARD_STATE;
    this.baseIndex = last?.baseIndex ?? 0;
    this.baseTerm = last?.baseTerm ?? 0;
    this.freshFirst = (last?.lastIndex ?? 0) + 1;
    this.snapshotReference = last?.snapshot;
    this.latestSnapshot = recovered.snapshot;
    this.nextSequence = recovered.nextSequence;
    // All that was accepted is durable before the first write begins (promisedDisk.ts settles it). But
    // while something is left to tidy up, records must not say so: recovery takes what they name for tidy (recovery.ts).
    const isTidy = recovered.remains.length === 0 && !recovered.versionMissing;
    const lastSequence = last?.sequence ?? 0;
    this.durableSequence = isTidy ? lastSequence : recovered.anchoredSequence;
    this.anchoredSequence = recovered.anchoredSequence;
    this.previousSequence = last?.sequence ?? 0;
    this.previousChecksum = last?.checksum ?? 0;
    this.versionMissing = recovered.versionMissing;
    this.stateKey = last !== undefined && recovered.lastIsState ? stateKey(last.sequence) : undefined;
    this.remains = recovered.remains;
    for (const key of recovered.dead) this.dead.add(key, lastSequence);
    this.loadChunks(recovered);
  }

  private loadChunks(recovered: Omit<Recovered, 'last'>): void {
    for (const chunk of recovered.chunks) {
      this.chunks.push(chunk.firstIndex, chunk.sequence);
      for (const run of chunk.termRuns) {
        this.terms.truncateFrom(run.first);
        this.terms.append(run.first, run.term);
      }
    }
    this.terms.truncateFrom(this.freshFirst);
    this.terms.dropUpTo(this.baseIndex);
    const marked: Entry[] = [];
    recovered.chunks.forEach((chunk, position) => {
      const end = (recovered.chunks[position + 1]?.firstIndex ?? this.freshFirst) - 1;
      for (const index of chunk.markedIndexes) {
        if (index > this.baseIndex && index <= end) marked.push(this.entries(index, index, 0)[0]!);
      }
    });
    this.marked.append(marked);
  }

  get firstIndex(): number {
    return this.baseIndex + 1;
  }

  get lastIndex(): number {
    return this.freshFirst + this.fresh.length - 1;
  }

  get hardState(): HardState {
    return this.latestHardState;
  }

  get durableMark(): number {
    return this.durableUpTo;
  }

  /** Encoded entries in memory, and their bytes; for metrics. */
  get cached(): { entries: number; bytes: number } {
    return { entries: this.cache.entryCount, bytes: this.cache.byteCount };
  }

  term(index: number): number | undefined {
    if (index === this.baseIndex) return this.baseTerm;
    if (index < this.baseIndex || index > this.lastIndex) return undefined;
    return this.terms.at(index);
  }

  configurationEntries(): readonly Entry[] {
    return this.marked.configurations;
  }

  fenceEntries(): readonly Entry[] {
    return this.marked.fences;
  }

  snapshot(): Snapshot | undefined {
    return this.latestSnapshot;
  }

  entries(from: number, to: number, maxBytes: number): Entry[] {
    if (from <= this.baseIndex) throw new LogCompactedError(from, this.firstIndex);
    const last = this.lastIndex;
    if (from > last) throw new RangeError(`log entry ${from} is not there yet; the last one is ${last}`);
    const end = Math.min(to, last);
    const found: Entry[] = [];
    let bytes = 0;
    let next = from;
    for (let position = this.chunks.find(from); next < this.freshFirst && next <= end; position++) {
      const chunk = this.load(position);
      const chunkEnd = Math.min(end, (this.chunks.firstAt(position + 1) ?? this.freshFirst) - 1);
      bytes += chunk.read(next, chunkEnd, maxBytes - bytes, found);
      if (from + found.length <= chunkEnd) return found;
      next = chunkEnd + 1;
    }
    if (next <= end) {
      readObjects(this.fresh, next - this.freshFirst, end - this.freshFirst, maxBytes - bytes, found);
    }
    return found;
  }

  private load(position: number): LoadedChunk {
    const { firstIndex, sequence } = this.chunks.at(position);
    if (this.inFlight?.sequence === sequence) return this.inFlight.chunk!;
    const cached = this.cache.get(sequence);
    if (cached !== undefined) return cached;
    const key = chunkKey(firstIndex, sequence);
    const value = this.disk.get(key);
    const { header, damage } = decodeRecordHeader(key, value);
    if (header === undefined || value === undefined) {
      const end = (this.chunks.firstAt(position + 1) ?? this.freshFirst) - 1;
      throw new CorruptLogError(`${key}, entries ${firstIndex} to ${end}: ${describeDamage(damage!)}`);
    }
    const lastIndex = firstIndex + header.entryCount - 1;
    const chunk = new LoadedChunk(sequence, firstIndex, lastIndex, value, header.entriesStart, null);
    this.cache.add(chunk);
    return chunk;
  }

  persist(batch: PersistBatch): void {
    this.throwIfClosed();
    this.check(batch);
    let whole: SnapshotSpool | undefined;
    for (const piece of batch.pieces ?? []) {
      const { incoming } = this;
      if (
        incoming !== undefined &&
        incoming.content === batch.snapshot?.content &&
        incoming.content !== piece.content
      ) {
        // The next one begins in the turn in which this one became whole.
        whole = incoming;
        this.incoming = undefined;
      }
      this.incoming = this.spooled(this.incoming, piece);
    }
    if (batch.snapshot !== undefined) this.install(batch.snapshot, whole ?? this.incoming);
    if (batch.truncateFrom !== undefined) this.truncate(batch.truncateFrom);
    if (batch.entries.length > 0) this.append(batch.entries);
    if (batch.hardState !== undefined) this.latestHardState = batch.hardState;
    this.acceptedMark = batch.mark;
    const { count: pieces } = this.pieces;
    this.marks.push({ mark: batch.mark, lastIndex: this.lastIndex, hardState: this.latestHardState, pieces });
    if (batch.snapshot !== undefined || batch.truncateFrom !== undefined) this.areAppends = false;
    this.dirty = true;
    this.mustSync ||= batch.mustSync;
    this.write();
  }

  private throwIfClosed(): void {
    if (this.failure !== undefined) {
      throw new LogStoreClosedError('the log store stopped after a failed write', { cause: this.failure });
    }
    if (this.closing !== undefined) throw new LogStoreClosedError('the log store is closed');
  }

  private check({ mark, snapshot, truncateFrom, entries, hardState }: PersistBatch): void {
    if (mark <= this.acceptedMark) throw new InvalidBatchError(`mark ${mark} follows mark ${this.acceptedMark}`);
    // It could be written but never read again, and the server could not start with it.
    if (hardState !== undefined && !Number.isSafeInteger(hardState.term)) {
      throw new InvalidBatchError(`term ${hardState.term}, expected at most 2^53 - 1`);
    }
    const stored = this.latestSnapshot?.index ?? 0;
    if (snapshot !== undefined && snapshot.index < stored) {
      throw new InvalidBatchError(`a snapshot of index ${snapshot.index} in place of one of ${stored}`);
    }
    let last = snapshot?.index ?? this.lastIndex;
    // What a snapshot holds was applied, hence committed: nothing may ever truncate it.
    const base = Math.max(snapshot?.index ?? this.baseIndex, stored);
    if (truncateFrom !== undefined) {
      if (truncateFrom <= base || truncateFrom > last + 1) {
        throw new InvalidBatchError(`truncation from ${truncateFrom}, expected ${base + 1} to ${last + 1}`);
      }
      last = truncateFrom - 1;
    }
    for (const entry of entries) {
      if (entry.index !== last + 1) throw new InvalidBatchError(`entry ${entry.index} follows entry ${last}`);
      last++;
    }
  }

  /** The snapshot replaces the whole log. */
  private install(snapshot: Snapshot, begun: SnapshotSpool | undefined): void {
    this.discardFrom(this.baseIndex + 1, snapshot.index + 1);
    this.terms.clear();
    this.marked.clear();
    this.baseIndex = snapshot.index;
    this.baseTerm = snapshot.term;
    const spool = this.spoolOf(snapshot, begun);
    if (this.incoming === spool) this.incoming = undefined;
    this.dropSpool(this.taking);
    this.taking = undefined;
    if (this.toStore !== undefined) {
      // It is overtaken, and who waits for it is told nevertheless.
      this.storedSnapshotIndex = this.toStore.snapshot.index;
      this.dropSpool(this.toStore.spool);
      this.toStore = undefined;
    }
    this.replaceSnapshot(snapshot, spool, []);
  }

  private truncate(index: number): void {
    if (index > this.lastIndex) return;
    if (index >= this.freshFirst) this.fresh.length = index - this.freshFirst;
    else this.discardFrom(index, index);
    this.terms.truncateFrom(index);
    this.marked.truncateFrom(index);
    for (let i = this.marks.length - 1; i >= 0 && this.marks[i]!.lastIndex >= index; i--) {
      this.marks[i]!.lastIndex = index - 1;
    }
  }

  /** Forgets all written chunks that begin at or after `index`, and what was not written; the log goes on at `next`. */
  private discardFrom(index: number, next: number): void {
    // The first chunk may begin below the log's base; where nothing is to be kept, it goes too.
    for (const chunk of this.chunks.popFrom(index === this.baseIndex + 1 ? 0 : index)) this.bury(chunk);
    this.fresh = [];
    this.freshFirst = next;
    for (const pending of this.marks) pending.lastIndex = Math.min(pending.lastIndex, next - 1);
  }

  private bury({ firstIndex, sequence }: { firstIndex: number; sequence: number }): void {
    this.cache.delete(sequence);
    this.dead.add(chunkKey(firstIndex, sequence), this.nextSequence);
  }

  private append(entries: readonly Entry[]): void {
    const first = entries[0]!;
    this.terms.append(first.index, first.term);
    const mixed = entries[entries.length - 1]!.term !== first.term;
    let marked: Entry[] | undefined;
    for (const entry of entries) {
      if (mixed) this.terms.append(entry.index, entry.term);
      if (isMarked(entry)) {
        marked ??= [];
        marked.push(entry);
      }
    }
    if (marked !== undefined) this.marked.append(marked);
    if (this.fresh.length === 0) this.fresh = entries.slice();
    else for (const entry of entries) this.fresh.push(entry);
  }

  get hasRoom(): boolean {
    return this.pieces.hasRoom;
  }

  addPiece(piece: SnapshotPiece): void {
    this.throwIfClosed();
    this.taking = this.spooled(this.taking, piece);
  }

  /** Puts the piece behind those of its content that are in `spool`, or begins one in its place. */
  private spooled(spool: SnapshotSpool | undefined, { content, data }: SnapshotPiece): SnapshotSpool {
    const isNext = spool?.content === content;
    if (!isNext) this.dropSpool(spool);
    const next = isNext ? spool : new SnapshotSpool(content, this.takeSequence, this.disk, this.pieces);
    next.add(data);
    return next;
  }

  /** The snapshot's own, which may be `begun` or is made of it at once, with all that is in it. */
  private spoolOf(snapshot: Snapshot, begun: SnapshotSpool | undefined): SnapshotSpool {
    let spool = begun;
    if (spool?.content !== snapshot.content) {
      const { content: from } = snapshot;
      const content = new ReceivedContent(snapshot, from.byteLength);
      spool = new SnapshotSpool(content, this.takeSequence, this.disk, this.pieces);
      for (let at = 0; at < from.byteLength; at += COPIED_BYTES) spool.add(from.read(at, COPIED_BYTES));
    }
    spool.finish();
    return spool;
  }

  private dropSpool(spool: SnapshotSpool | undefined, but?: SnapshotSpool): void {
    if (spool === undefined || spool === but) return;
    this.dropped.push(spool);
    this.buryDropped();
  }

  /** A piece that is deleted before it is written stays. */
  private buryDropped(): void {
    this.dropped = this.dropped.filter((spool) => {
      if (!spool.isWritten) return true;
      for (const key of spool.remains) this.dead.add(key, this.nextSequence);
      return false;
    });
  }

  storeSnapshot(snapshot: Snapshot, trailingEntries: number, needed: () => readonly Snapshot[] = () => []): void {
    this.throwIfClosed();
    if (snapshot.index <= Math.max(this.latestSnapshot?.index ?? 0, this.toStore?.snapshot.index ?? 0)) return;
    const lastIndex = this.lastIndex;
    if (snapshot.index > lastIndex) {
      throw new InvalidBatchError(`snapshot of index ${snapshot.index} of a log that ends at ${lastIndex}`);
    }
    const spool = this.spoolOf(snapshot, this.taking);
    this.dropSpool(this.taking, spool);
    this.taking = undefined;
    this.dropSpool(this.toStore?.spool);
    this.toStore = { snapshot, spool, trailingEntries, needed };
    this.storeWritten();
  }

  /** Nothing of the log is given up for a snapshot whose pieces are not all on the disk. */
  private storeWritten(): void {
    const { toStore } = this;
    if (toStore === undefined || !toStore.spool.isWritten) return;
    this.toStore = undefined;
    const { snapshot, spool, trailingEntries, needed } = toStore;
    const base = Math.max(this.baseIndex, snapshot.index - Math.max(0, trailingEntries));
    this.compact(base);
    this.replaceSnapshot(snapshot, spool, needed());
    this.storedSnapshotIndex = snapshot.index;
    this.areAppends = false;
    this.dirty = true;
    this.mustSync = true;
    this.write();
  }

  /** A piece is on the disk, for which something may have waited. */
  private pieceDone(error: Error | null): void {
    if (this.failure !== undefined) return;
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.buryDropped();
    this.storeWritten();
    this.write();
    this.reportPieces();
    if (this.pieces.hasRoom) this.listener.hasRoomAgain?.();
    this.finishClosing();
  }

  /** Batches that waited for nothing but pieces. */
  private reportPieces(): void {
    if (this.inFlight !== undefined || this.dirty) return;
    const mark = this.takeMarks();
    if (mark <= this.durableUpTo) return;
    this.durableUpTo = mark;
    this.listener.durable(mark);
  }

  private compact(base: number): void {
    this.baseTerm = this.term(base)!;
    this.baseIndex = base;
    if (base >= this.freshFirst) {
      this.fresh = this.fresh.slice(base - this.freshFirst + 1);
      this.freshFirst = base + 1;
    }
    for (const chunk of this.chunks.shiftUpTo(base, this.freshFirst - 1)) this.bury(chunk);
    this.terms.dropUpTo(base);
    this.marked.dropUpTo(base);
  }

  private replaceSnapshot(
    { index, term, configuration }: Snapshot,
    spool: SnapshotSpool,
    needed: readonly Snapshot[],
  ): void {
    const { latestSnapshot, snapshotReference: old, snapshotToWrite } = this;
    if (latestSnapshot !== undefined) {
      // No record may name it yet: of that one there are no more than pieces.
      const giveUp = () => {
        if (old === undefined) this.dropSpool(snapshotToWrite);
        else this.dead.add(snapshotKey(old.index, old.sequence), this.nextSequence);
      };
      this.needed.push({ content: latestSnapshot.content, giveUp });
    }
    this.needed = this.needed.filter((earlier) => {
      if (needed.some((of) => of.content === earlier.content)) return true;
      earlier.giveUp();
      return false;
    });
    this.snapshotReference = undefined;
    this.snapshotToWrite = spool;
    this.latestSnapshot = { index, term, configuration, content: spool.content };
  }

  /** Begins the next write, if none is in flight and there is something to write. */
  private write(): void {
    if (this.inFlight !== undefined || this.failure !== undefined) return;
    // What it takes the place of is gone from memory: no record says so before it is there.
    if (this.snapshotToWrite?.isWritten === false) return;
    if (!this.dirty && !this.wantsCleaning()) return;
    const sequence = this.nextSequence++;
    const operations: DiskOperation[] = [];
    this.writeSnapshot(sequence, operations);
    const chunk = this.writeRecord(sequence, operations);
    if (this.versionMissing) operations.push({ key: VERSION_KEY, value: encodeVersion() });
    const remove = (key: string) => operations.push({ key, value: null });
    this.remains.forEach(remove);
    const left = DELETES_PER_WRITE_MAX - this.deadStates.take(this.anchoredSequence, DELETES_PER_WRITE_MAX, remove);
    this.dead.take(this.anchoredSequence, left, remove);
    const sync = this.needsSync();
    this.unsyncedWrites = sync ? 0 : this.unsyncedWrites + 1;
    this.inFlight = {
      sequence,
      durableSequence: this.durableSequence,
      sync,
      chunk,
      mark: this.takeMarks(),
      storedSnapshotIndex: this.storedSnapshotIndex,
    };
    this.storedSnapshotIndex = undefined;
    this.dirty = this.fresh.length > 0;
    this.mustSync = this.dirty;
    this.versionMissing = false;
    this.remains = [];
    this.disk.write(operations, sync, (error) => this.done(error));
  }

  /** A batch alone that need not be synced is not, but for the first write and now and then one. */
  private needsSync(): boolean {
    return (
      !this.dirty ||
      this.mustSync ||
      this.remains.length > 0 ||
      this.versionMissing ||
      this.unsyncedWrites >= UNSYNCED_WRITES_MAX
    );
  }

  /** Whether large garbage waits: for its deletion, or for a write that anchors the durable one that replaced it. */
  private wantsCleaning(): boolean {
    return this.closing === undefined && (this.dead.nextReplacedBy ?? Number.POSITIVE_INFINITY) <= this.durableSequence;
  }

  private writeSnapshot(sequence: number, operations: DiskOperation[]): void {
    const spool = this.snapshotToWrite;
    if (spool === undefined) return;
    this.snapshotReference = spool.put(sequence, operations);
    this.snapshotToWrite = undefined;
  }

  private writeRecord(sequence: number, operations: DiskOperation[]): LoadedChunk | undefined {
    const { entries, bytes, hardState } = this.takeFresh();
    const lastIndex = this.freshFirst - 1;
    const first = entries[0]?.index;
    const { term, vote, commit } = hardState;
    const fields = {
      sequence,
      durableSequence: this.durableSequence,
      previousSequence: this.previousSequence,
      previousChecksum: this.previousChecksum,
      baseIndex: this.baseIndex,
      baseTerm: this.baseTerm,
      snapshot: this.snapshotReference,
      // Entries that had to wait for the next write may be committed already; the hint must not point beyond the log.
      hardState: { term, vote, commit: Math.min(commit, lastIndex) },
      lastIndex,
      lastTerm: this.term(lastIndex) ?? 0,
      previousTerm: this.term((first ?? lastIndex + 1) - 1) ?? 0,
    };
    const record = encodeRecord(fields, entries, bytes);
    if (this.stateKey !== undefined) this.deadStates.add(this.stateKey, sequence);
    this.previousSequence = sequence;
    this.previousChecksum = record.checksum;
    this.stateKey = first === undefined ? stateKey(sequence) : undefined;
    operations.push({ key: this.stateKey ?? chunkKey(first!, sequence), value: record.value });
    if (first === undefined) return undefined;
    const chunk = new LoadedChunk(sequence, first, lastIndex, record.value, record.entriesStart, entries);
    this.chunks.push(first, sequence);
    this.cache.add(chunk);
    return chunk;
  }

  /**
   * Takes as many fresh entries as the next write is to carry, and all up to the snapshot, however many: what was committed by others may be
   * in a snapshot before it is on this disk, and a log that ends before its snapshot is none that an engine can begin with.
   */
  private takeFresh(): { readonly entries: readonly Entry[]; readonly bytes: number; readonly hardState: HardState } {
    const { fresh, freshFirst, marks, writeBytesMax, latestHardState } = this;
    const partBytes = this.areAppends ? this.writePartBytes : 0;
    const countMin = Math.max(1, (this.snapshotReference?.index ?? 0) - freshFirst + 1);
    const bounds = { countMin, writeBytesMax, partBytes };
    const { count, bytes, hardState = latestHardState } = nextPart(fresh, freshFirst, marks, bounds);
    const isAll = count === fresh.length;
    this.areAppends ||= isAll;
    this.freshFirst += count;
    this.fresh = isAll ? [] : fresh.slice(count);
    return { entries: isAll ? fresh : fresh.slice(0, count), bytes, hardState };
  }

  /** The highest mark whose entries are all written once the write being made is; everything else it stands for is. */
  private takeMarks(): number {
    let complete = 0;
    for (; complete < this.marks.length; complete++) {
      const { lastIndex, pieces = 0 } = this.marks[complete]!;
      if (lastIndex >= this.freshFirst || pieces > this.pieces.written) break;
    }
    if (complete === 0) return 0;
    const { mark } = this.marks[complete - 1]!;
    this.marks.splice(0, complete);
    return mark;
  }

  private done(error: Error | null): void {
    const written = this.inFlight!;
    this.inFlight = undefined;
    if (error !== null) {
      this.fail(error);
      return;
    }
    if (written.sync) {
      this.durableSequence = written.sequence;
      this.anchoredSequence = written.durableSequence;
    }
    // The disk gets its next work before anyone is told, so that both go on side by side.
    this.write();
    if (written.mark > this.durableUpTo) {
      this.durableUpTo = written.mark;
      this.listener.durable(written.mark);
    }
    if (written.storedSnapshotIndex !== undefined) this.listener.snapshotStored(written.storedSnapshotIndex);
    this.reportPieces();
    this.finishClosing();
  }

  /** The disk did not get something that is promised elsewhere (promisedDisk.ts), with no write under way that could fail of it: nothing more is taken. */
  failedBelow(error: Error): void {
    if (this.failure === undefined && this.closing === undefined) this.fail(error);
  }

  private fail(error: Error): void {
    const isFirst = this.failure === undefined;
    this.failure ??= error;
    if (isFirst) this.listener.failed(error);
    this.finishClosing();
  }

  close(): Promise<void> {
    if (this.closing !== undefined) return this.closing.promise;
    let resolve = () => {};
    let reject = (_: Error) => {};
    const promise = new Promise<void>((resolved, rejected) => {
      resolve = resolved;
      reject = rejected;
    });
    this.closing = { promise, resolve, reject };
    // One last synced record, which tells that the one before it was durable.
    if (this.previousSequence > 0) {
      this.dirty = true;
      this.mustSync = true;
      this.write();
    }
    this.finishClosing();
    return promise;
  }

  private finishClosing(): void {
    const closing = this.closing;
    if (closing === undefined || this.inFlight !== undefined) return;
    // What waits for pieces was accepted, and the disk takes none once it is closed.
    if (this.failure === undefined && this.pieces.written < this.pieces.count) return;
    this.disk.close().then(closing.resolve, closing.reject);
  }
}
