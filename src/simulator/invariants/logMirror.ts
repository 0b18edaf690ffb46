import { type Entry, isConfigurationType } from '../../consensus/entry.ts';

/** The id of the empty log. */
export const ROOT_ID = 0;

/**
 * Names an entry together with the whole log before it: two logs that agree on an id agree on everything up to there
 * (but for the odd collision of 53-bit hashes, which could only hide a defect, never invent one).
 */
export function entryId(previousId: number, entry: Entry): number {
  const { index, term, type, data } = entry;
  let low = Math.imul((previousId | 0) ^ 0x811c9dc5, 0x01000193);
  let high = Math.imul((previousId / 2 ** 32) ^ index, 0x85ebca6b);
  low = Math.imul(low ^ term, 0x01000193);
  low = Math.imul(low ^ type, 0x01000193);
  for (let i = 0; i < data.length; i++) {
    low = Math.imul(low ^ data[i]!, 0x01000193);
    high = Math.imul(high ^ (low >>> 7), 0xc2b2ae35);
  }
  high ^= low >>> 15;
  low ^= high >>> 13;
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

/** One entry as far as the invariants are concerned. */
export interface MirroredEntry {
  readonly index: number;
  readonly term: number;
  readonly id: number;
  readonly isConfiguration: boolean;
}

/** What a log holds, after a base that is the start of the log or a snapshot. Compaction does not shorten it. */
export class LogMirror {
  baseIndex = 0;
  baseTerm = 0;
  private baseId = ROOT_ID;
  private entries: MirroredEntry[] = [];

  get lastIndex(): number {
    return this.baseIndex + this.entries.length;
  }

  get lastTerm(): number {
    return this.entries.at(-1)?.term ?? this.baseTerm;
  }

  get lastId(): number {
    return this.id(this.lastIndex)!;
  }

  /** The id at this index; undefined where the log does not reach there, or starts after it. */
  id(index: number): number | undefined {
    return index === this.baseIndex ? this.baseId : this.entries[index - this.baseIndex - 1]?.id;
  }

  entry(index: number): MirroredEntry | undefined {
    return this.entries[index - this.baseIndex - 1];
  }

  /** Whether the log holds the entry of this id; what a snapshot covers counts as held. */
  holds(index: number, id: number): boolean {
    return index < this.baseIndex || this.id(index) === id;
  }

  push(entry: MirroredEntry): void {
    this.entries.push(entry);
  }

  truncateFrom(index: number): void {
    this.entries.length = Math.max(0, Math.min(this.entries.length, index - this.baseIndex - 1));
  }

  restore(index: number, term: number, id: number): void {
    this.baseIndex = index;
    this.baseTerm = term;
    this.baseId = id;
    this.entries = [];
  }

  copyFrom(other: LogMirror): void {
    this.baseIndex = other.baseIndex;
    this.baseTerm = other.baseTerm;
    this.baseId = other.baseId;
    this.entries = other.entries.slice();
  }

  /** Membership entries above `index`. */
  *configurationsAfter(index: number): IterableIterator<MirroredEntry> {
    for (let at = Math.max(0, index - this.baseIndex); at < this.entries.length; at++) {
      const entry = this.entries[at]!;
      if (entry.isConfiguration) yield entry;
    }
  }
}

export function mirrored(previousId: number, entry: Entry): MirroredEntry {
  const { index, term, type } = entry;
  return { index, term, id: entryId(previousId, entry), isConfiguration: isConfigurationType(type) };
}
