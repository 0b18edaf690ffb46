import type { NodeId, Snapshot, SnapshotPlace } from '../../consensus/contract.ts';
import { ReceivedContent } from '../../consensus/snapshotContent.ts';
import type { PieceSink } from '../storage/contract.ts';
import type { SnapshotSource } from './stateMachine.ts';

/** A snapshot on its way from the state machine to who keeps its pieces: read a slice a turn, of the state as it was at its index. */
export class SnapshotTaking {
  private readonly source: SnapshotSource;
  private readonly sink: PieceSink;
  private readonly content: ReceivedContent;
  private end = 0;

  /** `source` was opened when just what `place` says was applied. */
  constructor(place: SnapshotPlace, source: SnapshotSource, sink: PieceSink) {
    this.source = source;
    this.sink = sink;
    this.content = new ReceivedContent(place, source.size);
  }

  /** Reads so many bytes more. Returns the snapshot once it is whole. */
  read(bytes: number): Snapshot | undefined {
    const { source, content } = this;
    const data = new Uint8Array(Math.min(bytes, source.size - this.end));
    const count = source.read(data, 0, data.length);
    this.end += count;
    this.sink.addPiece({ content, data: data.subarray(0, count) });
    if (this.end < source.size) return undefined;
    source.close();
    return { ...content.place, content };
  }

  abandon(): void {
    this.source.close();
  }
}

/** The state as of `place`, read by somebody else in pieces of his own. */
export class StateCopy {
  readonly place: SnapshotPlace;
  private readonly source: SnapshotSource;
  private isClosed = false;

  /** `source` was opened when just what `place` says was applied. */
  constructor(place: SnapshotPlace, source: SnapshotSource) {
    this.place = place;
    this.source = source;
  }

  /** Bytes altogether. */
  get size(): number {
    return this.source.size;
  }

  /** Nothing can be read any more once it is closed, by whoever reads or by the replica. */
  get isOpen(): boolean {
    return !this.isClosed;
  }

  /** Fills these bytes with what comes next. Returns how many: fewer only where that was the last. */
  read(into: Uint8Array): number {
    return this.source.read(into, 0, into.length);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.source.close();
  }
}

/** The golden ratio's part after the point: its multiples lie as far from each other as can be, however many there are. */
const GOLDEN_PART = 0.618_033_988_749_895;

/**
 * Whether a server takes a snapshot. It takes one about every `everyEntries`, at places in the log that are its own: servers that all took
 * theirs at the same entry would be slow at the same time.
 */
export function isSnapshotDue(id: NodeId, everyEntries: number, appliedIndex: number, lastIndex: number): boolean {
  if (everyEntries === 0) return false;
  const offset = Math.floor((((id - 1) * GOLDEN_PART) % 1) * everyEntries);
  return Math.floor((appliedIndex + offset) / everyEntries) > Math.floor((lastIndex + offset) / everyEntries);
}
