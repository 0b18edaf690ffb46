import { randomFillSync } from 'node:crypto';
import { varintSize } from '../../../bytes/varint.ts';
import { EntryTable } from './entryTable.ts';
import { type HashKey, halfSipHash } from './halfSipHash.ts';
import { KeyIndex } from './keyIndex.ts';
import { MapView } from './mapView.ts';
import { Records } from './records.ts';

/**
 * A map of bytes to bytes that makes no object for a key. Its entries have numbers in the order in which their keys first came; that is the order
 * of a view, so that equal histories give equal bytes, whatever was moved or hashed where.
 *
 * No call takes long for what is there already: the index grows by a segment and slabs are tidied by what was given up. What
 * `put` takes is copied, but for large values in memory of their own.
 */
export class ByteMap {
  /** Entries, which are the keys. */
  size = 0;
  /** Bytes of all keys and values, each behind its length: what a view reads. */
  contentBytes = 0;
  private readonly hashKey: HashKey;
  private readonly addresses = new EntryTable();
  private readonly records = new Records(this.addresses);
  private readonly index: KeyIndex;
  private view: MapView | undefined;

  constructor(hashKey: HashKey = PROCESS_HASH_KEY) {
    this.hashKey = hashKey;
    this.index = new KeyIndex({
      isKey: (entry, source, start, end) => this.records.isKey(this.addresses.get(entry), source, start, end),
    });
  }

  /** Bytes of memory that it takes, but for those of open views. */
  get byteLength(): number {
    return this.records.byteLength + this.addresses.byteLength + this.index.byteLength;
  }

  /** The value of the key `source[start, end)`; undefined where it is not there. A view: the next `put` may write over it. */
  get(source: Uint8Array, start = 0, end = source.length): Uint8Array | undefined {
    const entry = this.index.find(halfSipHash(this.hashKey, source, start, end), source, start, end);
    return entry < 0 ? undefined : this.records.value(this.addresses.get(entry));
  }

  /** Gives the key `source[keyStart, keyEnd)` the value `source[from, to)`. */
  put(source: Uint8Array, keyStart: number, keyEnd: number, from: number, to: number): void {
    const hash = halfSipHash(this.hashKey, source, keyStart, keyEnd);
    const entry = this.index.find(hash, source, keyStart, keyEnd);
    if (entry >= 0) this.replace(entry, source, keyStart, keyEnd, from, to);
    else this.add(hash, source, keyStart, keyEnd, from, to);
  }

  private add(hash: number, source: Uint8Array, keyStart: number, keyEnd: number, from: number, to: number): void {
    const entry = this.size++;
    this.addresses.set(entry, this.records.append(entry, source, keyStart, keyEnd, from, to));
    this.index.add(hash, entry);
    this.contentBytes += fieldBytes(keyEnd - keyStart) + fieldBytes(to - from);
  }

  private replace(entry: number, source: Uint8Array, keyStart: number, keyEnd: number, from: number, to: number): void {
    const { records, addresses } = this;
    const address = addresses.get(entry);
    this.contentBytes += fieldBytes(to - from) - fieldBytes(records.valueLength(address));
    const isNeeded = this.view?.needs(entry) === true;
    if (!isNeeded && records.rewrite(address, source, from, to)) return;
    addresses.set(entry, records.append(entry, source, keyStart, keyEnd, from, to));
    if (isNeeded) this.view!.hold(entry, address);
    else records.drop(address);
    records.tidy();
  }

  /** The map as it is now, to be read while it goes on. One at a time: the one before is closed. */
  openView(): MapView {
    this.view?.close();
    this.view = new MapView(this.size, this.contentBytes, this.addresses, this.records);
    return this.view;
  }

  /** A view that was closed by the next one stays so. */
  closeView(view: MapView): void {
    if (view !== this.view) return;
    view.close();
    this.view = undefined;
  }

  /** All of it, as a view reads it, and without one: an open one stays as it is. */
  readAll(into: Uint8Array, at: number): number {
    return new MapView(this.size, this.contentBytes, this.addresses, this.records).read(
      into,
      at,
      at + this.contentBytes,
    );
  }
}

const fieldBytes = (length: number) => varintSize(length) + length;

const seed = randomFillSync(new Int32Array(2));
const PROCESS_HASH_KEY: HashKey = { low: seed[0]!, high: seed[1]! };
