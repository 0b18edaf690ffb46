import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type PromisedArea, UnknownFormatError, UnknownPromiseError } from './contract.ts';
import { encodeBinding, encodeEntryHeader, SLOT_BYTES } from './journalEntry.ts';
import { readJournal } from './journalReading.ts';
import { seal } from './record.ts';
import { encodeSlot } from './testing.ts';

const OURS = new Uint8Array(16).fill(1);
/** Whoever chooses values does not know the name of the store. */
const STRANGE = new Uint8Array(16).fill(7);
const BLOCK_BYTES = 4096;
const HALF_BYTES = 2 * SLOT_BYTES;
const AREA = { name: 'the area', halfBytes: HALF_BYTES, blockBytes: BLOCK_BYTES } as PromisedArea;

const read = (found: Uint8Array) => readJournal(AREA, found, OURS);
/** Of a database that names no area. */
const readUnnamed = (found: Uint8Array) => readJournal(AREA, found, undefined);

function entry(storeId: Uint8Array, number: number, covered = 0): Uint8Array {
  const operation = { key: `k${number}`, value: Uint8Array.of(number) };
  const name = { number, covered, sequence: number, checksum: number };
  const header = encodeEntryHeader(storeId, encodeBinding(undefined), name, [operation]);
  return new Uint8Array(Buffer.concat([header, operation.value]));
}

/** An area in which these stand. */
function area(...placed: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const bytes = new Uint8Array(2 * HALF_BYTES);
  for (const [at, part] of placed) bytes.set(part, at);
  return bytes;
}

function ofVersion(version: number): Uint8Array {
  const other = entry(STRANGE, 3);
  other[10] = version;
  const length = other[4]! | (other[5]! << 8);
  new DataView(other.buffer).setUint32(0, crc32(other.subarray(4, length)), true);
  return other;
}

/** A slot whose record is of a format of its own. */
function strangeSlot(storeId: Uint8Array): Uint8Array {
  const value = new Uint8Array(6);
  value[4] = 77;
  seal(value);
  return encodeSlot(storeId, undefined, 9, 9, [{ value }]);
}

describe('reading a journal', () => {
  it('finds the greatest entry, and in order what was done up to it and is not covered, wherever they stand', () => {
    const found = area(
      [0, entry(OURS, 5)],
      [BLOCK_BYTES, entry(OURS, 6, 3)],
      [3 * BLOCK_BYTES, entry(OURS, 2)],
      [HALF_BYTES, entry(OURS, 3)],
      [HALF_BYTES + BLOCK_BYTES, entry(OURS, 4)],
    );
    const { last, half, operations } = read(found);
    expect([last.number, half, operations.map(({ key }) => key)]).toEqual([6, 0, ['k4', 'k5', 'k6']]);
    expect(readUnnamed(area([HALF_BYTES, entry(OURS, 7)], [0, entry(OURS, 6)])).half).toBe(1);
  });

  it('takes nothing for an entry, a slot or another version that a client’s value was: it does not know the name of the store', () => {
    const values = [entry(STRANGE, 99), ofVersion(77), strangeSlot(STRANGE), encodeSlot(STRANGE, undefined, 99, 9, [])];
    for (const value of values) {
      for (let at = BLOCK_BYTES; at < 2 * HALF_BYTES; at += BLOCK_BYTES) {
        if (at === HALF_BYTES) continue;
        const found = area([0, entry(OURS, 5)], [at, value]);
        for (const last of [read(found).last, readUnnamed(found).last]) expect(last.number).toBe(5);
      }
    }
  });

  it('looks for slots where an area of such a version had them, and nowhere in one that is whole', () => {
    const slot = encodeSlot(OURS, undefined, 9, 9, []);
    expect(read(area([0, entry(OURS, 5)], [SLOT_BYTES, slot])).last.sequence).toBe(5);
    expect(() => read(area([0, slot]))).toThrow(UnknownPromiseError);
    const slots = area([0, slot], [BLOCK_BYTES, encodeSlot(OURS, undefined, 99, 9, [])]).subarray(0, 2 * SLOT_BYTES);
    expect(read(slots).last.sequence).toBe(9);
    slots.set(encodeSlot(OURS, undefined, 10, 9, []), SLOT_BYTES);
    expect(readUnnamed(slots).last.sequence).toBe(10);
  });

  it('refuses another version and another store where an area of its kind begins, or its second half', () => {
    for (const at of [0, HALF_BYTES]) {
      expect(() => read(area([BLOCK_BYTES, entry(OURS, 5)], [at, ofVersion(4)]))).toThrow(UnknownFormatError);
      expect(() => read(area([BLOCK_BYTES, entry(OURS, 5)], [at, entry(STRANGE, 4)]))).toThrow(
        /do not belong together/,
      );
    }
    const slots = area([SLOT_BYTES, ofVersion(4)]).subarray(0, 2 * SLOT_BYTES);
    expect(() => read(slots)).toThrow(UnknownFormatError);
    expect(() => readUnnamed(area([BLOCK_BYTES, entry(OURS, 5)]))).toThrow(UnknownPromiseError);
  });
});
