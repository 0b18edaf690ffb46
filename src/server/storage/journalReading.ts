import type { Binding } from './binding.ts';
import { type DiskOperation, type PromisedArea, UnknownPromiseError } from './contract.ts';
import { decodeEntry, type JournalEntry, SLOT_BYTES, throwIfUnknownVersion } from './journalEntry.ts';

/** What a promised area says, as it was found. */
export interface FoundJournal {
  /** The greatest intact entry. */
  readonly last: JournalEntry;
  /** The half that it is in. */
  readonly half: number;
  /** Of all intact entries that the disk may not hold yet, up to the greatest, in order. */
  readonly operations: readonly DiskOperation[];
  /** All intact ones, in the order in which they stand. */
  readonly entries: readonly PlacedEntry[];
}

export interface PlacedEntry {
  readonly at: number;
  readonly entry: JournalEntry;
}

/**
 * Reads the area of the store `storeId`, or of the one that wrote it last where that is undefined. Whatever of it can be read is: entries begin at blocks,
 * so that one that is damaged hides no other. Elsewhere than where an area of its kind has its own there may be anything that a client's value was once, which
 * is taken for ours by nothing but the name of the store. Throws UnknownPromiseError where nothing can be read, or where it is another store's, and UnknownFormatError.
 */
export function readJournal(
  { name, halfBytes, blockBytes }: PromisedArea,
  found: Uint8Array,
  storeId: Uint8Array | undefined,
): FoundJournal {
  const slots = found.length === 2 * halfBytes ? [] : [0, SLOT_BYTES];
  const beginnings = [...new Set([...slots, 0, halfBytes])];
  for (const at of beginnings) throwIfUnknownVersion(found.subarray(at));
  const own: PlacedEntry[] = [];
  for (const at of beginnings) {
    const entry = decodeEntry(found.subarray(at), { maybeSlot: slots.includes(at) });
    if (entry !== undefined) own.push({ at, entry });
  }
  const id = storeId ?? greatestOf(own)?.entry.storeId;
  for (const { entry } of own) {
    if (id === undefined || Buffer.compare(entry.storeId, id) === 0) continue;
    throw new UnknownPromiseError(
      `${name} is of store ${hex(entry.storeId)}, these data are of store ${hex(id)}: they do not belong together`,
    );
  }
  const ours = id === undefined ? [] : entriesIn(found, blockBytes, id, slots);
  const greatest = greatestOf(ours);
  if (greatest === undefined) {
    throw new UnknownPromiseError(`${name} is damaged: what these data must hold cannot be told without it`);
  }
  const { entry: last, at } = greatest;
  const uncovered = ours.map(({ entry }) => entry).filter(({ number }) => number > last.covered);
  uncovered.sort((a, b) => (isLater(a, b) ? 1 : -1));
  const operations = uncovered.flatMap((each) => each.operations);
  return { last, half: at < halfBytes ? 0 : 1, operations, entries: ours };
}

function entriesIn(
  found: Uint8Array,
  blockBytes: number,
  storeId: Uint8Array,
  slots: readonly number[],
): PlacedEntry[] {
  const placed: PlacedEntry[] = [];
  let at = 0;
  while (at < found.length) {
    const entry = decodeEntry(found.subarray(at), { storeId, maybeSlot: slots.includes(at) });
    if (entry !== undefined) placed.push({ at, entry });
    at += blockBytes * Math.max(1, Math.ceil((entry?.bytes ?? 0) / blockBytes));
  }
  return placed;
}

function greatestOf(placed: readonly PlacedEntry[]): PlacedEntry | undefined {
  return placed.reduce<PlacedEntry | undefined>(
    (greatest, each) => (greatest === undefined || isLater(each.entry, greatest.entry) ? each : greatest),
    undefined,
  );
}

/** Slots have no numbers; settling and binding wrote slots of a write that had one already. */
function isLater(one: JournalEntry, other: JournalEntry): boolean {
  if (one.number !== other.number) return one.number > other.number;
  if (one.sequence !== other.sequence) return one.sequence > other.sequence;
  return countOf(one.binding) > countOf(other.binding);
}

function countOf(binding: Binding | undefined): number {
  return binding?.count ?? 0;
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
