import type { FileHandle } from 'node:fs/promises';
import { ByteReader } from '../../../bytes/byteReader.ts';
import { maskedCrc32c } from './crc32c.ts';
import type { TableName } from './manifest.ts';

/**
 * LevelDB's table format (doc/table_format.md there): blocks, each with its type and a masked crc32c over both after it; at the
 * end a block that lists them and a footer that says where that is.
 */
const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = 0xdb4775248b80fb57n;
const NOT_COMPRESSED = 0;
const READ_BYTES = 4 * 1024 * 1024;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

interface BlockEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Reads a whole table. Throws an Error that says what in it is not what LevelDB wrote: a block's checksum, its keys, its size,
 * or that it is another table than the one named.
 */
export async function checkTable(file: FileHandle, { bytes, smallest, largest }: TableName): Promise<void> {
  const { size } = await file.stat();
  if (size !== bytes) throw new Error(`it has ${size} bytes, expected ${bytes}`);
  const reader = new BlockReader(file, size);
  const { metaIndex, index } = readFooter(await reader.read(size - FOOTER_BYTES, FOOTER_BYTES));
  // The filter, for one: a damaged one hides keys.
  for (const { value } of blockEntries(await reader.block(metaIndex), metaIndex)) {
    await reader.block(readHandle(new ByteReader(value)));
  }
  const blocks = blockEntries(await reader.block(index), index).map(({ value }) => readHandle(new ByteReader(value)));
  let first: Uint8Array | undefined;
  let last: Uint8Array | undefined;
  for (const [position, handle] of blocks.entries()) {
    const block = await reader.block(handle);
    // The keys between are in order if the block is what was written, which its checksum says.
    if (position > 0 && position < blocks.length - 1) continue;
    const entries = blockEntries(block, handle);
    first ??= entries[0]?.key;
    last = entries[entries.length - 1]?.key;
  }
  if (isSame(first, smallest) && isSame(last, largest)) return;
  throw new Error('it does not hold the keys that the manifest names: it is another table');
}

/** An entry of a table, by where its value stands in the file. */
export interface TableEntry {
  /** LevelDB's own: a user's key, then 8 bytes of sequence and type. */
  readonly key: Uint8Array;
  readonly offset: number;
  readonly bytes: number;
}

/** A part of a table that is not what LevelDB wrote. What it held is between two keys, which are there or are the table's first and last. */
export interface TableDamage {
  readonly offset: number;
  readonly what: string;
  readonly after: Uint8Array;
  readonly before: Uint8Array;
}

/** Hands over what can be read of a table, block by block, and returns what cannot. */
export async function scanTable(
  file: FileHandle,
  { bytes, smallest, largest }: TableName,
  take: (entry: TableEntry) => void,
): Promise<TableDamage[]> {
  const { size } = await file.stat();
  const reader = new BlockReader(file, size);
  let blocks: Handle[];
  try {
    if (size !== bytes) throw new Error(`it has ${size} bytes, expected ${bytes}`);
    const { index } = readFooter(await reader.read(size - FOOTER_BYTES, FOOTER_BYTES));
    blocks = blockEntries(await reader.block(index), index).map(({ value }) => readHandle(new ByteReader(value)));
  } catch (error) {
    return [{ offset: 0, what: whatOf(error), after: smallest, before: largest }];
  }
  const damages: TableDamage[] = [];
  let open: Omit<TableDamage, 'before'>[] = [];
  let last = smallest;
  for (const handle of blocks) {
    let block: Uint8Array;
    let entries: BlockEntry[];
    try {
      block = await reader.block(handle);
      entries = blockEntries(block, handle);
    } catch (error) {
      open.push({ offset: handle.offset, what: whatOf(error), after: last });
      continue;
    }
    for (const { key, value } of entries) {
      for (const each of open) damages.push({ ...each, before: key });
      open = [];
      take({ key, offset: handle.offset + value.byteOffset - block.byteOffset, bytes: value.length });
      last = key;
    }
  }
  for (const each of open) damages.push({ ...each, before: largest });
  return damages;
}

/** Of a defect of the file; throws on what the file system says. */
function whatOf(error: unknown): string {
  if (!(error instanceof Error) || 'code' in error) throw error;
  return error.message;
}

function isSame(key: Uint8Array | undefined, expected: Uint8Array): boolean {
  return key !== undefined && Buffer.compare(key, expected) === 0;
}

function readHandle(reader: ByteReader): Handle {
  return { offset: reader.varint(), size: reader.varint() };
}

function readFooter(footer: Uint8Array): { readonly metaIndex: Handle; readonly index: Handle } {
  const magic = new DataView(footer.buffer, footer.byteOffset).getBigUint64(FOOTER_BYTES - 8, true);
  if (magic !== MAGIC) throw new Error('its end is not the end of a table');
  const reader = new ByteReader(footer);
  return { metaIndex: readHandle(reader), index: readHandle(reader) };
}

/** Blocks of one file, which are asked for mostly in their order. */
class BlockReader {
  private readonly file: FileHandle;
  private readonly size: number;
  private window = new Uint8Array(0);
  private windowStart = 0;

  constructor(file: FileHandle, size: number) {
    this.file = file;
    this.size = size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || offset + length > this.size)
      throw new Error(`bytes ${offset} to ${offset + length} are not in it`);
    const isThere = offset >= this.windowStart && offset + length <= this.windowStart + this.window.length;
    if (!isThere) {
      const window = new Uint8Array(Math.min(Math.max(length, READ_BYTES), this.size - offset));
      const { bytesRead } = await this.file.read(window, 0, window.length, offset);
      if (bytesRead < window.length) throw new Error(`it ends at byte ${offset + bytesRead}`);
      this.window = window;
      this.windowStart = offset;
    }
    const start = offset - this.windowStart;
    return this.window.subarray(start, start + length);
  }

  /** A block's content, checked. */
  async block({ offset, size }: Handle): Promise<Uint8Array> {
    const bytes = await this.read(offset, size + TRAILER_BYTES);
    const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(size + 1, true);
    if (stored !== maskedCrc32c(bytes, 0, size + 1)) throw new Error(`the checksum of its block at ${offset} is wrong`);
    if (bytes[size] !== NOT_COMPRESSED)
      throw new Error(`its block at ${offset} is compressed, which this store never asks for`);
    return bytes.subarray(0, size);
  }
}

/** The entries of a block: keys share their beginnings with the key before; offsets of whole keys are at the end. */
function blockEntries(block: Uint8Array, { offset }: Handle): BlockEntry[] {
  if (block.length < 4) throw new Error(`its block at ${offset} is too short`);
  const restarts = new DataView(block.buffer, block.byteOffset).getUint32(block.length - 4, true);
  const reader = new ByteReader(block, 0, block.length - 4 - 4 * restarts);
  const entries: BlockEntry[] = [];
  let key = new Uint8Array(0);
  while (reader.pos < reader.end) {
    const shared = reader.varint();
    const own = reader.varint();
    const valueBytes = reader.varint();
    const keyEnd = reader.pos + own;
    if (shared > key.length || keyEnd + valueBytes > reader.end)
      throw new Error(`its block at ${offset} cannot be read`);
    const next = new Uint8Array(shared + own);
    next.set(key.subarray(0, shared));
    next.set(block.subarray(reader.pos, keyEnd), shared);
    key = next;
    entries.push({ key, value: block.subarray(keyEnd, keyEnd + valueBytes) });
    reader.pos = keyEnd + valueBytes;
  }
  return entries;
}
