import { type ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import type { ByteWriter } from '../../bytes/byteWriter.ts';

const BLOCK_BYTES = 512;
/** Numbers that share a block. */
export const BLOCK_NUMBERS = 8 * BLOCK_BYTES;

/**
 * A set of whole numbers that lie close together: a bit for each in blocks of 512 bytes, of which those are there that hold a
 * number. A Set takes 32 bytes for each.
 */
export class SparseNumbers {
  size = 0;
  /** The highest that ever was among them; 0 where none was. */
  highest = 0;
  /** By number / BLOCK_NUMBERS; none is empty. */
  private readonly blocks = new Map<number, Block>();

  has(number: number): boolean {
    const block = this.blocks.get(blockOf(number));
    return block !== undefined && (block.bits[byteOf(number)]! & bitOf(number)) !== 0;
  }

  /** `number` is not among them. */
  add(number: number): void {
    const key = blockOf(number);
    let block = this.blocks.get(key);
    if (block === undefined) {
      block = new Block();
      this.blocks.set(key, block);
    }
    block.bits[byteOf(number)]! |= bitOf(number);
    block.size++;
    this.size++;
    if (number > this.highest) this.highest = number;
  }

  /** Returns whether it was among them. */
  delete(number: number): boolean {
    if (!this.has(number)) return false;
    const key = blockOf(number);
    const block = this.blocks.get(key)!;
    block.bits[byteOf(number)]! &= ~bitOf(number);
    if (--block.size === 0) this.blocks.delete(key);
    this.size--;
    return true;
  }

  dropUpTo(number: number): void {
    const last = blockOf(number);
    for (const [key, block] of this.blocks) {
      if (key >= last) continue;
      this.size -= block.size;
      this.blocks.delete(key);
    }
    for (let each = this.lowest; each <= number; each = this.lowest) this.delete(each);
  }

  /** Infinity where there are none. */
  get lowest(): number {
    let key = Number.POSITIVE_INFINITY;
    for (const each of this.blocks.keys()) if (each < key) key = each;
    const block = this.blocks.get(key);
    if (block === undefined) return key;
    const at = block.bits.findIndex((byte) => byte !== 0);
    const byte = block.bits[at]!;
    return key * BLOCK_NUMBERS + 8 * at + (31 - Math.clz32(byte & -byte));
  }

  /** The same numbers give the same bytes, in whatever order they came. */
  write(out: ByteWriter): void {
    out.varint(this.blocks.size);
    for (const [key, { bits }] of [...this.blocks].sort(([a], [b]) => a - b)) {
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
      const block = new Block();
      block.bits.set(bytes);
      for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) block.size++;
      numbers.blocks.set(key, block);
      numbers.size += block.size;
      numbers.highest = key * BLOCK_NUMBERS + 8 * bytes.length - 1 - (Math.clz32(bytes.at(-1)!) - 24);
    }
    return numbers;
  }
}

class Block {
  readonly bits = new Uint8Array(BLOCK_BYTES);
  size = 0;
}

const KEY_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BLOCK_NUMBERS);

const blockOf = (number: number) => Math.floor(number / BLOCK_NUMBERS);
const byteOf = (number: number) => (number % BLOCK_NUMBERS) >> 3;
const bitOf = (number: number) => 1 << (number % 8);
