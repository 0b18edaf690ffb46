import type { HardState } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { recordSize } from '../../consensus/entryCodec.ts';

/**
 * While no more than UNHURRIED_PARTS of this wait, a write takes the batches that fit in here, one at least: who waits for the first batch does
 * not wait for the last. Where more waits, writes cannot keep up, and fewer of them cost less.
 */
export const WRITE_PART_BYTES = 252 * 1024;
const UNHURRIED_PARTS = 4;

/** A batch's mark, the last index that must be on disk before it may be reported, and the hard state as of this batch. */
export interface PendingMark {
  readonly mark: number;
  lastIndex: number;
  /** So many pieces of snapshots must be written, of all that there were. */
  readonly pieces?: number;
  readonly hardState: HardState;
}

export interface WritePart {
  /** Entries, from the first on. */
  readonly count: number;
  /** Of their records. */
  readonly bytes: number;
  /** As of the last batch that is in it, where it is not everything: what it leaves on disk is what batches up to that one leave. */
  readonly hardState?: HardState;
}

export interface WriteBounds {
  /** So many entries go whatever they take; at least 1. */
  readonly countMin: number;
  readonly writeBytesMax: number;
  /** 0: no part is taken, but as much as one write may carry. */
  readonly partBytes: number;
}

/** How many of the entries that wait, of which the first has index `first`, the next write takes. `marks` ascend. */
export function nextPart(
  waiting: readonly Entry[],
  first: number,
  marks: readonly PendingMark[],
  { countMin, writeBytesMax, partBytes }: WriteBounds,
): WritePart {
  let bytes = 0;
  let count = 0;
  let part: WritePart | undefined;
  let mark = 0;
  while (count < waiting.length) {
    const size = recordSize(waiting[count]!);
    if (count >= countMin && bytes + size > writeBytesMax) return { count, bytes };
    const index = first + count;
    bytes += size;
    count++;
    if (partBytes === 0 || (part !== undefined && bytes > partBytes)) continue;
    while (mark < marks.length && marks[mark]!.lastIndex < index) mark++;
    if (marks[mark]?.lastIndex !== index) continue;
    // With the batches that brought no entries after it: they are done once this one is.
    while (marks[mark + 1]?.lastIndex === index) mark++;
    part = { count, bytes, hardState: marks[mark]!.hardState };
  }
  const isPart =
    part !== undefined && part.count >= countMin && part.count < count && bytes <= UNHURRIED_PARTS * partBytes;
  return isPart ? part! : { count, bytes };
}
