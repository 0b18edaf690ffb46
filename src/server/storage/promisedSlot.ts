import { crc32 } from 'node:zlib';
import { ByteReader } from '../../bytes/byteReader.ts';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { VARINT_BYTES_MAX, writeVarint } from '../../bytes/varint.ts';
import type { Binding } from './binding.ts';
import { UnknownFormatError } from './contract.ts';
import { chunkKey, stateKey } from './keys.ts';
import { decodeRecordHeader, seal } from './record.ts';

/**
 * One slot of a promised area:
 *
 *     crc32 (4 bytes, little-endian, over the rest of the header) | header's length (2 bytes) | "rkvp" | version |
 *     store id (16 bytes) | the binding | sequence | checksum | number of records | the length of each | the records
 *
 * In version 1 there is no binding: nothing of this version was bound, and what is not bound is written so. In version 2 it is
 *
 *     count | boots | length of the life | life | length of the previous life | previous life
 *
 * The records are write records (record.ts), which have checksums of their own; the last one is that of write `sequence`.
 */
export const PROMISED_SLOT_BYTES = 260 * 1024;
/** Records of up to so many bytes together are copied into a slot; the header takes the rest of it. */
export const COPIED_BYTES_MAX = 256 * 1024;
/** The lengths of more might not fit the header. */
export const COPIED_RECORDS_MAX = 256;
export const STORE_ID_BYTES = 16;

const UNBOUND_VERSION = 1;
const BOUND_VERSION = 2;
const MAGIC = new TextEncoder().encode('rkvp');
const LENGTH_AT = 4;
const MAGIC_AT = 6;
const VERSION_AT = MAGIC_AT + MAGIC.length;
const ID_AT = VERSION_AT + 1;
const FIELDS_AT = ID_AT + STORE_ID_BYTES;

/** A copy of a write record, and the key it belongs under. */
export interface CopiedRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface PromisedSlot {
  readonly storeId: Uint8Array;
  /** undefined: none was ever named. */
  readonly binding: Binding | undefined;
  /** The last write that was promised, or was about to be; 0 in a new store. */
  readonly sequence: number;
  /** That of its record. */
  readonly checksum: number;
  /** The records of the writes after the one promised before, up to this one; or none. */
  readonly records: readonly CopiedRecord[];
}

/** A binding as it stands in a slot. */
export function encodeBinding({ count, boots, life, previous }: Binding): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(count);
  writer.varint(boots);
  writer.text(life);
  writer.text(previous);
  return writer.finish();
}

/** What stands in a slot before the records, which follow it unchanged. `binding` is an encoded one, or undefined. */
export function encodeSlotHeader(
  storeId: Uint8Array,
  binding: Uint8Array | undefined,
  sequence: number,
  checksum: number,
  records: readonly Uint8Array[],
): Uint8Array {
  const sequenceAt = FIELDS_AT + (binding?.length ?? 0);
  const header = new Uint8Array(sequenceAt + (3 + records.length) * VARINT_BYTES_MAX);
  header.set(MAGIC, MAGIC_AT);
  header[VERSION_AT] = binding === undefined ? UNBOUND_VERSION : BOUND_VERSION;
  header.set(storeId, ID_AT);
  if (binding !== undefined) header.set(binding, FIELDS_AT);
  let length = writeVarint(header, sequenceAt, sequence);
  length = writeVarint(header, length, checksum);
  length = writeVarint(header, length, records.length);
  for (const record of records) length = writeVarint(header, length, record.length);
  header[LENGTH_AT] = length;
  header[LENGTH_AT + 1] = length >>> 8;
  const whole = header.subarray(0, length);
  seal(whole);
  return whole;
}

/** What a slot holds; undefined where it, or a record in it, is not whole. Throws UnknownFormatError on an intact one of another version. */
export function decodeSlot(bytes: Uint8Array): PromisedSlot | undefined {
  if (bytes.length < FIELDS_AT) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(LENGTH_AT, true);
  if (length < FIELDS_AT || length > bytes.length) return undefined;
  if (view.getUint32(0, true) !== crc32(bytes.subarray(LENGTH_AT, length))) return undefined;
  if (MAGIC.some((byte, i) => bytes[MAGIC_AT + i] !== byte)) return undefined;
  const version = bytes[VERSION_AT];
  if (version !== UNBOUND_VERSION && version !== BOUND_VERSION) {
    throw new UnknownFormatError(
      `the promise file has format version ${version}; this program reads ${UNBOUND_VERSION} and ${BOUND_VERSION}`,
    );
  }
  const reader = new ByteReader(bytes, FIELDS_AT, length);
  const binding = version === BOUND_VERSION ? readBinding(reader) : undefined;
  const sequence = reader.varint();
  const checksum = reader.varint();
  const records: CopiedRecord[] = [];
  let at = length;
  for (let left = reader.varint(); left > 0; left--) {
    const end = at + reader.varint();
    if (end > bytes.length) return undefined;
    const record = readRecord(bytes.subarray(at, end));
    if (record === undefined) return undefined;
    records.push(record);
    at = end;
  }
  return { storeId: bytes.subarray(ID_AT, FIELDS_AT), binding, sequence, checksum, records };
}

function readBinding(reader: ByteReader): Binding {
  const utf8 = new TextDecoder();
  return {
    count: reader.varint(),
    boots: reader.varint(),
    life: utf8.decode(reader.view()),
    previous: utf8.decode(reader.view()),
  };
}

function readRecord(value: Uint8Array): CopiedRecord | undefined {
  const { header } = decodeRecordHeader('a copy in the promise file', value);
  if (header === undefined) return undefined;
  const { firstIndex, sequence, entryCount } = header;
  return { key: entryCount === 0 ? stateKey(sequence) : chunkKey(firstIndex, sequence), value };
}

const ID_PATTERN = /^(rkv-promised ([0-9a-f]{32})) ([0-9a-f]{8})$/;

function checksumOf(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}

/** The value under PROMISED_KEY: which promised area goes with the store. */
export function encodeStoreId(storeId: Uint8Array): Uint8Array {
  const text = `rkv-promised ${Buffer.from(storeId).toString('hex')}`;
  return new TextEncoder().encode(`${text} ${checksumOf(text)}`);
}

/** The id in such a value; undefined where it is damaged. */
export function decodeStoreId(value: Uint8Array): Uint8Array | undefined {
  const match = ID_PATTERN.exec(new TextDecoder().decode(value));
  return match === null || checksumOf(match[1]!) !== match[3] ? undefined : Buffer.from(match[2]!, 'hex');
}
