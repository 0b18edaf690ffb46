import { LogCompactedError, type LogReader, type Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { recordSize, recordsSize } from '../entryCodec.ts';

/** Pruned entries are let go in lots of this many, so that a busy log is not copied every turn. */
const PRUNE_LOT = 512;

/** What of the log has to be persisted next, in the order of PersistBatch. */
export interface LogChanges {
  readonly snapshot: Snapshot | undefined;
  readonly truncateFrom: number | undefined;
  readonly entries: readonly Entry[];
}

/**
 * The log as its engine sees it: the host's stored log, and over it a tail of entries still in memory. The tail holds
 * everything not yet handed to the host (which the stored log cannot show) and not yet committed (which is wanted again
 * soon), as the very objects that went to the disk and to the followers.
 */
export class LogTail {
  private readonly reader: LogReader;
  /** Entries tailStart … lastIndex. Everything below tailStart is in the stored log. */
  private tail: Entry[] = [];
  private tailStart: number;
  private last: number;
  private lastTermValue: number;
  /** Entries up to here were handed to the host. */
  private handed: number;
  private cutFrom: number | undefined;
  private snapshotToHand: Snapshot | undefined;
  /** The point that an installed snapshot set, until the stored log shows it. */
  private baseIndex = 0;
  private baseTerm = 0;

  constructor(reader: LogReader) {
    this.reader = reader;
    this.last = reader.lastIndex;
    this.handed = this.last;
    this.tailStart = this.last + 1;
    this.lastTermValue = reader.term(this.last) ?? 0;
  }

  get lastIndex(): number {
    return this.last;
  }

  get lastTerm(): number {
    return this.lastTermValue;
  }

  /** The first index whose entry can still be read; the term is known one below it. */
  get firstIndex(): number {
    return Math.max(this.baseIndex + 1, this.reader.firstIndex);
  }

  /** The term at `index`, undefined beyond the end and where it is compacted and no longer in memory. */
  term(index: number): number | undefined {
    if (index === this.last) return this.lastTermValue;
    if (index > this.last || index < this.baseIndex) return undefined;
    if (index >= this.tailStart) return this.tail[index - this.tailStart]!.term;
    if (index === this.baseIndex && this.baseIndex > 0) return this.baseTerm;
    return this.reader.term(index);
  }

  /** Whether a log that ends with (`lastIndex`, `lastTerm`) is at least as up to date as this one (Raft §5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm === this.lastTermValue ? lastIndex >= this.last : lastTerm > this.lastTermValue;
  }

  /** The entries must follow the last one. */
  append(entries: readonly Entry[]): void {
    const newest = entries[entries.length - 1];
    if (newest === undefined) return;
    if (entries[0]!.index !== this.last + 1) {
      throw new RangeError(`append at ${entries[0]!.index} to a log that ends at ${this.last}`);
    }
    for (const entry of entries) this.tail.push(entry);
    this.last = newest.index;
    this.lastTermValue = newest.term;
  }

  /** Drops `index` and all after it. */
  truncateFrom(index: number): void {
    const lastTerm = this.term(index - 1) ?? 0;
    if (index > this.tailStart) this.tail.length = index - this.tailStart;
    else {
      this.tail = [];
      this.tailStart = index;
    }
    if (index <= this.handed) {
      // An earlier cut was further up: from there on nothing was handed over since.
      this.cutFrom = index;
      this.handed = index - 1;
    }
    this.last = index - 1;
    this.lastTermValue = lastTerm;
  }

  /** The snapshot takes the place of the whole log. */
  restore(snapshot: Snapshot): void {
    this.tail = [];
    this.tailStart = snapshot.index + 1;
    this.last = snapshot.index;
    this.lastTermValue = snapshot.term;
    this.handed = snapshot.index;
    this.cutFrom = undefined;
    this.snapshotToHand = snapshot;
    this.baseIndex = snapshot.index;
    this.baseTerm = snapshot.term;
  }

  /** Entries `from` to at most `to`: at least one if `from` is in the log, then as many as fit in `maxBytes` of encoded records. */
  entries(from: number, to: number, maxBytes: number): Entry[] {
    if (from < this.firstIndex) throw new LogCompactedError(from, this.firstIndex);
    const last = Math.min(to, this.last);
    if (from >= this.tailStart) return this.fromTail(from, last, maxBytes);
    const lastStored = Math.min(last, this.tailStart - 1);
    if (lastStored < from) return [];
    const stored = this.reader.entries(from, lastStored, maxBytes);
    if (last === lastStored || stored.length <= lastStored - from) return stored;
    const room = maxBytes - recordsSize(stored);
    return recordSize(this.tail[0]!) > room ? stored : stored.concat(this.fromTail(this.tailStart, last, room));
  }

  private fromTail(from: number, last: number, maxBytes: number): Entry[] {
    const start = from - this.tailStart;
    const limit = last - this.tailStart + 1;
    let bytes = 0;
    let end = start;
    while (end < limit) {
      bytes += recordSize(this.tail[end]!);
      if (bytes > maxBytes && end > start) break;
      end++;
    }
    return this.tail.slice(start, end);
  }

  /** Whether `index` can be read without asking the stored log. */
  inMemory(index: number): boolean {
    return index >= this.tailStart && index <= this.last;
  }

  /** The latest stored snapshot. */
  snapshot(): Snapshot | undefined {
    return this.snapshotToHand ?? this.reader.snapshot();
  }

  /** What has to be persisted since the last call; undefined where there is nothing. */
  take(): LogChanges | undefined {
    if (this.handed === this.last && this.cutFrom === undefined && this.snapshotToHand === undefined) return undefined;
    const changes: LogChanges = {
      snapshot: this.snapshotToHand,
      truncateFrom: this.cutFrom,
      entries: this.tail.slice(this.handed + 1 - this.tailStart),
    };
    this.handed = this.last;
    this.cutFrom = undefined;
    this.snapshotToHand = undefined;
    return changes;
  }

  /** Entries up to `index` are not wanted soon. Those that the host has not been handed stay. Call before `take`. */
  prune(index: number): void {
    const count = Math.min(index, this.handed) + 1 - this.tailStart;
    if (count < PRUNE_LOT && count < this.tail.length) return;
    this.tail = this.tail.slice(count);
    this.tailStart += count;
  }
}
