import type { Snapshot } from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { UnstableLog } from './unstableLog.ts';

/** What the log needs of storage; the contract's LogReader is one. Semantics as there. */
export interface LogStorage {
  readonly firstIndex: number;
  readonly lastIndex: number;
  term(index: number): number | undefined;
  entries(from: number, to: number, maxBytes: number): Entry[];
  snapshot(): Snapshot | undefined;
}

/**
 * The whole log: what storage holds with the unstable end on top, and how far it is committed, handed out to be applied
 * (`applying`) and applied. Invariant: applied <= applying <= committed <= lastIndex.
 */
export class RaftLog {
  committed: number;
  applying: number;
  applied: number;
  readonly unstable: UnstableLog;
  private readonly storage: LogStorage;
  /** Bytes that may be handed out to be applied and not be applied yet. */
  private readonly applyingBytesMax: number;
  private applyingBytes = 0;
  private applyingPaused = false;

  constructor(storage: LogStorage, applyingBytesMax: number) {
    this.storage = storage;
    this.applyingBytesMax = applyingBytesMax;
    this.unstable = new UnstableLog(storage.lastIndex + 1);
    this.committed = storage.firstIndex - 1;
    this.applying = this.committed;
    this.applied = this.committed;
  }

  get firstIndex(): number {
    return this.unstable.snapshot === undefined ? this.storage.firstIndex : this.unstable.snapshot.index + 1;
  }

  get lastIndex(): number {
    const { unstable } = this;
    if (unstable.entries.length > 0) return unstable.end - 1;
    return unstable.snapshot === undefined ? this.storage.lastIndex : unstable.snapshot.index;
  }

  get lastTerm(): number {
    return this.term(this.lastIndex) ?? 0;
  }

  /** undefined where the index is compacted or not in the log. */
  term(index: number): number | undefined {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index < this.firstIndex - 1 || index > this.lastIndex) return undefined;
    return this.storage.term(index);
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends so is at least as up to date as ours (Raft §5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const ours = this.lastTerm;
    return term > ours || (term === ours && index >= this.lastIndex);
  }

  /** Entries from `from` up to before `end`, at most `countMax`, and as many as fit in `maxBytes` but at least one. */
  slice(from: number, end: number, maxBytes: number, countMax = Number.POSITIVE_INFINITY): readonly Entry[] {
    const stop = Math.min(end, from + countMax);
    const { offset } = this.unstable;
    if (from >= offset) return limitBytes(this.unstable.slice(from, stop), maxBytes);
    const stored = this.storage.entries(from, Math.min(stop, offset) - 1, maxBytes);
    if (stop <= offset || from + stored.length < offset) return stored;
    const rest = this.unstable.slice(offset, stop);
    return maxBytes === Number.POSITIVE_INFINITY ? stored.concat(rest) : limitBytes(stored.concat(rest), maxBytes);
  }

  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  /** Adds a leader's own entries. */
  append(entries: readonly Entry[]): void {
    if (entries.length > 0) this.unstable.append(entries);
  }

  /**
   * A follower's append (Raft §5.3): the index of the last entry sent, or undefined where the entry before them is not in
   * the log, or they contradict what is committed.
   */
  appendAfter(
    prevIndex: number,
    prevTerm: number,
    entries: readonly Entry[],
    leaderCommit: number,
  ): number | undefined {
    if (!this.matches(prevIndex, prevTerm)) return undefined;
    const last = prevIndex + entries.length;
    const conflict = this.firstConflict(entries);
    if (conflict !== undefined) {
      if (conflict <= this.committed) return undefined;
      const skip = conflict - prevIndex - 1;
      this.unstable.append(skip === 0 ? entries : entries.slice(skip));
    }
    this.commitTo(Math.min(leaderCommit, last));
    return last;
  }

  /** The index of the first entry that the log lacks or holds with another term. */
  private firstConflict(entries: readonly Entry[]): number | undefined {
    for (const entry of entries) {
      if (!this.matches(entry.index, entry.term)) return entry.index;
    }
    return undefined;
  }

  /**
   * The highest place at or before `index` where an entry's term is at most `term`: before it the logs may agree, after it
   * they cannot. Terms ascend, so it is searched for by halving. The term is 0 where it cannot be known.
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    if (index === 0 || index > this.lastIndex) return { index, term: 0 };
    let low = this.firstIndex - 2;
    let high = index;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.term(middle) ?? Number.POSITIVE_INFINITY) <= term) low = middle;
      else high = middle - 1;
    }
    return { index: Math.max(low, 0), term: low < 0 ? 0 : (this.term(low) ?? 0) };
  }

  /** A commit index beyond the log is not taken: it speaks of entries that we do not hold. */
  commitTo(index: number): void {
    if (index > this.committed && index <= this.lastIndex) this.committed = index;
  }

  /** What may be handed out: committed, and durable here unless `allowUnstable`. */
  private appliableTo(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.applyingPaused || this.unstable.snapshot !== undefined) return false;
    return this.applying < this.appliableTo(allowUnstable);
  }

  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const room = this.applyingBytesMax - this.applyingBytes;
    return this.slice(this.applying + 1, this.appliableTo(allowUnstable) + 1, room);
  }

  /** Entries up to `index`, of `bytes` in total, were handed out. */
  acceptApplying(index: number, bytes: number, allowUnstable: boolean): void {
    this.applying = index;
    this.applyingBytes += bytes;
    this.applyingPaused = this.applyingBytes >= this.applyingBytesMax || index < this.appliableTo(allowUnstable);
  }

  /** Entries up to `index`, of `bytes` in total, are applied. */
  appliedTo(index: number, bytes: number): void {
    this.applied = Math.max(this.applied, index);
    this.applying = Math.max(this.applying, this.applied);
    this.applyingBytes = Math.max(0, this.applyingBytes - bytes);
    this.applyingPaused = this.applyingBytes >= this.applyingBytesMax;
  }

  restore(snapshot: Snapshot): void {
    this.committed = snapshot.index;
    this.unstable.restore(snapshot);
  }

  /** Whether a membership change among the entries up to `last` is not applied. */
  hasUnappliedChange(last = this.committed): boolean {
    for (let from = this.applied + 1; from <= last; ) {
      const entries = this.slice(from, last + 1, SCAN_BYTES);
      if (entries.some((entry) => isConfigurationType(entry.type))) return true;
      from += entries.length;
    }
    return false;
  }
}

/** Read at a time when looking through the log. */
const SCAN_BYTES = 1024 * 1024;

function limitBytes(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  if (maxBytes === Number.POSITIVE_INFINITY) return entries;
  let size = 0;
  for (let i = 0; i < entries.length; i++) {
    size += recordSize(entries[i]!);
    if (size > maxBytes && i > 0) return entries.slice(0, i);
  }
  return entries;
}
