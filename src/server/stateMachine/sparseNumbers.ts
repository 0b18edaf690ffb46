import { type ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import type { ByteWriter } from '../../bytes/byteWriter.ts';

const BLOCK_BYTES = 512;
/** Numbers that share a block. */
export const BLOCK_NUMBERS = 8 * BLOCK_BYTES;
/** From so many numbers on a block is kept as bits: each takes eight bytes and somewhat more where it stands by itself, and bits all of the block's 512. */
export const DENSE_NUMBERS_MIN = 64;

/**
 * A set of whole numbers, of which many lie close together, or few far apart: blocks of 4 096 numbers, each as a bit for every one where it holds
 * many, else as the numbers themselves, all of these in one list. (Roaring bitmaps' containers: Chambi, Lemire, Kaser, Godin, "Better bitmap performance with
 * Roaring bitmaps", 2016.) Which it is follows from the set alone. A Set takes 32 bytes for each number; with bits alone a number by itself took more than 600.
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
    for (const key of [...this.dense.keys()].sort((a, b) => a - b)) {
      const before = this.place(key * BLOCK_NUMBERS) - few;
      if (weight + before >= half) break;
      weight += before + DENSE_NUMBERS_MIN;
      few += before;
      if (weight >= half) return this.dense.get(key)!.numbers(key).at(-1)!;
    }
    return this.few[few + Math.ceil(half - weight) - 1]!;
  }

  /** The same numbers give the same bytes, in whatever order they came. */
  write(out: ByteWriter): void {
    const blocks = [...this.dense];
    for (const [key, numbers] of this.blocksOfFew()) {
      const block = new Block();
      for (const each of numbers) block.add(each);
      blocks.push([key, block]);
    }
    out.varint(blocks.length);
    for (const [key, { bits }] of blocks.sort(([a], [b]) => a - b)) {
      out.varint(key);
      out.field(bits.subarray(0, bits.findLastIndex((byte) => byte !== 0) + 1));
    }
  }

  /** Throws MalformedBytesError. */
  static read(reader: ByteReader): SparseNumbers {
    const numbers = new SparseNumbers();
    let last = -1;
    for (let count = reader.varint(); count > 0; count--) {
      const start = reader.pos;
      const key = reader.varint();
      const bytes = reader.view();
      if (key <= last || key > KEY_MAX || bytes.length > BLOCK_BYTES || (bytes.at(-1) ?? 0) === 0)
        throw new MalformedBytesError(`block ${key} of numbers, ${bytes.length} bytes after block ${last}`, start);
      last = key;
      numbers.take(key, bytes);
    }
    return numbers;
  }

  /** A block above all there are. */
  private take(key: number, bytes: Uint8Array): void {
    const block = new Block();
    block.bits.set(bytes);
    for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) block.size++;
    this.size += block.size;
    const all = [...block.numbers(key)];
    this.highest = all.at(-1)!;
    if (block.size < DENSE_NUMBERS_MIN) this.few.push(...all);
    else this.keep(key, block);
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

  private blocksOfFew(): Map<number, number[]> {
    const blocks = new Map<number, number[]>();
    for (const number of this.few) {
      const key = blockOf(number);
      const block = blocks.get(key);
      if (block === undefined) blocks.set(key, [number]);
      else block.push(number);
    }
    return blocks;
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
    const byte = this.bits[at]!;
    return key * BLOCK_NUMBERS + 8 * at + (31 - Math.clz32(byte & -byte));
  }

  /** All of them, as of the block `key`, ascending. */
  numbers(key: number): number[] {
    const all: number[] = [];
    for (const [at, byte] of this.bits.entries()) {
      for (let rest = byte; rest !== 0; rest &= rest - 1) {
        all.push(key * BLOCK_NUMBERS + 8 * at + (31 - Math.clz32(rest & -rest)));
      }
    }
    return all;
  }
}

/** Of whoever has none; nothing is ever put into it. */
const NO_BLOCKS = new Map<number, Block>();

const KEY_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BLOCK_NUMBERS);

const blockOf = (number: number) => Math.floor(number / BLOCK_NUMBERS);
const byteOf = (number: number) => (number % BLOCK_NUMBERS) >> 3;
const bitOf = (number: number) => 1 << (number % 8);
