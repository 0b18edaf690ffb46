import { readSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { ByteReader, MalformedBytesError } from '../../../bytes/byteReader.ts';
import type { Disk } from '../contract.ts';
import { BATCH_HEADER_BYTES, type LevelFiles, namedFiles } from './checkFiles.ts';
import { readLevelLog } from './levelLog.ts';
import { scanTable } from './table.ts';

/** A part of LevelDB's files that is not what was written. */
export interface FileDamage {
  readonly path: string;
  readonly offset: number;
  readonly what: string;
  /** In a table, what was there had keys between these; in a log, it was written between them. '' where nothing tells. */
  readonly after: string;
  readonly before: string;
}

type Value =
  | { readonly bytes: Uint8Array }
  | { readonly file: FileHandle; readonly offset: number; readonly bytes: number };

interface Found {
  readonly sequence: bigint;
  readonly path: string;
  readonly isInLog: boolean;
  /** undefined: it is deleted. */
  readonly value: Value | undefined;
}

/** After a user's key: sequence (7 bytes) and type, little-endian. */
const TRAILER_BYTES = 8;
const TYPE_VALUE = 1;
const utf8 = new TextDecoder();

/**
 * What LevelDB's files hold, as LevelDB would find it and as far as it can be read, without opening it: that would replay its logs into new tables and
 * write another manifest. A Disk that takes no writes. Values stay in the files, which are open until `close`.
 */
export class LevelContents implements Disk {
  private readonly found = new Map<string, Found>();
  private readonly open: FileHandle[] = [];
  private readonly damaged: FileDamage[] = [];
  private sorted: readonly string[] | undefined;

  /** Throws CorruptLogError where not even the files can be told that belong to it, and the file system's errors. */
  static async read(location: string): Promise<LevelContents> {
    const contents = new LevelContents();
    const files = await namedFiles(location);
    try {
      if (files !== undefined) await contents.readAll(files);
      return contents;
    } catch (error) {
      await contents.close();
      throw error;
    }
  }

  private constructor() {}

  get damages(): readonly FileDamage[] {
    return this.damaged;
  }

  private async readAll({ tables, logs }: LevelFiles): Promise<void> {
    for (const { path, isMissing, table } of tables) {
      const [smallest, largest] = [table.smallest, table.largest].map(userKey);
      if (isMissing) {
        const what = 'it is missing, though the manifest names it';
        this.damaged.push({ path, offset: 0, what, after: smallest!, before: largest! });
        continue;
      }
      const file = await open(path);
      this.open.push(file);
      const damages = await scanTable(file, table, ({ key, offset, bytes }) => {
        const { isValue, sequence } = trailerOf(key);
        this.take(userKey(key), {
          sequence,
          path,
          isInLog: false,
          value: isValue ? { file, offset, bytes } : undefined,
        });
      });
      for (const { offset, what, after, before } of damages)
        this.damaged.push({ path, offset, what, after: userKey(after), before: userKey(before) });
    }
    for (const path of logs) this.readLog(path, await readFile(path));
  }

  private readLog(path: string, bytes: Uint8Array): void {
    const { records, offsets, damages } = readLevelLog(bytes);
    const ends = records.map((record, at) => {
      try {
        return this.replay(path, record);
      } catch (error) {
        if (!(error instanceof MalformedBytesError)) throw error;
        this.damaged.push({
          path,
          offset: offsets[at]!,
          what: 'a batch cannot be read',
          after: '',
          before: '',
        });
        return { first: '', last: '' };
      }
    });
    for (const { offset, what } of damages) {
      const next = offsets.findIndex((begin) => begin >= offset);
      const before = ends[next]?.first ?? '';
      const after = ends[next === -1 ? ends.length - 1 : next - 1]?.last ?? '';
      this.damaged.push({ path, offset, what, after, before });
    }
  }

  /** Returns the first and the last key that the batch puts. */
  private replay(path: string, batch: Uint8Array): { readonly first: string; readonly last: string } {
    if (batch.length < BATCH_HEADER_BYTES) throw new MalformedBytesError('a batch is cut short', batch.length);
    const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
    const reader = new ByteReader(batch, BATCH_HEADER_BYTES);
    let sequence = view.getBigUint64(0, true);
    let first = '';
    let last = '';
    for (let left = view.getUint32(8, true); left > 0; left--) {
      const isValue = reader.varint() === TYPE_VALUE;
      const key = utf8.decode(reader.view());
      const value = isValue ? { bytes: reader.view() } : undefined;
      this.take(key, { sequence, path, isInLog: true, value });
      sequence++;
      if (!isValue) continue;
      first ||= key;
      last = key;
    }
    return { first, last };
  }

  /** LevelDB looks into what it replayed first, and only then into tables: where a log is not of this database that need not be what came last. */
  private take(key: string, found: Found): void {
    const known = this.found.get(key);
    const isBehind = known !== undefined && known.sequence > found.sequence;
    if (!isBehind || (found.isInLog && !known.isInLog)) this.found.set(key, found);
  }

  get(key: string): Uint8Array | undefined {
    const value = this.found.get(key)?.value;
    if (value === undefined) return undefined;
    if (!('file' in value)) return value.bytes;
    const bytes = new Uint8Array(value.bytes);
    const count = readSync(value.file.fd, bytes, 0, bytes.length, value.offset);
    return bytes.subarray(0, count);
  }

  /** The file that holds the value; undefined where there is none. */
  fileOf(key: string): string | undefined {
    const found = this.found.get(key);
    return found?.value === undefined ? undefined : found.path;
  }

  keys(prefix: string): readonly string[] {
    this.sorted ??= [...this.found].flatMap(([key, { value }]) => (value === undefined ? [] : [key])).sort();
    return this.sorted.filter((key) => key.startsWith(prefix));
  }

  write(): void {
    throw new Error('what is only looked at takes no writes');
  }

  async close(): Promise<void> {
    for (const file of this.open) await file.close();
  }
}

function userKey(key: Uint8Array): string {
  return utf8.decode(key.subarray(0, key.length - TRAILER_BYTES));
}

function trailerOf(key: Uint8Array): { readonly sequence: bigint; readonly isValue: boolean } {
  const trailer = new DataView(key.buffer, key.byteOffset + key.length - TRAILER_BYTES).getBigUint64(0, true);
  return { sequence: trailer >> 8n, isValue: Number(trailer & 0xffn) === TYPE_VALUE };
}
