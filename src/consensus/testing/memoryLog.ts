import {
  EMPTY_HARD_STATE,
  type HardState,
  LogCompactedError,
  type LogReader,
  type PersistBatch,
  type Snapshot,
} from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { PieceKeeper } from '../snapshotContent.ts';

/** The obvious log: an array. For tests of engines; what is durable is the test's to decide. */
export class MemoryLog implements LogReader {
  hardState: HardState = EMPTY_HARD_STATE;
  private all: Entry[] = [];
  private base = { index: 0, term: 0 };
  private stored: Snapshot | undefined;
  private readonly pieces = new PieceKeeper();

  get firstIndex(): number {
    return this.base.index + 1;
  }

  get lastIndex(): number {
    return this.base.index + this.all.length;
  }

  term(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.all[index - this.firstIndex]?.term;
  }

  entries(from: number, to: number, maxBytes: number): Entry[] {
    if (from < this.firstIndex) throw new LogCompactedError(from, this.firstIndex);
    if (to > this.lastIndex) throw new RangeError(`entry ${to} after ${this.lastIndex}`);
    const result: Entry[] = [];
    let bytes = 0;
    for (const entry of this.all.slice(from - this.firstIndex, to - this.firstIndex + 1)) {
      bytes += recordSize(entry);
      if (bytes > maxBytes && result.length > 0) break;
      result.push(entry);
    }
    return result;
  }

  configurationEntries(): readonly Entry[] {
    return this.all.filter((entry) => isConfigurationType(entry.type));
  }

  snapshot(): Snapshot | undefined {
    return this.stored;
  }

  persist({ pieces, snapshot, truncateFrom, entries, hardState }: PersistBatch): void {
    for (const piece of pieces ?? []) this.pieces.addPiece(piece);
    if (snapshot !== undefined) {
      this.stored = snapshot;
      this.base = { index: snapshot.index, term: snapshot.term };
      this.all = [];
    }
    if (truncateFrom !== undefined) this.all.length = truncateFrom - this.firstIndex;
    this.all.push(...entries);
    if (hardState !== undefined) this.hardState = hardState;
  }

  storeSnapshot(snapshot: Snapshot, trailingEntries: number): void {
    this.stored = snapshot;
    const base = Math.max(this.base.index, snapshot.index - trailingEntries);
    const term = this.term(base)!;
    this.all = this.all.slice(base - this.base.index);
    this.base = { index: base, term };
  }
}
