import { describe, expect, it } from 'vitest';
import { randomFrom } from '../testing.ts';
import { maskedCrc32c } from './crc32c.ts';
import { readLevelLog } from './levelLog.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const [FULL, FIRST, MIDDLE, LAST] = [1, 2, 3, 4] as const;

function piece(type: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, content.length, true);
  bytes[6] = type;
  bytes.set(content, HEADER_BYTES);
  view.setUint32(0, maskedCrc32c(bytes, 6), true);
  return bytes;
}

/** A log as its format says: a record goes on in the next block where it does not fit, and no header is cut by a block's end. */
function written(records: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array) => {
    parts.push(bytes);
    at += bytes.length;
  };
  const left = () => BLOCK_BYTES - (at % BLOCK_BYTES);
  for (const record of records) {
    let [done, isFirst] = [0, true];
    do {
      if (left() < HEADER_BYTES) put(new Uint8Array(left()));
      const length = Math.min(record.length - done, left() - HEADER_BYTES);
      const isLast = done + length === record.length;
      const type = isFirst ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE;
      put(piece(type, record.subarray(done, done + length)));
      done += length;
      isFirst = false;
    } while (done < record.length);
  }
  return join(...parts);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const text = (content: string) => new TextEncoder().encode(content);
const contents = (log: Uint8Array) => readLevelLog(log).records.map((each) => Buffer.from(each).toString('latin1'));

describe('a log in the format of LevelDB', () => {
  it('has the records that were written, wherever blocks end', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      // The first one ends so close before a block's end that a header fits there just so, or not.
      const records = [new Uint8Array(BLOCK_BYTES - 2 * HEADER_BYTES + 10 - below(20)).fill(7)];
      for (let count = below(6); count > 0; count--) {
        records.push(new Uint8Array(below(4) === 0 ? below(3 * BLOCK_BYTES) : 1 + below(50)).fill(count));
      }
      const log = written(records);
      expect(readLevelLog(log)).toMatchObject({ damages: [] });
      const found = readLevelLog(log).records;
      expect(found.map(({ length }) => length)).toEqual(records.map(({ length }) => length));
      expect(found.every((each, at) => Buffer.compare(each, records[at]!) === 0)).toBe(true);
      // Cut anywhere it has those that are whole, and nobody calls it damaged.
      const cut = below(log.length + 1);
      const { records: whole, damages } = readLevelLog(log.subarray(0, cut));
      expect(damages).toEqual([]);
      const expected = records.filter((_, at) => written(records.slice(0, at + 1)).length <= cut);
      expect(whole.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
    }
  });

  const [a, b, c] = [text('a'), text('bb'), text('ccc')];
  const badSum = piece(FULL, b);
  badSum[0]! ^= 1;
  const filler = (start: Uint8Array) => new Uint8Array(BLOCK_BYTES - (start.length % BLOCK_BYTES));
  const tooLong = join(piece(FULL, a), Uint8Array.of(1, 2, 3, 4, 0xff, 0xff, FULL));
  const nextBlock = (start: Uint8Array, rest: Uint8Array) => join(start, filler(start), rest);

  it.each<[string, Uint8Array, readonly string[], readonly [number, string][]]>([
    ['nothing', new Uint8Array(0), [], []],
    ['a wrong checksum: the rest of its block goes', join(badSum, piece(FULL, a)), [], [[0, 'its checksum is wrong']]],
    [
      'what comes after that in the next block',
      nextBlock(badSum, piece(FULL, c)),
      ['ccc'],
      [[0, 'its checksum is wrong']],
    ],
    [
      'a wrong checksum in the middle of a record, which ends in the next block',
      nextBlock(join(piece(FIRST, a), badSum), join(piece(LAST, c), piece(FULL, a))),
      ['a'],
      [
        [8, 'its checksum is wrong'],
        [BLOCK_BYTES, 'a record without its beginning'],
      ],
    ],
    [
      'a beginning without an end, before a whole record',
      join(piece(FIRST, a), piece(FULL, b), piece(LAST, c)),
      ['bb'],
      [
        [8, 'a record without its end'],
        [8 + 9, 'a record without its beginning'],
      ],
    ],
    [
      'a beginning without an end, before another one',
      join(piece(FIRST, a), piece(FIRST, b), piece(LAST, c)),
      ['bbccc'],
      [[8, 'a record without its end']],
    ],
    [
      'a middle without a beginning',
      join(piece(MIDDLE, a), piece(FULL, b)),
      ['bb'],
      [[0, 'a record without its beginning']],
    ],
    ['a beginning at the end, which a crash leaves', join(piece(FULL, b), piece(FIRST, a)), ['bb'], []],
    ['all three pieces', join(piece(FIRST, a), piece(MIDDLE, b), piece(LAST, c)), ['abbccc'], []],
    [
      'an unknown type',
      join(piece(FIRST, a), piece(5, b), piece(LAST, c)),
      [],
      [
        [8, 'a piece of type 5'],
        [8 + 9, 'a record without its beginning'],
      ],
    ],
    [
      'a piece of no bytes, and type zero with some',
      join(piece(FULL, text('')), piece(0, a)),
      [''],
      [[7, 'a piece of type 0']],
    ],
    ['zeros to the end, which a crash leaves', join(piece(FULL, a), new Uint8Array(900)), ['a'], []],
    ['a piece that the end of the file cuts', tooLong, ['a'], []],
    [
      'a piece that is longer than its block, at the end of a file that ends with a block',
      nextBlock(tooLong, text('')),
      ['a'],
      [[8, 'a piece is longer than its block']],
    ],
    [
      'a piece that is longer than its block, within a record that ends in the next one',
      nextBlock(join(piece(FIRST, a), tooLong.subarray(8)), join(piece(LAST, b), piece(FULL, c))),
      ['ccc'],
      [
        [8, 'a piece is longer than its block'],
        [BLOCK_BYTES, 'a record without its beginning'],
      ],
    ],
    [
      'zeros where something was, within a record',
      nextBlock(join(piece(FIRST, a), new Uint8Array(20), text('x')), join(piece(LAST, b), piece(FULL, c))),
      ['ccc'],
      [
        [8, 'zeros where a piece should be'],
        [BLOCK_BYTES, 'a record without its beginning'],
      ],
    ],
  ])('is read as LevelDB reads it: %s', (_, log, records, damages) => {
    expect(contents(log)).toEqual(records);
    expect(readLevelLog(log).damages.map(({ offset, what }) => [offset, what])).toEqual(damages);
  });
});
