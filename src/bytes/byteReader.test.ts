import { describe, expect, it } from 'vitest';
import { ByteReader, CutShortError, MalformedBytesError } from './byteReader.ts';

/** How many of these bytes are passed over by the value of a field with this tag; undefined where they are malformed. */
function skipped(tag: number, ...bytes: number[]): number | undefined {
  const reader = new ByteReader(Uint8Array.from(bytes));
  try {
    reader.skip(tag);
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedBytesError);
    return undefined;
  }
  return reader.pos;
}

describe('a field that is not known', () => {
  it('is passed over by its wire type, where all of it is there', () => {
    expect([skipped(0, 0x80, 1, 7), skipped(0, 0x80)]).toEqual([2, undefined]);
    expect([skipped(1, ...Array(8).fill(9)), skipped(1, ...Array(9).fill(9))]).toEqual([8, 8]);
    expect(skipped(1, ...Array(7).fill(9))).toBeUndefined();
    expect([skipped(2, 2, 9, 9, 9), skipped(2, 2, 9)]).toEqual([3, undefined]);
    expect([skipped(5, 9, 9, 9, 9), skipped(5, 9, 9, 9, 9, 9)]).toEqual([4, 4]);
    expect(skipped(5, 9, 9, 9)).toBeUndefined();
  });

  it('is refused where its wire type is not in use', () => {
    for (const tag of [3, 4, 6, 7]) expect(skipped(tag, ...Array(9).fill(1))).toBeUndefined();
  });
});

describe('malformed bytes', () => {
  it('are named by what is wrong, and where', () => {
    const error = new MalformedBytesError('a field is missing', 7);
    expect(error).toMatchObject({ what: 'a field is missing', offset: 7 });
    expect(error.message).toBe('malformed at byte 7: a field is missing');
  });

  it('are found inside of the part that is to be read', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 0x80, 4), 1, 3);
    expect(reader.varint()).toBe(2);
    expect(() => reader.varint()).toThrow(new CutShortError('an integer is cut short', 3, 1));
  });
});
