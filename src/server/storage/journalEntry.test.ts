import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { recordsSize } from '../../consensus/entryCodec.ts';
import type { Binding } from './binding.ts';
import { type DiskOperation, UnknownFormatError } from './contract.ts';
import {
  decodeEntry,
  decodeStoreId,
  type EntryName,
  encodeBinding,
  encodeEntryHeader,
  encodeStoreId,
  HEADER_OPERATIONS_BYTES_MAX,
  headerBytesOf,
  STORE_ID_BYTES,
  throwIfUnknownVersion,
} from './journalEntry.ts';
import { chunkKey, stateKey } from './keys.ts';
import { encodeRecord } from './record.ts';
import { commands, encodeSlot, randomFrom, recordFields } from './testing.ts';

function idOf(random: () => number): Uint8Array {
  return Uint8Array.from({ length: STORE_ID_BYTES }, () => Math.floor(random() * 256));
}

/** The record of write `sequence` with so many entries, and the key that it belongs under. */
function recordOf(sequence: number, count: number): { key: string; value: Uint8Array } {
  const entries = commands(sequence, sequence + count - 1, 1);
  const { value } = encodeRecord(recordFields(sequence, 0, sequence), entries, recordsSize(entries));
  return { key: count === 0 ? stateKey(sequence) : chunkKey(sequence, sequence), value };
}

const BINDING: Binding = { count: 3, boots: 7, life: '0123456789abcdef', previous: 'fedcba9876543210' };
const NAME: EntryName = { number: 5, covered: 4, sequence: 2, checksum: 7 };

function entryOf(
  id: Uint8Array,
  name: EntryName,
  operations: readonly DiskOperation[],
  binding: Binding | undefined = undefined,
): Uint8Array {
  const values = operations.flatMap(({ value }) => (value === null ? [] : [value]));
  return new Uint8Array(Buffer.concat([encodeEntryHeader(id, encodeBinding(binding), name, operations), ...values]));
}

/** With `at` changed, and the checksum of its header put right. */
function resealed(entry: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(entry);
  copy[at] = byte;
  const view = new DataView(copy.buffer);
  view.setUint32(0, crc32(copy.subarray(4, view.getUint16(4, true))), true);
  return copy;
}

describe('an entry of a journal', () => {
  it('holds what was put into it, and no more of what was there before', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const large = () => (below(3) === 0 ? 2 ** 50 : below(300));
      const name = { number: large(), covered: large(), sequence: large(), checksum: below(2 ** 32) };
      const operations = Array.from({ length: below(6) }, (_, i): DiskOperation => {
        const key = ['version', stateKey(i), 'ключ', chunkKey(i, 7)][below(4)]!;
        return { key, value: below(3) === 0 ? null : Uint8Array.from({ length: below(200) }, () => below(256)) };
      });
      const life = () => String(random()).slice(0, below(20));
      const bound = { count: 1 + below(300), boots: below(2 ** 40), life: life(), previous: life() };
      const binding = below(3) === 0 ? undefined : bound;
      const storeId = idOf(random);
      const written = entryOf(storeId, name, operations, binding);
      const earlier = Uint8Array.from({ length: below(400) }, () => below(256));
      const found = decodeEntry(new Uint8Array(Buffer.concat([written, earlier])));
      expect(found).toEqual({ ...name, storeId, binding, operations, bytes: written.length });
    }
  });

  it('with any flipped bit, or cut anywhere, is not whole', () => {
    const operations = [recordOf(1, 2), { key: 'gone', value: null }, recordOf(2, 0)];
    const entry = entryOf(idOf(randomFrom(1)), NAME, operations, BINDING);
    for (let at = 0; at < entry.length; at++) {
      const flipped = Uint8Array.from(entry);
      flipped[at]! ^= 1 << (at % 8);
      expect(decodeEntry(flipped), `byte ${at}`).toBeUndefined();
      expect(decodeEntry(entry.subarray(0, at)), `cut at ${at}`).toBeUndefined();
    }
    expect(decodeEntry(entry)?.operations).toHaveLength(3);
  });

  it('is told from what is none, from one whose fields make no sense, and from one of another version', () => {
    const entry = entryOf(idOf(randomFrom(1)), NAME, [recordOf(1, 1)]);
    expect(decodeEntry(resealed(entry, 9, 'q'.charCodeAt(0)))).toBeUndefined();
    // A header that says it ends within the name of its store, or within its fields.
    for (const length of [20, 30, 40]) expect(decodeEntry(resealed(entry, 4, length))).toBeUndefined();
    expect(() => throwIfUnknownVersion(entry)).not.toThrow();
    for (const version of [0, 4]) {
      const other = resealed(entry, 10, version);
      expect(decodeEntry(other)).toBeUndefined();
      expect(() => throwIfUnknownVersion(other)).toThrow(UnknownFormatError);
      expect(() => throwIfUnknownVersion(other)).toThrow(`format version ${version}; this program reads 1 to 3`);
      expect(() => throwIfUnknownVersion(other.subarray(1))).not.toThrow();
    }
  });

  it("is not looked at where it is another store's", () => {
    const id = idOf(randomFrom(1));
    const entry = entryOf(id, NAME, [recordOf(1, 1)]);
    expect(decodeEntry(entry, { storeId: id })).toBeDefined();
    expect(decodeEntry(entry, { storeId: idOf(randomFrom(2)) })).toBeUndefined();
  });

  it('has a header whose length fits its two bytes', () => {
    const long = { ...BINDING, count: 2 ** 53 - 1, boots: 2 ** 53 - 1, life: '€'.repeat(64), previous: '€'.repeat(64) };
    const operation = { key: chunkKey(2 ** 53 - 1, 2 ** 53 - 1), value: new Uint8Array(0) };
    const count = Math.floor(HEADER_OPERATIONS_BYTES_MAX / headerBytesOf(operation));
    const name = { number: 2 ** 53 - 1, covered: 2 ** 53 - 1, sequence: 2 ** 53 - 1, checksum: 2 ** 32 - 1 };
    const entry = entryOf(idOf(randomFrom(1)), name, new Array<DiskOperation>(count).fill(operation), long);
    expect(decodeEntry(entry)?.operations).toHaveLength(count);
    expect(HEADER_OPERATIONS_BYTES_MAX).toBeLessThan(2 ** 16 - 3000);
  });
});

describe('a slot, which was what an area had two of', () => {
  const records = [recordOf(1, 2), recordOf(2, 0)];
  const SLOT = { maybeSlot: true };

  it.each([
    [1, undefined],
    [2, BINDING],
  ] as const)('of version %i is an entry without a number', (version, binding) => {
    const storeId = idOf(randomFrom(1));
    const slot = encodeSlot(storeId, binding, 2, 7, records);
    expect(slot[10]).toBe(version);
    const expected = { number: 0, covered: -1, sequence: 2, checksum: 7, storeId, binding, operations: records };
    expect(decodeEntry(slot, SLOT)).toEqual({ ...expected, bytes: slot.length });
    expect(() => throwIfUnknownVersion(slot)).not.toThrow();
    // A client's value may look like one.
    expect(decodeEntry(slot)).toBeUndefined();
  });

  it('with any flipped bit, or cut anywhere, is not whole', () => {
    const slot = encodeSlot(idOf(randomFrom(1)), BINDING, 2, 7, records);
    for (let at = 0; at < slot.length; at++) {
      const flipped = Uint8Array.from(slot);
      flipped[at]! ^= 1 << (at % 8);
      expect(decodeEntry(flipped, SLOT), `byte ${at}`).toBeUndefined();
      expect(decodeEntry(slot.subarray(0, at), SLOT), `cut at ${at}`).toBeUndefined();
    }
  });
});

describe('the name of a store', () => {
  it('is read as it was written, and with a flipped bit or cut not at all', () => {
    const id = idOf(randomFrom(3));
    const value = encodeStoreId(id);
    expect(new Uint8Array(decodeStoreId(value)!)).toEqual(id);
    for (let at = 0; at < value.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Uint8Array.from(value);
        flipped[at]! ^= 1 << bit;
        expect(decodeStoreId(flipped), `byte ${at}`).toBeUndefined();
      }
      expect(decodeStoreId(value.subarray(0, at))).toBeUndefined();
    }
  });
});
