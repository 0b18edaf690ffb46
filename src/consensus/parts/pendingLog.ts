import type { LogReader, Snapshot } from '../contract.ts';
import { LogCompactedError } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';

/** The changes of a turn, as a PersistBatch carries them. */
export interface LogChanges {
  readonly snapshot: Snapshot | undefined;
  readonly truncateFrom: number | undefined;
  readonly entries: readonly Entry[];
}

/**
 * The log as its engine sees it: what the host's store shows, with the changes of the present turn on top. `take` hands
 * the changes to the host, whose store shows them from then on.
 */
export class PendingLog {
  private readonly reader: LogReader;
  private tail: Entry[] = [];
  private truncateFrom: number | undefined;
  private snapshot: Snapshot | undefined;

  constructor(reader: LogReader) {
    this.reader = reader;
  }

  get firstIndex(): number {
    return this.snapshot === undefined ? this.reader.firstIndex : this.snapshot.index + 1;
  }

  get lastIndex(): number {
    return this.storedLastIndex + this.tail.length;
  }

  get lastTerm(): number {
    return this.term(this.lastIndex) ?? 0;
  }

  get changed(): boolean {
    return this.tail.length > 0 || this.truncateFrom !== undefined || this.snapshot !== undefined;
  }

  /** As LogReader.term. */
  term(index: number): number | undefined {
    const stored = this.storedLastIndex;
    if (index > stored) return this.tail[index - stored - 1]?.term;
    if (this.snapshot !== undefined) return index === this.snapshot.index ? this.snapshot.term : undefined;
    return this.reader.term(index);
  }

  /** As LogReader.entries, and at most `countMax` of them. */
  entries(from: number, to: number, countMax: number, maxBytes: number): Entry[] {
    if (from < this.firstIndex) throw new LogCompactedError(from, this.firstIndex);
    const last = Math.min(to, this.lastIndex, from + countMax - 1);
    if (last < from) return [];
    const stored = this.storedLastIndex;
    const result = from <= stored ? this.reader.entries(from, Math.min(last, stored), maxBytes) : [];
    if (result.length > 0 && from + result.length <= Math.min(last, stored)) return result;
    let bytes = 0;
    for (const entry of result) bytes += recordSize(entry);
    for (let index = from + result.length; index <= last; index++) {
      const entry = this.tail[index - stored - 1]!;
      bytes += recordSize(entry);
      if (bytes > maxBytes && result.length > 0) break;
      result.push(entry);
    }
    return result;
  }

  /** The entries must follow the last one. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1) {
        throw new RangeError(`appending entry ${entry.index} after ${this.lastIndex}`);
      }
      this.tail.push(entry);
    }
  }

  /** Removes `from` and everything after it. */
  truncate(from: number): void {
    const stored = this.storedLastIndex;
    if (from > stored) {
      this.tail.length = from - stored - 1;
      return;
    }
    this.tail = [];
    this.truncateFrom = from;
  }

  /** The snapshot takes the place of the whole log. */
  restore(snapshot: Snapshot): void {
    this.tail = [];
    this.truncateFrom = undefined;
    this.snapshot = snapshot;
  }

  /** The snapshot that a follower can be given. */
  storedSnapshot(): Snapshot | undefined {
    return this.snapshot ?? this.reader.snapshot();
  }

  take(): LogChanges {
    const changes = { snapshot: this.snapshot, truncateFrom: this.truncateFrom, entries: this.tail };
    this.tail = [];
    this.truncateFrom = undefined;
    this.snapshot = undefined;
    return changes;
  }

  private get storedLastIndex(): number {
    if (this.snapshot !== undefined) return this.snapshot.index;
    return this.truncateFrom === undefined ? this.reader.lastIndex : this.truncateFrom - 1;
  }
}
