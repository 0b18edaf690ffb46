import type { Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';

/**
 * The end of the log that is not known to be durable, and perhaps a snapshot below it. Entries from `offset` up to before
 * `inProgressEnd` were handed to storage, whose answer is awaited; those after it were not yet. A later write may replace
 * an earlier one that is still in progress, so entries leave only when storage confirms them with their term.
 */
export class UnstableLog {
  /** The index of the first entry held. */
  offset: number;
  entries: Entry[] = [];
  snapshot: Snapshot | undefined;
  snapshotInProgress = false;
  /** The index after the last entry handed to storage. */
  inProgressEnd: number;

  constructor(offset: number) {
    this.offset = offset;
    this.inProgressEnd = offset;
  }

  /** The index after the last entry held. */
  get end(): number {
    return this.offset + this.entries.length;
  }

  /** The term at `index`, where it is held. */
  term(index: number): number | undefined {
    if (index >= this.offset) return this.entries[index - this.offset]?.term;
    return this.snapshot?.index === index ? this.snapshot.term : undefined;
  }

  /** Entries not handed to storage yet. */
  nextEntries(): readonly Entry[] {
    return this.inProgressEnd >= this.end ? [] : this.slice(this.inProgressEnd, this.end);
  }

  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** Everything held is now on its way to storage. */
  accept(): void {
    this.inProgressEnd = this.end;
    if (this.snapshot !== undefined) this.snapshotInProgress = true;
  }

  /** Storage holds the log up to this entry. Says nothing about an entry replaced meanwhile by one of another term. */
  stableTo(index: number, term: number): void {
    if (index < this.offset || this.term(index) !== term) return;
    this.entries = index + 1 === this.end ? [] : this.entries.slice(index + 1 - this.offset);
    this.offset = index + 1;
    this.inProgressEnd = Math.max(this.inProgressEnd, this.offset);
  }

  snapshotStable(index: number): void {
    if (this.snapshot?.index === index) this.snapshot = undefined;
  }

  restore(snapshot: Snapshot): void {
    this.offset = snapshot.index + 1;
    this.inProgressEnd = this.offset;
    this.entries = [];
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Appends, replacing what stood at the first entry's index and after it. The index must be at most `end`. */
  append(entries: readonly Entry[]): void {
    const from = entries[0]!.index;
    if (from <= this.offset && from < this.end) {
      this.entries = [];
      this.offset = from;
      this.inProgressEnd = from;
    } else if (from <= this.offset) {
      this.offset = from;
      this.inProgressEnd = Math.min(this.inProgressEnd, from);
    } else if (from < this.end) {
      // Not truncated in place: what was handed to storage keeps its own array.
      this.entries = this.entries.slice(0, from - this.offset);
      this.inProgressEnd = Math.min(this.inProgressEnd, from);
    }
    for (const entry of entries) this.entries.push(entry);
  }

  /** Entries from `from` up to before `end`, all of which must be held. */
  slice(from: number, end: number): Entry[] {
    return this.entries.slice(from - this.offset, end - this.offset);
  }
}
