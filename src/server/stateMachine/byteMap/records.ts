import { varintSize, writeVarint } from '../../../bytes/varint.ts';

/** What a slab has room for once the state is large; the first ones are smaller. */
export const SLAB_BYTES_MAX = 1 << 20;
const SLAB_BYTES_MIN = 4096;
/** Values from here on stand apart: in a slab they would leave too much of its end unused, and copying one of 64 MiB takes 0.2 s. */
export const APART_BYTES_MIN = 64 * 1024;
/** A value that stands apart keeps the memory that it came in where that is no more than so many times the value. */
const KEPT_MEMORY_MAX = 1.25;
/** A record with more room than this is left for a smaller one when half of the room is not needed any more. */
const ROOMY_BYTES = 64;
/** Slabs that are kept for the next use: the first touch of memory costs more than what is then written to it. */
const SPARE_SLABS_MAX = 2;
/** Bytes of slabs that are walked through for each byte that is given up. A slab that is walked is at least half given up: two would do. */
const WALKED_PER_GIVEN_UP = 4;

/** Records are aligned to words, and so are addresses counted. */
const WORD_BYTES = 4;
/** Entry number, room. */
const HEADER_BYTES = 8;
/** In a record's room: the value stands apart, and the record has its number there. */
const APART_FLAG = 0x8000_0000;
const SLAB_ADDRESSES_BITS = 18;
const SLAB_ADDRESSES = 1 << SLAB_ADDRESSES_BITS;
const SLABS_MAX = 2 ** 32 / SLAB_ADDRESSES - 1;
/** Up to here a loop copies faster than a call. */
const LOOP_COPY_BYTES_MAX = 48;

class Slab {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Bytes, from the front, that records stand in. */
  used = 0;
  /** Of the records that entries have. */
  live = 0;
  /** Records that are kept for a snapshot alone. */
  held = 0;
  /** It is to be walked through, or is. */
  isLeft = false;

  constructor(id: number, buffer: ArrayBuffer) {
    this.id = id;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }
}

/** Where the record of each entry stands, by the entry's number. */
export interface Addresses {
  get(entry: number): number;
  set(entry: number, address: number): void;
}

/**
 * Records of a key and a value each, appended to slabs of memory that the garbage collector does not look into. What a slab has lost is
 * gained back by moving what is left of it, as much at a time as was given up since.
 *
 * A record: its entry's number, the room of what follows, then key and value, each behind its length as a varint.
 */
export class Records {
  private readonly addresses: Addresses;
  /** By their ids, from 1 on: no address is 0. */
  private readonly slabs: (Slab | undefined)[] = [undefined];
  private readonly freeIds: number[] = [];
  private readonly spare: ArrayBuffer[] = [];
  private active: Slab;
  /** To be walked through, one after the other. */
  private left: Slab[] = [];
  /** Where the walk stands in the first of them. */
  private walkedTo = 0;
  /** Bytes that are to be walked through before the next are given up. */
  private walkDue = 0;
  private readonly apart: Uint8Array[] = [];
  private readonly freeApart: number[] = [];
  private slabBytes = 0;
  private apartBytes = 0;

  constructor(addresses: Addresses) {
    this.addresses = addresses;
    this.active = this.open(SLAB_BYTES_MIN);
  }

  /** Memory that records take, what is given up and not gained back included. */
  get byteLength(): number {
    return this.slabBytes + this.apartBytes + this.spare.length * SLAB_BYTES_MAX;
  }

  /** Returns its address. */
  append(entry: number, source: Uint8Array, keyStart: number, keyEnd: number, from: number, to: number): number {
    const keyLength = keyEnd - keyStart;
    const isApart = to - from >= APART_BYTES_MIN;
    const size = varintSize(keyLength) + keyLength + (isApart ? WORD_BYTES : varintSize(to - from) + to - from);
    const address = this.reserve(entry, size, isApart);
    const { bytes } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    let at = writeVarint(bytes, startOf(address), keyLength);
    copy(source, keyStart, keyEnd, bytes, at);
    at += keyLength;
    if (isApart) writeWord(bytes, at, this.putApart(retained(source, from, to)));
    else copy(source, from, to, bytes, writeVarint(bytes, at, to - from));
    return address;
  }

  /** Puts another value into the record where that is no waste; false where the value needs a record of its own. */
  rewrite(address: number, source: Uint8Array, from: number, to: number): boolean {
    const { bytes, words } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    const start = startOf(address);
    const roomAndFlag = words[start / WORD_BYTES - 1]!;
    const isApart = to - from >= APART_BYTES_MIN;
    if (isApart !== roomAndFlag >= APART_FLAG) return false;
    const at = endOfField(bytes, start);
    if (isApart) {
      const id = readWord(bytes, at);
      const value = retained(source, from, to);
      this.apartBytes += value.length - this.apart[id]!.length;
      this.apart[id] = value;
      return true;
    }
    const size = at - start + varintSize(to - from) + to - from;
    if (size > roomAndFlag || (roomAndFlag > ROOMY_BYTES && 2 * size < roomAndFlag)) return false;
    copy(source, from, to, bytes, writeVarint(bytes, at, to - from));
    return true;
  }

  isKey(address: number, source: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    const keyEnd = endOfField(bytes, startOf(address));
    let at = fieldStart(bytes, startOf(address));
    if (keyEnd - at !== end - start) return false;
    for (let i = start; i < end; i++, at++) if (source[i] !== bytes[at]) return false;
    return true;
  }

  /** A view: what is put afterwards may be written over it. */
  value(address: number): Uint8Array {
    const { bytes, words } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    const start = startOf(address);
    const at = endOfField(bytes, start);
    if (words[start / WORD_BYTES - 1]! >= APART_FLAG) return this.apart[readWord(bytes, at)]!;
    const from = fieldStart(bytes, at);
    return new Uint8Array(bytes.buffer, from, endOfField(bytes, at) - from);
  }

  valueLength(address: number): number {
    const { bytes, words } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    const start = startOf(address);
    const at = endOfField(bytes, start);
    if (words[start / WORD_BYTES - 1]! >= APART_FLAG) return this.apart[readWord(bytes, at)]!.length;
    return endOfField(bytes, at) - fieldStart(bytes, at);
  }

  /** Bytes of key and value, each behind its length. */
  size(address: number): number {
    const { bytes, words } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    const start = startOf(address);
    const at = endOfField(bytes, start);
    if (words[start / WORD_BYTES - 1]! < APART_FLAG) return endOfField(bytes, at) - start;
    const { length } = this.apart[readWord(bytes, at)]!;
    return at - start + varintSize(length) + length;
  }

  /** Copies of these bytes those from `skipped` on, as many as have room. Returns where they end. */
  read(address: number, skipped: number, into: Uint8Array, at: number, end: number): number {
    const { bytes, words } = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    const start = startOf(address);
    const keyEnd = endOfField(bytes, start);
    if (words[start / WORD_BYTES - 1]! < APART_FLAG) {
      return copyPart(bytes, start + skipped, endOfField(bytes, keyEnd), into, at, end);
    }
    const value = this.apart[readWord(bytes, keyEnd)]!;
    const head = new Uint8Array(keyEnd - start + varintSize(value.length));
    head.set(bytes.subarray(start, keyEnd));
    writeVarint(head, keyEnd - start, value.length);
    const headEnd = copyPart(head, Math.min(skipped, head.length), head.length, into, at, end);
    return copyPart(value, Math.max(0, skipped - head.length), value.length, into, headEnd, end);
  }

  /** Its entry has another record now; this one is to be kept for a snapshot. */
  hold(address: number): void {
    const slab = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    slab.held++;
    this.lose(slab, address);
  }

  /** No snapshot needs it any more. */
  letGo(address: number): void {
    const slab = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    slab.held--;
    this.dropApart(slab, address);
    this.releaseIfEmpty(slab);
  }

  /** Its entry has another record now, and nobody needs this one. */
  drop(address: number): void {
    const slab = this.slabs[address >>> SLAB_ADDRESSES_BITS]!;
    this.dropApart(slab, address);
    this.lose(slab, address);
  }

  private lose(slab: Slab, address: number): void {
    const size = recordBytes(slab, address);
    slab.live -= size;
    this.walkDue += WALKED_PER_GIVEN_UP * size;
    this.leaveIfHalfEmpty(slab);
  }

  private leaveIfHalfEmpty(slab: Slab): void {
    if (slab === this.active || slab.isLeft || 2 * slab.live > slab.bytes.length) return;
    if (slab.live === 0) {
      this.releaseIfEmpty(slab);
      return;
    }
    slab.isLeft = true;
    this.left.push(slab);
  }

  private releaseIfEmpty(slab: Slab): void {
    if (slab.live > 0 || slab.held > 0 || slab === this.active || slab === this.left[0]) return;
    if (this.slabs[slab.id] !== slab) return;
    this.slabs[slab.id] = undefined;
    this.freeIds.push(slab.id);
    this.slabBytes -= slab.bytes.length;
    if (slab.bytes.length === SLAB_BYTES_MAX && this.spare.length < SPARE_SLABS_MAX) {
      this.spare.push(slab.bytes.buffer as ArrayBuffer);
    }
  }

  /** Moves what is left of slabs that lost half of theirs; no more than what was given up lately pays for. */
  tidy(): void {
    while (this.walkDue > 0) {
      const slab = this.left[0];
      if (slab === undefined) {
        this.walkDue = 0;
        return;
      }
      if (this.walkedTo < slab.used && slab.live > 0) this.walkOn(slab);
      else {
        this.left.shift();
        this.walkedTo = 0;
        this.releaseIfEmpty(slab);
      }
    }
  }

  private walkOn(slab: Slab): void {
    const address = addressOf(slab.id, this.walkedTo);
    const bytes = recordBytes(slab, address);
    this.walkedTo += bytes;
    this.walkDue -= bytes;
    const entry = slab.words[(startOf(address) - HEADER_BYTES) / WORD_BYTES]!;
    if (this.addresses.get(entry) !== address) return;
    this.addresses.set(entry, this.moved(slab, address, entry));
    slab.live -= bytes;
  }

  private moved(slab: Slab, address: number, entry: number): number {
    const start = startOf(address);
    const keyEnd = endOfField(slab.bytes, start);
    const isApart = slab.words[start / WORD_BYTES - 1]! >= APART_FLAG;
    const end = isApart ? keyEnd + WORD_BYTES : endOfField(slab.bytes, keyEnd);
    const to = this.reserve(entry, end - start, isApart);
    copy(slab.bytes, start, end, this.slabs[to >>> SLAB_ADDRESSES_BITS]!.bytes, startOf(to));
    return to;
  }

  private reserve(entry: number, size: number, isApart: boolean): number {
    const room = (size + WORD_BYTES - 1) & ~(WORD_BYTES - 1);
    const bytes = HEADER_BYTES + room;
    const slab = this.slabWith(bytes);
    const at = slab.used;
    slab.used += bytes;
    slab.live += bytes;
    slab.words[at / WORD_BYTES] = entry;
    slab.words[at / WORD_BYTES + 1] = isApart ? room + APART_FLAG : room;
    return addressOf(slab.id, at);
  }

  /** A key so long that it takes a slab of its own leaves the active one as it is. */
  private slabWith(bytes: number): Slab {
    const { active } = this;
    if (bytes <= active.bytes.length - active.used) return active;
    if (bytes > SLAB_BYTES_MAX / 8) return this.open(bytes);
    const usual = Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, 2 * active.bytes.length));
    this.active = this.open(Math.max(usual, bytes));
    this.leaveIfHalfEmpty(active);
    return this.active;
  }

  private open(bytes: number): Slab {
    const id = this.freeIds.pop() ?? this.slabs.length;
    if (id > SLABS_MAX) throw new RangeError(`the state takes more than ${SLABS_MAX} slabs of ${SLAB_BYTES_MAX} bytes`);
    const buffer = (bytes === SLAB_BYTES_MAX ? this.spare.pop() : undefined) ?? new ArrayBuffer(bytes);
    const slab = new Slab(id, buffer);
    this.slabs[id] = slab;
    this.slabBytes += buffer.byteLength;
    return slab;
  }

  private putApart(value: Uint8Array): number {
    const id = this.freeApart.pop() ?? this.apart.length;
    this.apart[id] = value;
    this.apartBytes += value.length;
    return id;
  }

  private dropApart({ bytes, words }: Slab, address: number): void {
    const start = startOf(address);
    if (words[start / WORD_BYTES - 1]! < APART_FLAG) return;
    const id = readWord(bytes, endOfField(bytes, start));
    this.apartBytes -= this.apart[id]!.length;
    this.apart[id] = NOTHING;
    this.freeApart.push(id);
  }
}

const NOTHING = new Uint8Array(0);

const addressOf = (id: number, at: number) => id * SLAB_ADDRESSES + at / WORD_BYTES;
/** Where in its slab the key's length stands. */
const startOf = (address: number) => (address & (SLAB_ADDRESSES - 1)) * WORD_BYTES + HEADER_BYTES;
const recordBytes = ({ words }: Slab, address: number) =>
  HEADER_BYTES + (words[startOf(address) / WORD_BYTES - 1]! & ~APART_FLAG);

/** What is kept of a value that stands apart: the memory it came in where there is little else in it. */
function retained(source: Uint8Array, from: number, to: number): Uint8Array {
  const view = new Uint8Array(source.buffer, source.byteOffset + from, to - from);
  return source.buffer.byteLength <= view.length * KEPT_MEMORY_MAX ? view : view.slice();
}

function copy(source: Uint8Array, from: number, to: number, into: Uint8Array, at: number): void {
  if (to - from > LOOP_COPY_BYTES_MAX) into.set(new Uint8Array(source.buffer, source.byteOffset + from, to - from), at);
  else for (let i = from, pos = at; i < to; i++, pos++) into[pos] = source[i]!;
}

function copyPart(source: Uint8Array, from: number, to: number, into: Uint8Array, at: number, end: number): number {
  const stop = Math.min(to, from + end - at);
  copy(source, from, stop, into, at);
  return at + stop - from;
}

/** Where the bytes of a field begin whose length stands at `at`. */
function fieldStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (bytes[start++]! >= 0x80);
  return start;
}

/** Where they end. */
function endOfField(bytes: Uint8Array, at: number): number {
  let pos = at;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[pos++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return pos + length;
  }
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < WORD_BYTES; i++) bytes[at + i] = word >>> (8 * i);
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
