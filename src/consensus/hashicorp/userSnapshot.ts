import { type Entry, EntryType } from '../entry.ts';

/**
 * A snapshot that a user restores travels as one log entry: an Internal entry whose data is this prefix and the snapshot.
 * It takes effect where it is committed, on every server alike, so a leader that fails half way leaves nobody with a state
 * that the others do not have.
 */
const PREFIX = new Uint8Array([0x72, 0x65, 0x73, 0x74, 0x6f, 0x72, 0x65, 0x00]);

export function restoreEntryData(snapshot: Uint8Array): Uint8Array {
  const data = new Uint8Array(PREFIX.length + snapshot.length);
  data.set(PREFIX, 0);
  data.set(snapshot, PREFIX.length);
  return data;
}

/** The snapshot that `entry` carries, or undefined where it is any other entry. */
export function restoredSnapshot(entry: Entry): Uint8Array | undefined {
  if (entry.type !== EntryType.Internal || entry.data.length < PREFIX.length) return undefined;
  for (let i = 0; i < PREFIX.length; i++) {
    if (entry.data[i] !== PREFIX[i]) return undefined;
  }
  return entry.data.subarray(PREFIX.length);
}
