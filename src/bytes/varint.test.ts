import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, MalformedBytesError } from './byteReader.ts';
import { varintSize, varintsSize, writeVarint, writeVarints } from './varint.ts';

const safeInteger = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.integer({ min: 0, max: 53 }).map((bits) => Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)),
  fc.constant(Number.MAX_SAFE_INTEGER),
);

describe('varints', () => {
  it('round-trip every safe integer in the size announced', () => {
    fc.assert(
      fc.property(safeInteger, (value) => {
        const bytes = new Uint8Array(10);
        const end = writeVarint(bytes, 0, value);
        expect(end).toBe(varintSize(value));
        expect(new ByteReader(bytes, 0, end).varint()).toBe(value);
      }),
    );
  });

  it('stand side by side in a list, in the size announced', () => {
    fc.assert(
      fc.property(fc.array(safeInteger, { maxLength: 9 }), (values) => {
        const bytes = new Uint8Array(1 + varintsSize(values));
        expect(writeVarints(bytes, 1, values)).toBe(bytes.length);
        const reader = new ByteReader(bytes, 1);
        expect(values.map(() => reader.varint())).toEqual(values);
      }),
    );
  });

  it('are the bytes that protobuf prescribes', () => {
    const bytes = new Uint8Array(10);
    const written = (value: number) => Array.from(bytes.subarray(0, writeVarint(bytes, 0, value)));
    expect(written(0)).toEqual([0]);
    expect(written(127)).toEqual([127]);
    expect(written(300)).toEqual([0xac, 0x02]);
    expect(written(2 ** 31)).toEqual([0x80, 0x80, 0x80, 0x80, 0x08]);
    expect(written(2 ** 53 - 1)).toEqual([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  });

  it('beyond 2^53 - 1, too long or cut short are refused', () => {
    const read = (...bytes: number[]) => new ByteReader(new Uint8Array(bytes)).varint();
    expect(() => read(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10)).toThrow(/above 2\^53 - 1/);
    expect(() => read(...new Array<number>(10).fill(0xff), 1)).toThrow(MalformedBytesError);
    expect(() => read(0x80)).toThrow(/cut short/);
    expect(() => read()).toThrow(/cut short/);
  });
});
