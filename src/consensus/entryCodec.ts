import { ByteReader, MalformedBytesError } from '../bytes/byteReader.ts';
import { varintSize, writeVarint } from '../bytes/varint.ts';
import { Entry, EntryType } from './entry.ts';

/**
 * The encoded form of entries: a run of *records*. A record is the protobuf field that `repeated Entry entries = 6`
 * of the `gorums.Raft` AppendEntries request is made of: tag 0x32, length, then the Entry message
 * (term = 1, index = 2, entryType = 3, data = 4; zero values left out). One encoding serves the log store's chunks
 * and every engine's append messages, so an entry is encoded once and its bytes are then only ever copied or sliced.
 */
export const RECORD_TAG = 0x32;
const TAG_TERM = 0x08;
const TAG_INDEX = 0x10;
const TAG_TYPE = 0x18;
const TAG_DATA = 0x22;

/** What is shorter costs less to copy than to carry by itself. */
export const LARGE_PART_BYTES = 64 * 1024;

const ENTRY_TYPE_MAX = Math.max(...Object.values(EntryType));

function bodySize(entry: Entry): number {
  let size = 0;
  if (entry.term !== 0) size += 1 + varintSize(entry.term);
  if (entry.index !== 0) size += 1 + varintSize(entry.index);
  if (entry.type !== 0) size += 2;
  if (entry.data.length !== 0) size += 1 + varintSize(entry.data.length) + entry.data.length;
  return size;
}

/** Bytes that the entry's record takes. */
export function recordSize(entry: Entry): number {
  if (entry.record !== null) return entry.recordEnd - entry.recordStart;
  const body = bodySize(entry);
  return 1 + varintSize(body) + body;
}

export function recordsSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += recordSize(entry);
  return size;
}

function writeRecord(entry: Entry, into: Uint8Array, at: number): number {
  let pos = at;
  into[pos++] = RECORD_TAG;
  pos = writeVarint(into, pos, bodySize(entry));
  if (entry.term !== 0) {
    into[pos++] = TAG_TERM;
    pos = writeVarint(into, pos, entry.term);
  }
  if (entry.index !== 0) {
    into[pos++] = TAG_INDEX;
    pos = writeVarint(into, pos, entry.index);
  }
  if (entry.type !== 0) {
    into[pos++] = TAG_TYPE;
    into[pos++] = entry.type;
  }
  const data = entry.data;
  if (data.length !== 0) {
    into[pos++] = TAG_DATA;
    pos = writeVarint(into, pos, data.length);
    into.set(data, pos);
    pos += data.length;
  }
  return pos;
}

/**
 * The records of `entries`, one after the other. Where the entries already stand side by side in one buffer, a view
 * of that buffer and no copy; otherwise a new buffer, which the entries that had no record yet then refer to.
 */
export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const first = entries[0];
  if (first === undefined) return new Uint8Array(0);
  if (first.record !== null && standTogether(entries)) {
    return first.record.subarray(first.recordStart, entries[entries.length - 1]!.recordEnd);
  }
  const bytes = new Uint8Array(recordsSize(entries));
  writeEntries(entries, bytes, 0);
  return bytes;
}

/**
 * As encodeEntries, where one of the records is large: the bytes in pieces, one after the other, in which large records are views
 * and only what is small is copied. Undefined where none is large.
 */
export function largeRecords(entries: readonly Entry[]): Uint8Array[] | undefined {
  if (!entries.some(isLarge)) return undefined;
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < entries.length; ) {
    let to = from + 1;
    if (!isLarge(entries[from]!)) while (to < entries.length && !isLarge(entries[to]!)) to++;
    pieces.push(encodeEntries(entries.slice(from, to)));
    from = to;
  }
  return pieces;
}

const isLarge = (entry: Entry): boolean => recordSize(entry) >= LARGE_PART_BYTES;

function standTogether(entries: readonly Entry[]): boolean {
  const buffer = entries[0]!.record;
  let end = entries[0]!.recordStart;
  for (const entry of entries) {
    if (entry.record !== buffer || entry.recordStart !== end) return false;
    end = entry.recordEnd;
  }
  return true;
}

/** Writes the records of `entries` at `at` of `into`, which must have room for `recordsSize(entries)`; returns the position after them. */
export function writeEntries(entries: readonly Entry[], into: Uint8Array, at: number): number {
  let pos = at;
  for (let i = 0; i < entries.length; ) {
    const entry = entries[i]!;
    const source = entry.record;
    if (source === null) {
      const start = pos;
      pos = writeRecord(entry, into, pos);
      entry.record = into;
      entry.recordStart = start;
      entry.recordEnd = pos;
      i++;
      continue;
    }
    let end = entry.recordEnd;
    for (i++; i < entries.length && entries[i]!.record === source && entries[i]!.recordStart === end; i++) {
      end = entries[i]!.recordEnd;
    }
    into.set(source.subarray(entry.recordStart, end), pos);
    pos += end - entry.recordStart;
  }
  return pos;
}

/** The entry whose record starts at the reader's position (its tag already read); the entry's record refers to the reader's buffer. */
export function decodeRecord(reader: ByteReader, recordStart: number): Entry {
  const length = reader.varint();
  const end = reader.pos + length;
  if (end > reader.end)
    throw new MalformedBytesError(`a record of ${length} bytes in ${reader.end - reader.pos} bytes`, reader.pos);
  const body = new ByteReader(reader.bytes, reader.pos, end);
  let term = 0;
  let index = 0;
  let type = 0;
  let data: Uint8Array = EMPTY;
  while (body.pos < end) {
    const tag = body.varint();
    if (tag === TAG_TERM) term = body.varint();
    else if (tag === TAG_INDEX) index = body.varint();
    else if (tag === TAG_TYPE) type = body.varint();
    else if (tag === TAG_DATA) data = body.view();
    else body.skip(tag);
  }
  if (type > ENTRY_TYPE_MAX) {
    throw new MalformedBytesError(`entry type ${type}, expected 0 to ${ENTRY_TYPE_MAX}`, recordStart);
  }
  reader.pos = end;
  const entry = new Entry(index, term, type as EntryType, data);
  entry.record = reader.bytes;
  entry.recordStart = recordStart;
  entry.recordEnd = end;
  return entry;
}

const EMPTY = new Uint8Array(0);

/** Decodes a run of records. The entries' data and records are views of `bytes`, which must not change afterwards. */
export function decodeEntries(bytes: Uint8Array, start = 0, end = bytes.length): Entry[] {
  const reader = new ByteReader(bytes, start, end);
  const entries: Entry[] = [];
  while (reader.pos < end) {
    const recordStart = reader.pos;
    const tag = reader.varint();
    if (tag !== RECORD_TAG) throw new MalformedBytesError(`tag ${tag}, expected ${RECORD_TAG}`, recordStart);
    entries.push(decodeRecord(reader, recordStart));
  }
  return entries;
}
