import { ByteReader } from '../../../bytes/byteReader.ts';

/** A table that a manifest names. Keys are LevelDB's own: a user's key, then 8 bytes of sequence and type. */
export interface TableName {
  readonly number: number;
  readonly bytes: number;
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/** What a manifest says once all its edits are applied. */
export interface Manifest {
  readonly tables: readonly TableName[];
  /** Logs from this number on are replayed at opening, and the one before, where there is one. */
  readonly logNumber: number;
  readonly previousLogNumber: number;
}

const Tag = {
  Comparator: 1,
  LogNumber: 2,
  NextFileNumber: 3,
  LastSequence: 4,
  CompactPointer: 5,
  DeletedFile: 6,
  NewFile: 7,
  PreviousLogNumber: 9,
} as const;

/** Applies a manifest's records (LevelDB's VersionEdit). Throws where one cannot be read. */
export function readManifest(records: readonly Uint8Array[]): Manifest {
  const tables = new Map<string, TableName>();
  let logNumber = 0;
  let previousLogNumber = 0;
  for (const record of records) {
    const reader = new ByteReader(record);
    while (reader.pos < reader.end) {
      const tag = reader.varint();
      if (tag === Tag.Comparator) reader.view();
      else if (tag === Tag.LogNumber) logNumber = reader.varint();
      else if (tag === Tag.PreviousLogNumber) previousLogNumber = reader.varint();
      else if (tag === Tag.NextFileNumber || tag === Tag.LastSequence) reader.varint();
      else if (tag === Tag.CompactPointer) {
        reader.varint();
        reader.view();
      } else if (tag === Tag.DeletedFile) {
        const level = reader.varint();
        tables.delete(`${level}/${reader.varint()}`);
      } else if (tag === Tag.NewFile) {
        const level = reader.varint();
        const number = reader.varint();
        const bytes = reader.varint();
        tables.set(`${level}/${number}`, { number, bytes, smallest: reader.view(), largest: reader.view() });
      } else throw new Error(`an edit has the unknown tag ${tag}`);
    }
  }
  return { tables: [...tables.values()], logNumber, previousLogNumber };
}
