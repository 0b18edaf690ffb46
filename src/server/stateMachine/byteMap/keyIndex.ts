/** Says whether the key of `entry` is the bytes of `source` from `start` to `end`. */
export interface Keys {
  isKey(entry: number, source: Uint8Array, start: number, end: number): boolean;
}

/** A power of two. */
const SEGMENT_SLOTS = 1024;
/** Of a segment's slots, in quarters. */
const FULL_QUARTERS = 3;
/** The directory is not doubled for a segment's sake where it has so many places for each segment: its hashes are all alike. */
const PLACES_A_SEGMENT_MAX = 16;

/** Open addressing with linear probing: for each slot a hash and, 0 where it is free, an entry's number plus one. */
class Segment {
  slots: Uint32Array;
  size = 0;
  /** All its hashes agree in so many bits, from the highest on. */
  depth: number;

  constructor(slotCount: number, depth: number) {
    this.slots = new Uint32Array(2 * slotCount);
    this.depth = depth;
  }

  get isFull(): boolean {
    return this.size * 8 >= this.slots.length * FULL_QUARTERS;
  }

  add(hash: number, entryPlusOne: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let at = (hash << 1) & mask;
    while (slots[at + 1] !== 0) at = (at + 2) & mask;
    slots[at] = hash;
    slots[at + 1] = entryPlusOne;
    this.size++;
  }
}

/**
 * Which entry a key has: extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979). The index grows by one small segment that is
 * taken apart at a time, so that no insert ever waits for a rehash of all. Nothing is ever taken out.
 */
export class KeyIndex {
  private readonly keys: Keys;
  /** By the first `depth` bits of the hash; a segment of a lesser depth stands there several times. */
  private directory: Segment[];
  private depth = 1;
  private segmentCount = 1;
  private slotCount = SEGMENT_SLOTS;

  constructor(keys: Keys) {
    this.keys = keys;
    const first = new Segment(SEGMENT_SLOTS, 0);
    this.directory = [first, first];
  }

  /** Bytes of its arrays. */
  get byteLength(): number {
    return 8 * this.slotCount + 8 * this.directory.length;
  }

  /** The number of the entry; -1 where there is none of that key. */
  find(hash: number, source: Uint8Array, start: number, end: number): number {
    const { slots } = this.directory[hash >>> (32 - this.depth)]!;
    const mask = slots.length - 1;
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const entryPlusOne = slots[at + 1]!;
      if (entryPlusOne === 0) return -1;
      if (slots[at] === hash && this.keys.isKey(entryPlusOne - 1, source, start, end)) return entryPlusOne - 1;
    }
  }

  /** `entry` has a key that is not there yet. */
  add(hash: number, entry: number): void {
    let segment = this.directory[hash >>> (32 - this.depth)]!;
    while (segment.isFull) {
      this.makeRoom(segment, hash);
      segment = this.directory[hash >>> (32 - this.depth)]!;
    }
    segment.add(hash, entry + 1);
  }

  private makeRoom(segment: Segment, hash: number): void {
    if (segment.depth < this.depth) this.split(segment, hash);
    else if (this.directory.length < PLACES_A_SEGMENT_MAX * this.segmentCount) {
      this.directory = this.directory.flatMap((each) => [each, each]);
      this.depth++;
    } else this.widen(segment);
  }

  /** One half of its hashes, by the next bit, goes to a segment of its own. */
  private split(segment: Segment, hash: number): void {
    const { slots, depth } = segment;
    const low = new Segment(SEGMENT_SLOTS, depth + 1);
    const high = new Segment(SEGMENT_SLOTS, depth + 1);
    for (let at = 0; at < slots.length; at += 2) {
      const entryPlusOne = slots[at + 1]!;
      if (entryPlusOne === 0) continue;
      const to = (slots[at]! >>> (31 - depth)) & 1 ? high : low;
      if (to.isFull) this.widenSlots(to);
      to.add(slots[at]!, entryPlusOne);
    }
    const places = 1 << (this.depth - depth);
    const first = (hash >>> (32 - this.depth)) & ~(places - 1);
    this.directory.fill(low, first, first + places / 2);
    this.directory.fill(high, first + places / 2, first + places);
    this.segmentCount++;
    this.slotCount += (low.slots.length + high.slots.length - slots.length) / 2;
  }

  private widen(segment: Segment): void {
    this.slotCount += segment.slots.length / 2;
    this.widenSlots(segment);
  }

  private widenSlots(segment: Segment): void {
    const { slots } = segment;
    segment.slots = new Uint32Array(2 * slots.length);
    segment.size = 0;
    for (let at = 0; at < slots.length; at += 2) if (slots[at + 1] !== 0) segment.add(slots[at]!, slots[at + 1]!);
  }
}
