import { crc32 } from 'node:zlib';
import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { VARINT_BYTES_MAX, writeVarint } from '../../bytes/varint.ts';
import type { Binding } from './binding.ts';
import { type DiskOperation, UnknownFormatError } from './contract.ts';
import { chunkKey, stateKey } from './keys.ts';
import { decodeRecordHeader, seal } from './record.ts';

/**
 * One entry of the journal in a promised area (journal.ts):
 *
 *     crc32 (4 bytes, little-endian, over the rest of the header) | header's length (2 bytes) | "rkvp" | version (3) |
 *     store id (16 bytes) | the binding | number | covered | sequence | checksum | crc32 of the values |
 *     number of operations | of each: length of the key, the key, 0 or 1 + length of the value | the values
 *
 * The binding is count | boots | length of the life | life | length of the previous life | previous life, with a count of 0 where none was named.
 *
 * Versions 1 and 2 were no entries of a journal but two slots, 260 KiB each, of which one at a time was written: without number and
 * covered, without a binding in version 1, and with the records of the writes alone, each of which has a checksum of its own:
 *
 *     … | the binding | sequence | checksum | number of records | the length of each | the records
 */
export const STORE_ID_BYTES = 16;
/** Of each half of a promise file: some seconds of a busy server, and what a start may have to lay over its database. */
export const JOURNAL_HALF_BYTES = 4 * 1024 * 1024;
/** What file systems and disks write at once. */
export const JOURNAL_BLOCK_BYTES = 4096;
/** What keys and lengths may take, so that the header's length fits its two bytes. */
export const HEADER_OPERATIONS_BYTES_MAX = 60_000;
/** Where the second slot of an area of version 1 or 2 began. */
export const SLOT_BYTES = 260 * 1024;

const UNBOUND_SLOT_VERSION = 1;
const BOUND_SLOT_VERSION = 2;
const ENTRY_VERSION = 3;
const MAGIC = new TextEncoder().encode('rkvp');
const LENGTH_AT = 4;
const MAGIC_AT = 6;
const VERSION_AT = MAGIC_AT + MAGIC.length;
const ID_AT = VERSION_AT + 1;
const FIELDS_AT = ID_AT + STORE_ID_BYTES;
const utf8 = new TextDecoder();
const text = new TextEncoder();

/** Which entry this is, and what it names. */
export interface EntryName {
  /** Grows by one with each entry of an area; 0 in a slot. */
  readonly number: number;
  /** Everything up to the entry of this number was durable on the disk before this one was begun. */
  readonly covered: number;
  /** The last write that was promised, or was about to be; 0 in a new store. */
  readonly sequence: number;
  /** That of its record. */
  readonly checksum: number;
}

export interface JournalEntry extends EntryName {
  readonly storeId: Uint8Array;
  /** undefined: none was ever named. */
  readonly binding: Binding | undefined;
  /** Of the writes after the one promised before, up to this one; or none. */
  readonly operations: readonly DiskOperation[];
  /** How long it is. */
  readonly bytes: number;
}

/** A binding as it stands in an entry. */
export function encodeBinding(binding: Binding | undefined): Uint8Array {
  const { count, boots, life, previous } = binding ?? { count: 0, boots: 0, life: '', previous: '' };
  const writer = new ByteWriter();
  writer.varint(count);
  writer.varint(boots);
  writer.text(life);
  writer.text(previous);
  return writer.finish();
}

/** At most how many bytes of the header this operation takes. */
export function headerBytesOf({ key }: DiskOperation): number {
  return 3 * key.length + 2 * VARINT_BYTES_MAX;
}

/** What stands in an entry before the values of the operations, which follow it unchanged. `binding` is an encoded one. */
export function encodeEntryHeader(
  storeId: Uint8Array,
  binding: Uint8Array,
  { number, covered, sequence, checksum }: EntryName,
  operations: readonly DiskOperation[],
): Uint8Array {
  let bytesMax = FIELDS_AT + binding.length + 6 * VARINT_BYTES_MAX;
  let valuesChecksum = 0;
  for (const operation of operations) {
    bytesMax += headerBytesOf(operation);
    if (operation.value !== null) valuesChecksum = crc32(operation.value, valuesChecksum);
  }
  const header = new Uint8Array(bytesMax);
  header.set(MAGIC, MAGIC_AT);
  header[VERSION_AT] = ENTRY_VERSION;
  header.set(storeId, ID_AT);
  header.set(binding, FIELDS_AT);
  let at = FIELDS_AT + binding.length;
  for (const value of [number, covered, sequence, checksum, valuesChecksum, operations.length]) {
    at = writeVarint(header, at, value);
  }
  for (const { key, value } of operations) {
    const encoded = text.encode(key);
    at = writeVarint(header, at, encoded.length);
    header.set(encoded, at);
    at = writeVarint(header, at + encoded.length, value === null ? 0 : value.length + 1);
  }
  header[LENGTH_AT] = at;
  header[LENGTH_AT + 1] = at >>> 8;
  const whole = header.subarray(0, at);
  seal(whole);
  return whole;
}

/** What may begin some bytes. */
export interface Expected {
  /** Of another store's nothing is looked at but its name. */
  readonly storeId?: Uint8Array | undefined;
  readonly maybeSlot?: boolean;
}

/** The entry, or slot where one may be, that begins these bytes; undefined where there is none, or something in it is not whole. */
export function decodeEntry(
  bytes: Uint8Array,
  { storeId, maybeSlot = false }: Expected = {},
): JournalEntry | undefined {
  const length = headerLengthOf(bytes);
  if (length === undefined) return undefined;
  if (storeId !== undefined && Buffer.compare(bytes.subarray(ID_AT, FIELDS_AT), storeId) !== 0) return undefined;
  const version = bytes[VERSION_AT]!;
  try {
    if (version === ENTRY_VERSION) return readEntry(bytes, length);
    return maybeSlot && isSlot(version) ? readSlot(bytes, length, version) : undefined;
  } catch (error) {
    // With the right checksum it was written like this, by nobody of ours.
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

/** Throws UnknownFormatError where these bytes begin with an intact header of another version. */
export function throwIfUnknownVersion(bytes: Uint8Array): void {
  if (headerLengthOf(bytes) === undefined) return;
  const version = bytes[VERSION_AT]!;
  if (version === ENTRY_VERSION || isSlot(version)) return;
  throw new UnknownFormatError(
    `the promise file has format version ${version}; this program reads ${UNBOUND_SLOT_VERSION} to ${ENTRY_VERSION}`,
  );
}

function isSlot(version: number): boolean {
  return version === UNBOUND_SLOT_VERSION || version === BOUND_SLOT_VERSION;
}

/** Of an intact header. */
function headerLengthOf(bytes: Uint8Array): number | undefined {
  if (MAGIC.some((byte, i) => bytes[MAGIC_AT + i] !== byte)) return undefined;
  const length = bytes[LENGTH_AT]! | (bytes[LENGTH_AT + 1]! << 8);
  if (length < FIELDS_AT || length > bytes.length) return undefined;
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return checksum === crc32(bytes.subarray(LENGTH_AT, length)) ? length : undefined;
}

function readEntry(bytes: Uint8Array, length: number): JournalEntry | undefined {
  const reader = new ByteReader(bytes, FIELDS_AT, length);
  const binding = readBinding(reader);
  const name = {
    number: reader.varint(),
    covered: reader.varint(),
    sequence: reader.varint(),
    checksum: reader.varint(),
  };
  const valuesChecksum = reader.varint();
  const operations: DiskOperation[] = [];
  let found = 0;
  let end = length;
  for (let left = reader.varint(); left > 0; left--) {
    const key = utf8.decode(reader.view());
    const lengthPlusOne = reader.varint();
    if (lengthPlusOne === 0) {
      operations.push({ key, value: null });
      continue;
    }
    const start = end;
    end += lengthPlusOne - 1;
    if (end > bytes.length) return undefined;
    const value = bytes.subarray(start, end);
    found = crc32(value, found);
    operations.push({ key, value });
  }
  if (found !== valuesChecksum) return undefined;
  return { ...name, storeId: bytes.slice(ID_AT, FIELDS_AT), binding, operations, bytes: end };
}

function readSlot(bytes: Uint8Array, length: number, version: number): JournalEntry | undefined {
  const reader = new ByteReader(bytes, FIELDS_AT, length);
  const binding = version === BOUND_SLOT_VERSION ? readBinding(reader) : undefined;
  const sequence = reader.varint();
  const checksum = reader.varint();
  const operations: DiskOperation[] = [];
  let end = length;
  for (let left = reader.varint(); left > 0; left--) {
    const start = end;
    end += reader.varint();
    if (end > bytes.length) return undefined;
    const record = keyedRecord(bytes.subarray(start, end));
    if (record === undefined) return undefined;
    operations.push(record);
  }
  const name = { number: 0, covered: -1, sequence, checksum };
  return { ...name, storeId: bytes.slice(ID_AT, FIELDS_AT), binding, operations, bytes: end };
}

function readBinding(reader: ByteReader): Binding | undefined {
  const count = reader.varint();
  const boots = reader.varint();
  const life = utf8.decode(reader.view());
  const previous = utf8.decode(reader.view());
  return count === 0 ? undefined : { count, boots, life, previous };
}

function keyedRecord(value: Uint8Array): DiskOperation | undefined {
  const { header } = decodeRecordHeader('a copy in the promise file', value);
  if (header === undefined) return undefined;
  const { firstIndex, sequence, entryCount } = header;
  return { key: entryCount === 0 ? stateKey(sequence) : chunkKey(firstIndex, sequence), value };
}

const ID_PATTERN = /^(rkv-promised ([0-9a-f]{32})) ([0-9a-f]{8})$/;

function checksumOf(words: string): string {
  return crc32(text.encode(words)).toString(16).padStart(8, '0');
}

/** The value under PROMISED_KEY: which promised area goes with the store. */
export function encodeStoreId(storeId: Uint8Array): Uint8Array {
  const words = `rkv-promised ${Buffer.from(storeId).toString('hex')}`;
  return text.encode(`${words} ${checksumOf(words)}`);
}

/** The id in such a value; undefined where it is damaged. */
export function decodeStoreId(value: Uint8Array): Uint8Array | undefined {
  const match = ID_PATTERN.exec(utf8.decode(value));
  return match === null || checksumOf(match[1]!) !== match[3] ? undefined : Buffer.from(match[2]!, 'hex');
}
