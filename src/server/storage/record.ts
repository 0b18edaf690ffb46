import { crc32 } from 'node:zlib';
import { ByteReader } from '../../bytes/byteReader.ts';
import { VARINT_BYTES_MAX, writeVarint } from '../../bytes/varint.ts';
import type { HardState } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { writeEntries } from '../../consensus/entryCodec.ts';
import { UnknownFormatError } from './contract.ts';
import { isMarked } from './markedEntries.ts';

/**
 * The *write record*: the one value that stands for a whole write of the log store, so that a write is on disk either
 * completely or not at all, whatever a crash does to the operations beside it. It holds the entries of the write and
 * everything else there is to know once the write is done: it is a complete root of the store.
 *
 *     crc32 (4 bytes, little-endian, over all that follows) | version | kind | the fields of RecordHeader | entries
 */
export const FORMAT_VERSION = 1;
export const CRC_BYTES = 4;
const RECORD_KIND = 1;

/** A number to say which snapshot value belongs to a record: where it is, and what its checksum must be. */
export interface SnapshotReference {
  readonly index: number;
  readonly sequence: number;
  readonly checksum: number;
}

/** Entries from `first` on, up to the next run, have this term. */
export interface TermRun {
  readonly first: number;
  readonly term: number;
}

export interface RecordFields {
  /** Number of this write; grows without end, with gaps only where a crash lost writes. */
  readonly sequence: number;
  /** Every write up to this one was known to be durable before this one was begun. */
  readonly durableSequence: number;
  /** The write before this one and its checksum: what was written after a lost write is told by them from its successor. */
  readonly previousSequence: number;
  readonly previousChecksum: number;
  /** The log begins after this index, whose entry had this term. */
  readonly baseIndex: number;
  readonly baseTerm: number;
  readonly snapshot: SnapshotReference | undefined;
  readonly hardState: HardState;
  /** The log's last index after this write. Whatever older chunks hold beyond it is truncated. */
  readonly lastIndex: number;
  /** The term of that entry. */
  readonly lastTerm: number;
  /** The term of the entry before the first one here, or of the last one where there is none here. */
  readonly previousTerm: number;
}

export interface RecordHeader extends RecordFields {
  readonly checksum: number;
  /** The first entry's index, and how many there are in this record; older chunks end before it. */
  readonly firstIndex: number;
  readonly entryCount: number;
  readonly termRuns: readonly TermRun[];
  /** Indexes of the membership entries and fences in this record. */
  readonly markedIndexes: readonly number[];
  /** Where in the value the run of entries starts. */
  readonly entriesStart: number;
}

/** What is in a value is not what was written. Checksums are undefined where not even they could be read. */
export interface Damage {
  readonly reason: string;
  readonly expectedChecksum: number | undefined;
  readonly foundChecksum: number | undefined;
}

export interface EncodedRecord {
  readonly value: Uint8Array;
  readonly checksum: number;
  readonly entriesStart: number;
  readonly termRuns: readonly TermRun[];
}

const NO_ENTRIES: readonly Entry[] = [];
const FIXED_FIELDS = 17;
/** What stands before the entries is put together here where it fits, and copied at once: nothing of it stays from one record to the next. */
const SCRATCH = new Uint8Array(1024);

function termRunsOf(entries: readonly Entry[]): TermRun[] {
  const first = entries[0];
  if (first === undefined) return [];
  const runs: TermRun[] = [{ first: first.index, term: first.term }];
  // Terms never fall along a log, so equal ends mean that all are equal.
  if (entries[entries.length - 1]!.term === first.term) return runs;
  let term = first.term;
  for (const entry of entries) {
    if (entry.term === term) continue;
    term = entry.term;
    runs.push({ first: entry.index, term });
  }
  return runs;
}

function markedOf(entries: readonly Entry[]): readonly Entry[] {
  let found: Entry[] | undefined;
  for (const entry of entries) {
    if (!isMarked(entry)) continue;
    if (found === undefined) found = [entry];
    else found.push(entry);
  }
  return found ?? NO_ENTRIES;
}

/** The checksum kept in the first bytes of a value. */
export function storedChecksum(value: Uint8Array): number {
  return (value[0]! | (value[1]! << 8) | (value[2]! << 16) | (value[3]! << 24)) >>> 0;
}

/** Writes the checksum of a finished value into its first bytes, and returns it. */
export function seal(value: Uint8Array): number {
  const checksum = crc32(value.subarray(CRC_BYTES));
  putChecksum(value, checksum);
  return checksum;
}

export function putChecksum(value: Uint8Array, checksum: number): void {
  value[0] = checksum;
  value[1] = checksum >>> 8;
  value[2] = checksum >>> 16;
  value[3] = checksum >>> 24;
}

/**
 * The record of a write. Entries that were not encoded before then refer to the record's bytes. `entriesBytes` is their
 * `recordsSize`, which the caller knows.
 */
export function encodeRecord(fields: RecordFields, entries: readonly Entry[], entriesBytes: number): EncodedRecord {
  const termRuns = termRunsOf(entries);
  const marked = markedOf(entries);
  const numbers = FIXED_FIELDS + 2 + 2 * termRuns.length + marked.length;
  const sizeMax = CRC_BYTES + 2 + numbers * VARINT_BYTES_MAX;
  const header = sizeMax > SCRATCH.length ? new Uint8Array(sizeMax) : SCRATCH;
  const firstIndex = entries[0]?.index ?? 0;
  let pos = CRC_BYTES;
  header[pos++] = FORMAT_VERSION;
  header[pos++] = RECORD_KIND;
  const put = (value: number) => {
    pos = writeVarint(header, pos, value);
  };
  put(fields.sequence);
  put(fields.durableSequence);
  put(fields.previousSequence);
  put(fields.previousChecksum);
  put(fields.baseIndex);
  put(fields.baseTerm);
  put(fields.snapshot?.index ?? 0);
  put(fields.snapshot?.sequence ?? 0);
  put(fields.snapshot?.checksum ?? 0);
  put(fields.hardState.term);
  put(fields.hardState.vote);
  put(fields.hardState.commit);
  put(fields.lastIndex);
  put(fields.lastTerm);
  put(fields.previousTerm);
  put(firstIndex);
  put(entries.length);
  put(termRuns.length);
  for (const run of termRuns) {
    put(run.first - firstIndex);
    put(run.term);
  }
  put(marked.length);
  for (const entry of marked) put(entry.index - firstIndex);
  const value = new Uint8Array(pos + entriesBytes);
  value.set(header.subarray(0, pos));
  writeEntries(entries, value, pos);
  return { value, checksum: seal(value), entriesStart: pos, termRuns };
}

/** Checks the checksum and the version that every value starts with. Throws UnknownFormatError on an intact value of another version. */
export function damageOf(key: string, value: Uint8Array | undefined, kind: number): Damage | undefined {
  if (value === undefined) return { reason: 'it is missing', expectedChecksum: undefined, foundChecksum: undefined };
  if (value.length < CRC_BYTES + 2) {
    return {
      reason: `it has ${value.length} bytes, at least ${CRC_BYTES + 2} are needed`,
      expectedChecksum: undefined,
      foundChecksum: undefined,
    };
  }
  const expected = storedChecksum(value);
  const found = crc32(value.subarray(CRC_BYTES));
  if (expected !== found) {
    return { reason: 'its checksum is wrong', expectedChecksum: expected, foundChecksum: found };
  }
  if (value[CRC_BYTES] !== FORMAT_VERSION) {
    throw new UnknownFormatError(`${key} has format version ${value[CRC_BYTES]}; this program reads ${FORMAT_VERSION}`);
  }
  if (value[CRC_BYTES + 1] !== kind) {
    return {
      reason: `it is of kind ${value[CRC_BYTES + 1]}, expected ${kind}`,
      expectedChecksum: expected,
      foundChecksum: found,
    };
  }
  return undefined;
}

/** Reads what stands before the entries. The checksum has been checked: what is wrong now was written wrong. */
function readHeader(value: Uint8Array, checksum: number): RecordHeader {
  const reader = new ByteReader(value, CRC_BYTES + 2);
  const sequence = reader.varint();
  const durableSequence = reader.varint();
  const previousSequence = reader.varint();
  const previousChecksum = reader.varint();
  const baseIndex = reader.varint();
  const baseTerm = reader.varint();
  const snapshot = { index: reader.varint(), sequence: reader.varint(), checksum: reader.varint() };
  const hardState = { term: reader.varint(), vote: reader.varint(), commit: reader.varint() };
  const lastIndex = reader.varint();
  const lastTerm = reader.varint();
  const previousTerm = reader.varint();
  const firstIndex = reader.varint();
  const entryCount = reader.varint();
  const termRuns: TermRun[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    termRuns.push({ first: firstIndex + reader.varint(), term: reader.varint() });
  }
  const markedIndexes: number[] = [];
  for (let left = reader.varint(); left > 0; left--) markedIndexes.push(firstIndex + reader.varint());
  return {
    checksum,
    sequence,
    durableSequence,
    previousSequence,
    previousChecksum,
    baseIndex,
    baseTerm,
    snapshot: snapshot.sequence === 0 ? undefined : snapshot,
    hardState,
    lastIndex,
    lastTerm,
    previousTerm,
    firstIndex,
    entryCount,
    termRuns,
    markedIndexes,
    entriesStart: reader.pos,
  };
}

export type DecodedRecord =
  | { readonly header: RecordHeader; readonly damage?: undefined }
  | { readonly header?: undefined; readonly damage: Damage };

/** A record's header, or what is wrong with the value. Throws UnknownFormatError on an intact value of another version. */
export function decodeRecordHeader(key: string, value: Uint8Array | undefined): DecodedRecord {
  const damage = damageOf(key, value, RECORD_KIND);
  if (damage !== undefined || value === undefined) return { damage: damage! };
  const expected = storedChecksum(value);
  try {
    return { header: readHeader(value, expected) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { damage: { reason, expectedChecksum: expected, foundChecksum: expected } };
  }
}

/** A damage in words, for errors and reports. */
export function describeDamage(damage: Damage): string {
  if (damage.expectedChecksum === undefined || damage.foundChecksum === undefined) return damage.reason;
  const hex = (checksum: number) => `0x${checksum.toString(16).padStart(8, '0')}`;
  return `${damage.reason} (checksum expected ${hex(damage.expectedChecksum)}, found ${hex(damage.foundChecksum)})`;
}
