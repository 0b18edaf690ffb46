import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { recordsSize } from '../../consensus/entryCodec.ts';
import { UnknownFormatError } from './contract.ts';
import { chunkKey, stateKey } from './keys.ts';
import {
  COPIED_RECORDS_MAX,
  decodeSlot,
  decodeStoreId,
  encodeSlotHeader,
  encodeStoreId,
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

function slotOf(id: Uint8Array, sequence: number, checksum: number, records: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([encodeSlotHeader(id, sequence, checksum, records), ...records]));
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
      const written = slotOf(
        id,
        sequence,
        checksum,
        records.map(({ value }) => value),
      );
      const earlier = Uint8Array.from({ length: below(400) }, () => below(256));
      const slot = new Uint8Array(Buffer.concat([written, earlier]));
      expect(decodeSlot(slot)).toEqual({ storeId: id, sequence, checksum, records });
    }
  });

  it('with any flipped bit, or cut anywhere, is not whole', () => {
    const records = [recordOf(1, 2), recordOf(2, 0)].map(({ value }) => value);
    const slot = slotOf(idOf(randomFrom(1)), 2, 7, records);
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
    expect(() => decodeSlot(resealed(slot, 10, 2))).toThrow(UnknownFormatError);
    expect(() => decodeSlot(resealed(slot, 10, 2))).toThrow('format version 2; this program reads 1');
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
