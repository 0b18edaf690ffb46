import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import type { Entry } from '../../consensus/entry.ts';
import { decodeRecord, RECORD_TAG, recordSize } from '../../consensus/entryCodec.ts';
import { CorruptLogError } from './contract.ts';

/** What a chunk costs in memory beside its bytes, roughly. */
const CHUNK_OVERHEAD_BYTES = 256;

/** A chunk in memory: always its encoded bytes, and while it is hot its entries as objects. */
export class LoadedChunk {
  readonly sequence: number;
  readonly firstIndex: number;
  /** The last index it holds; the live part may end earlier. */
  readonly lastIndex: number;
  readonly value: Uint8Array;
  readonly entriesStart: number;
  hotEntries: readonly Entry[] | null;
  /** Where the last read ended, so that who reads on need not search: the record of `cursorIndex` starts at `cursorAt`. */
  private cursorIndex: number;
  private cursorAt: number;

  constructor(
    sequence: number,
    firstIndex: number,
    lastIndex: number,
    value: Uint8Array,
    entriesStart: number,
    hotEntries: readonly Entry[] | null,
  ) {
    this.sequence = sequence;
    this.firstIndex = firstIndex;
    this.lastIndex = lastIndex;
    this.value = value;
    this.entriesStart = entriesStart;
    this.hotEntries = hotEntries;
    this.cursorIndex = firstIndex;
    this.cursorAt = entriesStart;
  }

  get entryCount(): number {
    return this.lastIndex - this.firstIndex + 1;
  }

  get costBytes(): number {
    return this.value.length + CHUNK_OVERHEAD_BYTES;
  }

  /**
   * Adds entries `from` to `to` to `into` while they fit in `maxBytes` of records (the first one of an empty `into` always
   * does), and returns the bytes added. Throws CorruptLogError where the records are not those of this chunk's indexes.
   */
  read(from: number, to: number, maxBytes: number, into: Entry[]): number {
    return this.hotEntries === null
      ? this.decode(from, to, maxBytes, into)
      : readObjects(this.hotEntries, from - this.firstIndex, to - this.firstIndex, maxBytes, into);
  }

  private decode(from: number, to: number, maxBytes: number, into: Entry[]): number {
    const reader = new ByteReader(this.value);
    let bytes = 0;
    try {
      this.seek(reader, from);
      for (let index = from; index <= to; index++) {
        const start = reader.pos;
        if (reader.varint() !== RECORD_TAG) throw new MalformedBytesError('no record', start);
        const entry = decodeRecord(reader, start);
        if (entry.index !== index) throw new MalformedBytesError(`entry ${entry.index}, expected ${index}`, start);
        const size = reader.pos - start;
        if (bytes + size > maxBytes && into.length > 0) break;
        bytes += size;
        into.push(entry);
        this.cursorIndex = index + 1;
        this.cursorAt = reader.pos;
      }
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      throw new CorruptLogError(`chunk of write ${this.sequence}, entries ${this.firstIndex} to ${this.lastIndex}`, {
        cause: error,
      });
    }
    return bytes;
  }

  private seek(reader: ByteReader, index: number): void {
    const fromCursor = this.cursorIndex <= index;
    reader.pos = fromCursor ? this.cursorAt : this.entriesStart;
    for (let at = fromCursor ? this.cursorIndex : this.firstIndex; at < index; at++) {
      if (reader.varint() !== RECORD_TAG) throw new MalformedBytesError('no record', reader.pos);
      const length = reader.varint();
      reader.pos += length;
    }
  }
}

/** Adds objects `from` to `to` (positions) to `into` while they fit in `maxBytes`; the first one of an empty `into` always does. */
export function readObjects(
  entries: readonly Entry[],
  from: number,
  to: number,
  maxBytes: number,
  into: Entry[],
): number {
  let bytes = 0;
  for (let position = from; position <= to; position++) {
    const entry = entries[position]!;
    const size = recordSize(entry);
    if (bytes + size > maxBytes && into.length > 0) break;
    bytes += size;
    into.push(entry);
  }
  return bytes;
}

export interface ChunkCacheLimits {
  /** Encoded entries kept. */
  readonly entriesMax: number;
  /** Bytes of encoded chunks kept. */
  readonly bytesMax: number;
  /** Entries kept as objects as well, the most recently written ones. */
  readonly hotEntriesMax: number;
  /** Encoded bytes of the entries kept as objects. */
  readonly hotBytesMax: number;
}

/** A chunk's place in the order of use. A linked list, because a Map that loses its oldest members is slow to find the next. */
interface Place {
  readonly chunk: LoadedChunk;
  older: Place | null;
  newer: Place | null;
}

/** Chunks dropped from the front of the hot queue before its array is cut. */
const HOT_QUEUE_SLACK = 1024;

/**
 * The chunks kept in memory, least recently used first to go; the newest one always stays. Chunks are kept encoded, in
 * buffers outside the JavaScript heap; only the hot ones have objects too.
 */
export class ChunkCache {
  private readonly limits: ChunkCacheLimits;
  private readonly places = new Map<number, Place>();
  private oldest: Place | null = null;
  private newest: Place | null = null;
  private entries = 0;
  private bytes = 0;
  /** Hot chunks in the order they were written, from `hotStart` on; those that cooled or left are skipped. */
  private hot: LoadedChunk[] = [];
  private hotStart = 0;
  private hotEntries = 0;
  private hotBytes = 0;

  constructor(limits: ChunkCacheLimits) {
    this.limits = limits;
  }

  get entryCount(): number {
    return this.entries;
  }

  get byteCount(): number {
    return this.bytes;
  }

  get(sequence: number): LoadedChunk | undefined {
    const place = this.places.get(sequence);
    if (place === undefined) return undefined;
    if (place !== this.newest) {
      this.unlink(place);
      this.linkNewest(place);
    }
    return place.chunk;
  }

  add(chunk: LoadedChunk): void {
    const place: Place = { chunk, older: null, newer: null };
    this.places.set(chunk.sequence, place);
    this.linkNewest(place);
    this.entries += chunk.entryCount;
    this.bytes += chunk.costBytes;
    if (chunk.hotEntries !== null) {
      this.hot.push(chunk);
      this.hotEntries += chunk.entryCount;
      this.hotBytes += chunk.costBytes;
      this.coolOldest(chunk);
    }
    while (this.entries > this.limits.entriesMax || this.bytes > this.limits.bytesMax) {
      const oldest = this.oldest!;
      if (oldest === place) break;
      this.delete(oldest.chunk.sequence);
    }
  }

  private coolOldest(newest: LoadedChunk): void {
    while (this.hotEntries > this.limits.hotEntriesMax || this.hotBytes > this.limits.hotBytesMax) {
      const oldest = this.hot[this.hotStart]!;
      if (oldest === newest) break;
      this.hotStart++;
      this.cool(oldest);
    }
    if (this.hotStart < HOT_QUEUE_SLACK) return;
    this.hot = this.hot.slice(this.hotStart);
    this.hotStart = 0;
  }

  private cool(chunk: LoadedChunk): void {
    if (chunk.hotEntries === null) return;
    chunk.hotEntries = null;
    this.hotEntries -= chunk.entryCount;
    this.hotBytes -= chunk.costBytes;
  }

  delete(sequence: number): void {
    const place = this.places.get(sequence);
    if (place === undefined) return;
    this.places.delete(sequence);
    this.unlink(place);
    this.entries -= place.chunk.entryCount;
    this.bytes -= place.chunk.costBytes;
    this.cool(place.chunk);
  }

  private unlink(place: Place): void {
    if (place.older === null) this.oldest = place.newer;
    else place.older.newer = place.newer;
    if (place.newer === null) this.newest = place.older;
    else place.newer.older = place.older;
    place.newer = null;
  }

  private linkNewest(place: Place): void {
    place.older = this.newest;
    if (this.newest === null) this.oldest = place;
    else this.newest.newer = place;
    this.newest = place;
  }
}
