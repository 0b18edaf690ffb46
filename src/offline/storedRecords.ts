import { type Disk, UnknownFormatError } from '../server/storage/contract.ts';
import { CHUNK_PREFIX, parseKey, STATE_PREFIX } from '../server/storage/keys.ts';
import { decodeRecordHeader, describeDamage, type RecordHeader, type TermRun } from '../server/storage/record.ts';

/** Indexes of the log, both included. */
export interface IndexRange {
  readonly first: number;
  readonly last: number;
}

/** A record under its key, as it was found. */
export interface StoredRecord {
  readonly key: string;
  readonly write: number;
  /** As the key says; 0 of one without entries. */
  readonly firstIndex: number;
  readonly bytes: number;
  /** undefined where it is damaged. */
  readonly header: RecordHeader | undefined;
  /** '' where it is whole. */
  readonly damage: string;
}

/** All records of a log store on a disk, in the order of their keys, whatever is wrong with them. Throws UnknownFormatError. */
export function storedRecords(disk: Disk): StoredRecord[] {
  return [...disk.keys(CHUNK_PREFIX), ...disk.keys(STATE_PREFIX)].map((key) => {
    const parsed = parseKey(key);
    if (parsed === undefined)
      throw new UnknownFormatError(`the key ${JSON.stringify(key)} is none that this program writes`);
    const value = disk.get(key);
    const { header, damage } = decodeRecordHeader(key, value);
    return {
      key,
      write: parsed.sequence,
      firstIndex: parsed.index,
      bytes: value?.length ?? 0,
      header,
      damage: damage === undefined ? '' : describeDamage(damage),
    };
  });
}

/** Of these, the last write that can be read. */
export function newestOf(records: readonly StoredRecord[]): RecordHeader | undefined {
  return records.reduce<RecordHeader | undefined>(
    (newest, { header }) => (header !== undefined && header.sequence > (newest?.sequence ?? 0) ? header : newest),
    undefined,
  );
}

/** A record of entries that are in the log, with those of them that are: a later write may have replaced the rest. */
export interface LiveChunk extends IndexRange {
  readonly record: StoredRecord;
}

/** The records that hold the log between these ends, later writes before earlier ones, as far as they can be read. */
export function liveChunks(records: readonly StoredRecord[], { first, last }: IndexRange): LiveChunk[] {
  const stack: StoredRecord[] = [];
  const withEntries = records.filter(({ header }) => header !== undefined && header.entryCount > 0);
  for (const record of withEntries.sort((a, b) => a.write - b.write)) {
    while (stack.length > 0 && stack[stack.length - 1]!.firstIndex >= record.firstIndex) stack.pop();
    stack.push(record);
  }
  return stack.flatMap((record, position) => {
    const next = stack[position + 1]?.firstIndex ?? last + 1;
    const from = Math.max(first, record.firstIndex);
    const to = Math.min(last, record.firstIndex + record.header!.entryCount - 1, next - 1);
    return from > to ? [] : [{ first: from, last: to, record }];
  });
}

export interface TermRange extends IndexRange {
  readonly term: number;
}

/** The terms of these entries, in ranges. */
export function termRanges(chunks: readonly LiveChunk[]): TermRange[] {
  const ranges: { first: number; last: number; term: number }[] = [];
  for (const { first, last, record } of chunks) {
    const runs: readonly TermRun[] = record.header!.termRuns;
    for (const [at, run] of runs.entries()) {
      const from = Math.max(first, run.first);
      const to = Math.min(last, (runs[at + 1]?.first ?? last + 1) - 1);
      const before = ranges[ranges.length - 1];
      if (from > to) continue;
      if (before?.term === run.term && before.last + 1 === from) before.last = to;
      else ranges.push({ first: from, last: to, term: run.term });
    }
  }
  return ranges;
}
