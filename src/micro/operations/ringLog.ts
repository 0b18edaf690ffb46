import { type HardState, LogCompactedError, type LogReader, type PersistBatch } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';

/** Entries that it keeps: more than an engine ever asks back for while all servers keep up. */
const KEPT = 1 << 13;

/** A log that costs next to nothing and keeps its last entries alone, for engines whose own time is measured. Nothing in it is ever replaced. */
export class RingLog implements LogReader {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  lastIndex = 0;
  private readonly ring: Entry[] = [];

  get firstIndex(): number {
    return Math.max(1, this.lastIndex - KEPT + 1);
  }

  term(index: number): number | undefined {
    if (index === 0) return 0;
    return index >= this.firstIndex && index <= this.lastIndex ? this.ring[index % KEPT]!.term : undefined;
  }

  entries(from: number, to: number, _maxBytes: number): Entry[] {
    if (from < this.firstIndex) throw new LogCompactedError(from, this.firstIndex);
    if (to > this.lastIndex) throw new RangeError(`entry ${to} after ${this.lastIndex}`);
    const found: Entry[] = [];
    for (let index = from; index <= to; index++) found.push(this.ring[index % KEPT]!);
    return found;
  }

  configurationEntries(): readonly Entry[] {
    return [];
  }

  snapshot(): undefined {
    return undefined;
  }

  persist({ entries, hardState }: PersistBatch): void {
    for (const entry of entries) this.ring[entry.index % KEPT] = entry;
    if (entries.length > 0) this.lastIndex = entries[entries.length - 1]!.index;
    if (hardState !== undefined) this.hardState = hardState;
  }
}
