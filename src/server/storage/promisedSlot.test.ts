import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { recordsSize } from '../../consensus/entryCodec.ts';
import type { Binding } from './binding.ts';
import { UnknownFormatError } from './contract.ts';
import { chunkKey, stateKey } from './keys.ts';
import {
  COPIED_BYTES_MAX,
  COPIED_RECORDS_MAX,
  decodeSlot,
  decodeStoreId,
  encodeBinding,
  encodeSlotHeader,
  encodeStoreId,
  PROMISED_SLOT_BYTES,
  STORE_ID_BYTES,
} from './promisedSlot.ts';
import { encodeRecord } from './record.ts';
import { commands, randomFrom, recordFields } from './testing.ts';

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

function slotOf(
  id: Uint8Array,
  sequence: number,
  checksum: number,
  records: readonly Uint8Array[],
  binding?: Binding,
): Uint8Array {
  const bound = binding === undefined ? undefined : encodeBinding(binding);
  return new Uint8Array(Buffer.concat([encodeSlotHeader(id, bound, sequence, checksum, records), ...records]));
}

/** With `at` changed, and the checksum of its header put right. */
function resealed(slot: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(slot);
  copy[at] = byte;
  const view = new DataView(copy.buffer);
  view.setUint32(0, crc32(copy.subarray(4, view.getUint16(4, true))), true);
  return copy;
}

describe('a slot of a promised area', () => {
  it('holds what was put into it, and no more of what was there before', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const [id, sequence, checksum] = [idOf(random), below(3) === 0 ? 2 ** 50 : below(300), below(2 ** 32)];
      const count = seed === 1 ? COPIED_RECORDS_MAX : below(6);
      const records = Array.from({ length: count }, (_, i) => recordOf(1 + i, below(4)));
      const life = () => String(random()).slice(0, below(20));
      const bound = { count: 1 + below(300), boots: below(2 ** 40), life: life(), previous: life() };
      const binding = below(3) === 0 ? undefined : bound;
      const written = slotOf(
        id,
        sequence,
        checksum,
        records.map(({ value }) => value),
        binding,
      );
      const earlier = Uint8Array.from({ length: below(400) }, () => below(256));
      const slot = new Uint8Array(Buffer.concat([written, earlier]));
      expect(decodeSlot(slot)).toEqual({ storeId: id, binding, sequence, checksum, records });
    }
  });

  it('with any flipped bit, or cut anywhere, is not whole', () => {
    const records = [recordOf(1, 2), recordOf(2, 0)].map(({ value }) => value);
    const slot = slotOf(idOf(randomFrom(1)), 2, 7, records, BINDING);
    for (let at = 0; at < slot.length; at++) {
      const flipped = Uint8Array.from(slot);
      flipped[at]! ^= 1 << (at % 8);
      expect(decodeSlot(flipped), `byte ${at}`).toBeUndefined();
      expect(decodeSlot(slot.subarray(0, at)), `cut at ${at}`).toBeUndefined();
    }
    expect(decodeSlot(slot)?.records).toHaveLength(2);
  });

  it('is told from what is no slot, and from one of another version', () => {
    const slot = slotOf(idOf(randomFrom(1)), 2, 7, []);
    expect(decodeSlot(resealed(slot, 9, 'q'.charCodeAt(0)))).toBeUndefined();
    // A header that says it ends within the name of its store.
    expect(decodeSlot(resealed(slot, 4, 20))).toBeUndefined();
    for (const version of [0, 3]) {
      expect(() => decodeSlot(resealed(slot, 10, version))).toThrow(UnknownFormatError);
      expect(() => decodeSlot(resealed(slot, 10, version))).toThrow(
        `format version ${version}; this program reads 1 and 2`,
      );
    }
  });

  it('that nothing is bound to is what versions wrote that bind nothing', () => {
    const [unbound, bound] = [undefined, BINDING].map((binding) => slotOf(idOf(randomFrom(1)), 2, 7, [], binding));
    expect([unbound![10], bound![10]]).toEqual([1, 2]);
    expect([...unbound!.subarray(27)]).toEqual([2, 7, 0]);
  });

  it('has room for its header, however large that is', () => {
    const long = { ...BINDING, count: 2 ** 53 - 1, boots: 2 ** 53 - 1, life: '€'.repeat(64), previous: '€'.repeat(64) };
    const records = new Array<Uint8Array>(COPIED_RECORDS_MAX).fill(new Uint8Array(COPIED_BYTES_MAX));
    const header = encodeSlotHeader(idOf(randomFrom(1)), encodeBinding(long), 2 ** 53 - 1, 2 ** 32 - 1, records);
    expect(header.length + COPIED_BYTES_MAX).toBeLessThanOrEqual(PROMISED_SLOT_BYTES);
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
