import { type ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import type { ByteWriter } from '../../bytes/byteWriter.ts';

const BLOCK_BYTES = 512;
/** Numbers that share a block. */
export const BLOCK_NUMBERS = 8 * BLOCK_BYTES;
/**
 * From so many numbers on a block is kept as bits: each takes eight bytes and somewhat more where it stands by itself, and bits all of the
 * block's 512.
 */
export const DENSE_NUMBERS_MIN = 64;

/**
 * A set of whole numbers, of which many lie close together, or few far apart: blocks of 4 096 numbers, each as a bit for every one where it
 * holds many, else as the numbers themselves, all of these in one list. (Roaring bitmaps' containers: Chambi, Lemire, Kaser, Godin, "Better
 * bitmap performance with Roaring bitmaps", 2016.) Which it is follows from the set alone. A Set takes 32 bytes for each number; with bits
 * alone a number by itself took more than 600.
 */
export class SparseNumbers {
  size = 0;
  /** The highest that ever was among them; 0 where none was. */
  highest = 0;
  /** What stands in blocks of few, ascending. */
  private readonly few: number[] = [];
  /** Blocks of many, by number / BLOCK_NUMBERS. Few sets have one, so they share what says so. */
  private dense = NO_BLOCKS;

  /** What they take of what may be held, about 8 bytes each: a number each, and of one block never more than its bits do. */
  get weight(): number {
    return this.few.length + DENSE_NUMBERS_MIN * this.dense.size;
  }

  has(number: number): boolean {
    const block = this.dense.get(blockOf(number));
    return block === undefined ? this.few[this.place(number)] === number : block.has(number);
  }

  /** `number` is not among them. */
  add(number: number): void {
    this.size++;
    if (number > this.highest) this.highest = number;
    const key = blockOf(number);
    const block = this.dense.get(key);
    if (block !== undefined) block.add(number);
    else {
      this.few.splice(this.place(number), 0, number);
      this.pack(key);
    }
  }

  /** Returns whether it was among them. */
  delete(number: number): boolean {
    const key = blockOf(number);
    const block = this.dense.get(key);
    if (block !== undefined) {
      if (!block.delete(number)) return false;
      if (block.size < DENSE_NUMBERS_MIN) this.unpack(key, block);
    } else {
      const at = this.place(number);
      if (this.few[at] !== number) return false;
      this.few.splice(at, 1);
    }
    this.size--;
    return true;
  }

  dropUpTo(number: number): void {
    const last = blockOf(number);
    for (const [key, block] of this.dense) {
      if (key >= last) continue;
      this.size -= block.size;
      this.dense.delete(key);
    }
    const dropped = this.place(number + 1);
    this.few.splice(0, dropped);
    this.size -= dropped;
    const block = this.dense.get(last);
    if (block !== undefined) for (const each of block.numbers(last)) if (each <= number) this.delete(each);
  }

  /** Infinity where there are none. */
  get lowest(): number {
    let key = Number.POSITIVE_INFINITY;
    for (const each of this.dense.keys()) if (each < key) key = each;
    const few = this.few[0] ?? Number.POSITIVE_INFINITY;
    if (few < key * BLOCK_NUMBERS) return few;
    return this.dense.get(key)?.lowest(key) ?? few;
  }

  /** The lowest of them up to which half of their weight lies, or more. There is one. */
  get halfway(): number {
    const half = this.weight / 2;
    let weight = 0;
    let few = 0;
    for (const [key, block] of this.denseBlocks) {
      const before = this.place(key * BLOCK_NUMBERS) - few;
      if (weight + before >= half) break;
      weight += before + DENSE_NUMBERS_MIN;
      few += before;
      if (weight >= half) return block.numbers(key).at(-1)!;
    }
    return this.few[few + Math.ceil(half - weight) - 1]!;
  }

  /**
   * As of snapshots of version 4: a block as its bits, however few it has. The same numbers give the same bytes, in whatever order they came, as
   * with writeCompact.
   */
  write(out: ByteWriter): void {
    const { few } = this;
    const dense = this.denseBlocks;
    let blocks = dense.length;
    for (const [at, number] of few.entries()) if (at === 0 || blockOf(few[at - 1]!) !== blockOf(number)) blocks++;
    out.varint(blocks);
    let from = 0;
    for (const [key, block] of dense) {
      const to = this.place(key * BLOCK_NUMBERS);
      writeBlocksOf(few, from, to, out);
      from = to;
      writeBlock(key, block, out);
    }
    writeBlocksOf(few, from, few.length, out);
  }

  /** As of snapshots of version 5: as they are kept, so that none takes more than 9 bytes, and a block no more than 519. */
  writeCompact(out: ByteWriter): void {
    out.varint(this.few.length);
    let last = 0;
    for (const number of this.few) {
      out.varint(number - last);
      last = number;
    }
    const dense = this.denseBlocks;
    out.varint(dense.length);
    for (const [key, block] of dense) writeBlock(key, block, out);
  }

  /** What `write` wrote. Throws MalformedBytesError. */
  static read(reader: ByteReader): SparseNumbers {
    const numbers = new SparseNumbers();
    let last = -1;
    for (let count = reader.varint(); count > 0; count--) {
      last = numbers.readBlock(reader, last);
    }
    return numbers;
  }

  /** What `writeCompact` wrote. Throws MalformedBytesError. */
  static readCompact(reader: ByteReader): SparseNumbers {
    const numbers = new SparseNumbers();
    numbers.readFew(reader);
    const { few } = numbers;
    const kept = few.length;
    let last = -1;
    for (let count = reader.varint(); count > 0; count--) {
      const start = reader.pos;
      last = numbers.readBlock(reader, last);
      if (few.length > kept)
        throw new MalformedBytesError(`block ${last} of ${few.length - kept} numbers, which are no block`, start);
      if (numbers.place(last * BLOCK_NUMBERS) < numbers.place((last + 1) * BLOCK_NUMBERS))
        throw new MalformedBytesError(`block ${last} of numbers, of which some stand by themselves`, start);
    }
    if (kept > 0) numbers.highest = Math.max(numbers.highest, few[kept - 1]!);
    return numbers;
  }

  private readFew(reader: ByteReader): void {
    const { few } = this;
    let last = 0;
    for (let left = reader.varint(); left > 0; left--) {
      const start = reader.pos;
      const above = reader.varint();
      const number = last + above;
      if (few.length > 0 && above === 0) throw new MalformedBytesError(`the number ${number} twice`, start);
      if (number > Number.MAX_SAFE_INTEGER)
        throw new MalformedBytesError(`the number ${number} is above 2^53 - 1`, start);
      few.push(number);
      last = number;
      // Of one block they are next to each other.
      const first = few[few.length - DENSE_NUMBERS_MIN];
      if (first !== undefined && blockOf(first) === blockOf(number))
        throw new MalformedBytesError(
          `${DENSE_NUMBERS_MIN} numbers of block ${blockOf(number)} one by one, expected its bits`,
          start,
        );
    }
    this.size = few.length;
  }

  /** A block above `last` and all there are. Returns its key. */
  private readBlock(reader: ByteReader, last: number): number {
    const start = reader.pos;
    const key = reader.varint();
    const bytes = reader.view();
    if (key <= last || key > KEY_MAX || bytes.length > BLOCK_BYTES || (bytes.at(-1) ?? 0) === 0)
      throw new MalformedBytesError(`block ${key} of numbers, ${bytes.length} bytes after block ${last}`, start);
    this.take(key, bytes);
    return key;
  }

  /** They are one by one until there prove to be many: most blocks hold few, and a Block takes long to make. */
  private take(key: number, bytes: Uint8Array): void {
    const { few } = this;
    const kept = few.length;
    let size = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (let rest = bytes[at]!; rest !== 0; rest &= rest - 1) {
        if (size++ < DENSE_NUMBERS_MIN) few.push(numberAt(key, at, rest));
      }
    }
    this.size += size;
    this.highest = key * BLOCK_NUMBERS + 8 * bytes.length - 1 - (Math.clz32(bytes.at(-1)!) - 24);
    if (size < DENSE_NUMBERS_MIN) return;
    few.length = kept;
    const block = new Block();
    block.bits.set(bytes);
    block.size = size;
    this.keep(key, block);
  }

  /** Where `number` stands in the list, or would. */
  private place(number: number): number {
    const { few } = this;
    let from = 0;
    let to = few.length;
    // Mostly the next one is above all others.
    if (to > 0 && few[to - 1]! < number) return to;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (few[middle]! < number) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  private pack(key: number): void {
    const from = this.place(key * BLOCK_NUMBERS);
    const to = this.place((key + 1) * BLOCK_NUMBERS);
    if (to - from < DENSE_NUMBERS_MIN) return;
    const block = new Block();
    for (const each of this.few.splice(from, to - from)) block.add(each);
    this.keep(key, block);
  }

  private keep(key: number, block: Block): void {
    if (this.dense === NO_BLOCKS) this.dense = new Map();
    this.dense.set(key, block);
  }

  private unpack(key: number, block: Block): void {
    this.dense.delete(key);
    this.few.splice(this.place(key * BLOCK_NUMBERS), 0, ...block.numbers(key));
  }

  /** Ascending. */
  private get denseBlocks(): [number, Block][] {
    return this.dense === NO_BLOCKS ? [] : [...this.dense].sort(([a], [b]) => a - b);
  }
}

function writeBlock(key: number, { bits }: Block, out: ByteWriter): void {
  out.varint(key);
  out.field(bits.subarray(0, bits.findLastIndex((byte) => byte !== 0) + 1));
}

/** Those from `from` to before `to`, which are all of their blocks. */
function writeBlocksOf(few: readonly number[], from: number, to: number, out: ByteWriter): void {
  for (let at = from; at < to; ) {
    const key = blockOf(few[at]!);
    let length = 0;
    for (; at < to && blockOf(few[at]!) === key; at++) {
      const number = few[at]!;
      FEW_BITS[byteOf(number)]! |= bitOf(number);
      length = byteOf(number) + 1;
    }
    out.varint(key);
    out.field(FEW_BITS.subarray(0, length));
    FEW_BITS.fill(0, 0, length);
  }
}

class Block {
  readonly bits = new Uint8Array(BLOCK_BYTES);
  size = 0;

  has(number: number): boolean {
    return (this.bits[byteOf(number)]! & bitOf(number)) !== 0;
  }

  add(number: number): void {
    this.bits[byteOf(number)]! |= bitOf(number);
    this.size++;
  }

  delete(number: number): boolean {
    if (!this.has(number)) return false;
    this.bits[byteOf(number)]! &= ~bitOf(number);
    this.size--;
    return true;
  }

  /** Of the block `key`, which is not empty. */
  lowest(key: number): number {
    const at = this.bits.findIndex((byte) => byte !== 0);
    return numberAt(key, at, this.bits[at]!);
  }

  /** All of them, as of the block `key`, ascending. */
  numbers(key: number): number[] {
    const all: number[] = [];
    for (let at = 0; at < BLOCK_BYTES; at++) {
      for (let rest = this.bits[at]!; rest !== 0; rest &= rest - 1) all.push(numberAt(key, at, rest));
    }
    return all;
  }
}

/** Of whoever has none; nothing is ever put into it. */
const NO_BLOCKS = new Map<number, Block>();
/** A block of few while it is written, and else empty: one made anew for each took longer than all the rest. */
const FEW_BITS = new Uint8Array(BLOCK_BYTES);

const KEY_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BLOCK_NUMBERS);

const blockOf = (number: number) => Math.floor(number / BLOCK_NUMBERS);
const byteOf = (number: number) => (number % BLOCK_NUMBERS) >> 3;
const bitOf = (number: number) => 1 << (number % 8);
/** That of the lowest bit in the byte `at` of a block. */
const numberAt = (key: number, at: number, byte: number) =>
  key * BLOCK_NUMBERS + 8 * at + (31 - Math.clz32(byte & -byte));
