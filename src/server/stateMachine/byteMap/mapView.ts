import { EntryTable } from './entryTable.ts';
import type { Addresses, Records } from './records.ts';

/**
 * A map as it was when this was made, read from the front while the map goes on. Nothing is copied for it: a record that is to be replaced
 * before it was read here is held, and its address noted.
 */
export class MapView {
  /** Bytes that `read` gives altogether. */
  readonly size: number;
  private readonly count: number;
  private readonly addresses: Addresses;
  private readonly records: Records;
  /** Of the records that were replaced since. */
  private readonly held = new EntryTable();
  /** Entries before it are read. */
  private next = 0;
  /** Bytes of the next one that are read. */
  private readOfNext = 0;

  constructor(count: number, size: number, addresses: Addresses, records: Records) {
    this.count = count;
    this.size = size;
    this.addresses = addresses;
    this.records = records;
  }

  /** Whether the record that the entry has is what it had when this was made, and is not read yet. */
  needs(entry: number): boolean {
    return entry < this.count && entry >= this.next && this.held.get(entry) === 0;
  }

  /** The entry, whose record is needed, has another one from now on. */
  hold(entry: number, address: number): void {
    this.held.set(entry, address);
    this.records.hold(address);
  }

  /**
   * Copies what comes next to `into[at, end)`, as much as there is room for: each entry's key and value, each behind its length as a
   * varint. Returns where it ends, which is before `end` only where that was the last.
   */
  read(into: Uint8Array, at: number, end: number): number {
    let pos = at;
    while (pos < end && this.next < this.count) {
      const heldAt = this.held.get(this.next);
      const address = heldAt === 0 ? this.addresses.get(this.next) : heldAt;
      const before = pos;
      pos = this.records.read(address, this.readOfNext, into, pos, end);
      this.readOfNext += pos - before;
      if (this.readOfNext < this.records.size(address)) break;
      if (heldAt !== 0) this.records.letGo(address);
      this.readOfNext = 0;
      this.next++;
    }
    return pos;
  }

  /** Gives up what it holds. */
  close(): void {
    for (; this.next < this.count; this.next++) {
      const heldAt = this.held.get(this.next);
      if (heldAt !== 0) this.records.letGo(heldAt);
    }
  }
}
