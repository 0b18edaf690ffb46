import type { HardState, Snapshot } from '../../consensus/contract.ts';
import { EMPTY_HARD_STATE } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { recordSize } from '../../consensus/entryCodec.ts';
import type { LogStorage } from '../../consensus/etcd/raftLog.ts';

/** A log in memory, written to when a script says so. Its snapshot is always that of the last applied entry. */
export class ScriptStorage implements LogStorage {
  hardState: HardState = EMPTY_HARD_STATE;
  private list: Entry[] = [];
  /** The place of the entry before the first one. */
  private base = { index: 0, term: 0 };
  private readonly latestSnapshot: () => Snapshot | undefined;

  constructor(latestSnapshot: () => Snapshot | undefined) {
    this.latestSnapshot = latestSnapshot;
  }

  get firstIndex(): number {
    return this.base.index + 1;
  }

  get lastIndex(): number {
    return this.base.index + this.list.length;
  }

  term(index: number): number | undefined {
    if (index === this.base.index) return this.base.term;
    return this.list[index - this.firstIndex]?.term;
  }

  entries(from: number, to: number, maxBytes: number): Entry[] {
    const result: Entry[] = [];
    let bytes = 0;
    for (const entry of this.list.slice(from - this.firstIndex, to - this.firstIndex + 1)) {
      bytes += recordSize(entry);
      if (bytes > maxBytes && result.length > 0) break;
      result.push(entry);
    }
    return result;
  }

  snapshot(): Snapshot | undefined {
    return this.latestSnapshot();
  }

  restore(snapshot: Snapshot): void {
    this.list = [];
    this.base = { index: snapshot.index, term: snapshot.term };
  }

  append(entries: readonly Entry[]): void {
    const kept = entries.filter((entry) => entry.index > this.base.index);
    const first = kept[0];
    if (first === undefined) return;
    this.list = [...this.list.slice(0, first.index - this.firstIndex), ...kept];
  }

  /** Drops everything up to `index`. */
  compact(index: number): void {
    if (index <= this.base.index) throw new Error('requested index is unavailable due to compaction');
    if (index > this.lastIndex) throw new Error(`compact ${index} is out of bound lastindex(${this.lastIndex})`);
    const term = this.term(index)!;
    this.list = this.list.slice(index - this.base.index);
    this.base = { index, term };
  }
}
