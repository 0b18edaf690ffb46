import {
  EMPTY_HARD_STATE,
  type HardState,
  LogCompactedError,
  type PersistBatch,
  type Snapshot,
  type SnapshotPiece,
} from '../../consensus/contract.ts';
import { type Entry, EntryType, isConfigurationType } from '../../consensus/entry.ts';
import { recordSize } from '../../consensus/entryCodec.ts';
import { PieceKeeper } from '../../consensus/snapshotContent.ts';
import { mayBeFence } from '../../wire/fence.ts';
import { InvalidBatchError, type LogStore, LogStoreClosedError, type LogStoreListener } from './contract.ts';

/**
 * The obvious log store: an array. It is what tests compare the real one with, and serves where nothing need survive.
 * What it accepts is durable when `flush` is called.
 */
export class SimpleLogStore implements LogStore {
  private readonly listener: LogStoreListener;
  private readonly pieces = new PieceKeeper();
  private kept: Entry[] = [];
  private baseIndex = 0;
  private baseTerm = 0;
  private latestSnapshot: Snapshot | undefined;
  private acceptedMark = 0;
  private storedSnapshotIndex = 0;
  private closed = false;
  hardState: HardState = EMPTY_HARD_STATE;
  durableMark = 0;

  constructor(listener: LogStoreListener) {
    this.listener = listener;
  }

  /** An independent copy that reports to `listener`, as if everything accepted had been durable. */
  copy(listener: LogStoreListener): SimpleLogStore {
    const copy = new SimpleLogStore(listener);
    copy.kept = [...this.kept];
    copy.baseIndex = this.baseIndex;
    copy.baseTerm = this.baseTerm;
    copy.latestSnapshot = this.latestSnapshot;
    copy.acceptedMark = this.acceptedMark;
    copy.hardState = this.hardState;
    copy.durableMark = this.acceptedMark;
    return copy;
  }

  get firstIndex(): number {
    return this.baseIndex + 1;
  }

  get lastIndex(): number {
    return this.baseIndex + this.kept.length;
  }

  term(index: number): number | undefined {
    return index === this.baseIndex ? this.baseTerm : this.kept[index - this.firstIndex]?.term;
  }

  entries(from: number, to: number, maxBytes: number): Entry[] {
    if (from < this.firstIndex) throw new LogCompactedError(from, this.firstIndex);
    if (from > this.lastIndex) throw new RangeError(`log entry ${from} is not there yet`);
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.kept.slice(from - this.firstIndex, Math.max(to, from - 1) - this.baseIndex)) {
      bytes += recordSize(entry);
      if (bytes > maxBytes && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  configurationEntries(): readonly Entry[] {
    return this.kept.filter((entry) => isConfigurationType(entry.type));
  }

  fenceEntries(): readonly Entry[] {
    return this.kept.filter((entry) => entry.type === EntryType.Normal && mayBeFence(entry.data));
  }

  snapshot(): Snapshot | undefined {
    return this.latestSnapshot;
  }

  persist(batch: PersistBatch): void {
    this.throwIfClosed();
    if (batch.mark <= this.acceptedMark) throw new InvalidBatchError(`mark ${batch.mark} again`);
    const { term } = batch.hardState ?? this.hardState;
    if (!Number.isSafeInteger(term)) throw new InvalidBatchError(`term ${term}`);
    const base = batch.snapshot?.index ?? this.baseIndex;
    const kept = batch.snapshot === undefined ? this.kept : [];
    const cut = batch.truncateFrom ?? base + kept.length + 1;
    const stored = this.latestSnapshot?.index ?? 0;
    if (batch.snapshot !== undefined && batch.snapshot.index < stored) throw new InvalidBatchError('an older snapshot');
    if (batch.truncateFrom !== undefined && cut <= stored) throw new InvalidBatchError(`truncation from ${cut}`);
    if (cut <= base || cut > base + kept.length + 1) throw new InvalidBatchError(`truncation from ${cut}`);
    const entries = [...kept.slice(0, cut - base - 1), ...batch.entries];
    entries.forEach((entry, i) => {
      if (entry.index !== base + 1 + i) throw new InvalidBatchError(`entry ${entry.index} at ${base + 1 + i}`);
    });
    for (const piece of batch.pieces ?? []) this.pieces.addPiece(piece);
    this.kept = entries;
    this.baseIndex = base;
    if (batch.snapshot !== undefined) {
      this.latestSnapshot = batch.snapshot;
      this.baseTerm = batch.snapshot.term;
    }
    this.hardState = batch.hardState ?? this.hardState;
    this.acceptedMark = batch.mark;
  }

  get hasRoom(): boolean {
    return this.pieces.hasRoom;
  }

  addPiece(piece: SnapshotPiece): void {
    this.pieces.addPiece(piece);
  }

  storeSnapshot(snapshot: Snapshot, trailingEntries: number): void {
    this.throwIfClosed();
    if (snapshot.index <= (this.latestSnapshot?.index ?? 0)) return;
    if (snapshot.index > this.lastIndex) throw new InvalidBatchError(`snapshot of ${snapshot.index}`);
    const base = Math.max(this.baseIndex, snapshot.index - trailingEntries);
    this.baseTerm = this.term(base)!;
    this.kept = this.kept.slice(base - this.baseIndex);
    this.baseIndex = base;
    this.latestSnapshot = snapshot;
    this.storedSnapshotIndex = snapshot.index;
  }

  private throwIfClosed(): void {
    if (this.closed) throw new LogStoreClosedError('the log store is closed');
  }

  /** Everything accepted becomes durable. */
  flush(): void {
    if (this.durableMark < this.acceptedMark) {
      this.durableMark = this.acceptedMark;
      this.listener.durable(this.durableMark);
    }
    const stored = this.storedSnapshotIndex;
    this.storedSnapshotIndex = 0;
    if (stored > 0) this.listener.snapshotStored(stored);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.flush();
  }
}
