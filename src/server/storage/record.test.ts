import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { decodeEntries, recordsSize } from '../../consensus/entryCodec.ts';
import { encodeFence } from '../../wire/fence.ts';
import { UnknownFormatError } from './contract.ts';
import {
  damageOf,
  decodeRecordHeader,
  describeDamage,
  encodeRecord,
  type RecordFields,
  seal,
  storedChecksum,
} from './record.ts';
import { command, encodeSnapshot, randomFrom, snapshotAt } from './testing.ts';

const LARGE = Number.MAX_SAFE_INTEGER;

/** A random record: mostly small, now and then with so many runs and marks that its header is large. */
function drawn(seed: number): { fields: RecordFields; entries: Entry[] } {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const number = () => (below(10) === 0 ? LARGE - below(3) : below(300));
  const first = 1 + below(1000);
  let term = 1 + below(5);
  const count = below(5) === 0 ? 0 : below(20) === 0 ? 400 : below(8);
  const entries = Array.from({ length: count }, (_, i) => {
    term += below(3) === 0 ? 1 + below(200) : 0;
    const draw = below(6);
    if (draw === 0) return new Entry(first + i, term, EntryType.JointReconf, Uint8Array.of(i));
    if (draw === 1) return new Entry(first + i, term, EntryType.Normal, encodeFence({ id: 1 + i, instance: 'a' }));
    return command(first + i, term, 'x'.repeat(below(40)));
  });
  const snapshot = below(3) === 0 ? undefined : { index: number(), sequence: 1 + below(9), checksum: number() };
  const fields = {
    sequence: number(),
    durableSequence: number(),
    previousSequence: number(),
    previousChecksum: number(),
    baseIndex: number(),
    baseTerm: number(),
    snapshot,
    hardState: { term: number(), vote: number(), commit: number() },
    lastIndex: number(),
    lastTerm: number(),
    previousTerm: number(),
  };
  return { fields, entries };
}

function encoded(seed: number) {
  const { fields, entries } = drawn(seed);
  const own = entries.map(({ index, term, type, data }) => new Entry(index, term, type, data));
  return { fields, entries, ...encodeRecord(fields, own, recordsSize(own)) };
}

describe('the record of a write', () => {
  it('says what was put into it, and where its entries and their terms and marks are', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const { fields, entries, value, checksum, entriesStart, termRuns } = encoded(seed);
      const runs = entries.filter(({ term }, i) => term !== entries[i - 1]?.term);
      const expectedRuns = runs.map(({ index, term }) => ({ first: index, term }));
      const { header } = decodeRecordHeader('c', value);
      expect(header).toEqual({
        ...fields,
        checksum,
        firstIndex: entries[0]?.index ?? 0,
        entryCount: entries.length,
        termRuns: expectedRuns,
        markedIndexes: entries
          .filter(({ type, data }) => type !== EntryType.Normal || data[0] === 0x7a)
          .map(({ index }) => index),
        entriesStart,
      });
      expect(termRuns).toEqual(expectedRuns);
      expect(storedChecksum(value)).toBe(checksum);
      const plain = (all: readonly Entry[]) => all.map(({ index, term, type, data }) => [index, term, type, [...data]]);
      expect(plain(decodeEntries(value.subarray(entriesStart)))).toEqual(plain(entries));
    }
  });

  it('with a flipped bit or cut short is known to be damaged, whatever stands behind it', () => {
    const { value } = encoded(7);
    for (let at = 0; at < value.length; at++) {
      const flipped = Uint8Array.from(value);
      flipped[at]! ^= 1 << (at % 8);
      for (const each of [flipped, value.subarray(0, at)]) {
        const { header, damage } = decodeRecordHeader('c', each);
        expect(header).toBeUndefined();
        expect(damage!.reason).toMatch(/checksum is wrong|has \d+ bytes/);
      }
    }
    expect(decodeRecordHeader('c', undefined).damage?.reason).toBe('it is missing');
  });

  it('is told from another version, and from a value of another kind', () => {
    const other = Uint8Array.from(encoded(7).value);
    other[4] = 2;
    expect(decodeRecordHeader('c', other).damage?.reason).toBe('its checksum is wrong');
    seal(other);
    expect(() => decodeRecordHeader('c7', other)).toThrow(UnknownFormatError);
    expect(() => decodeRecordHeader('c7', other)).toThrow('c7 has format version 2; this program reads 1');
    const { value } = encodeSnapshot(snapshotAt(5, 2));
    expect(decodeRecordHeader('c', value).damage?.reason).toBe('it is of kind 2, expected 1');
  });

  it('that was sealed though it ends within its header is damaged too, and says so with its checksum', () => {
    const short = Uint8Array.from(encoded(7).value.subarray(0, 9));
    const checksum = seal(short);
    const { damage } = decodeRecordHeader('c', short);
    expect(damage).toMatchObject({ expectedChecksum: checksum, foundChecksum: checksum });
    expect(damage!.reason).toMatch(/cut short/);
    expect(damage!.reason).not.toContain('Error');
    // No more than the checksum, the version and the kind.
    const least = Uint8Array.of(0, 0, 0, 0, 1, 1);
    seal(least);
    expect(damageOf('c', least, 1)).toBeUndefined();
    expect(damageOf('c', least.subarray(0, 5), 1)?.reason).toBe('it has 5 bytes, at least 6 are needed');
  });
});

describe('a damage in words', () => {
  it('names both checksums where they are known', () => {
    const known = { reason: 'why', expectedChecksum: 10, foundChecksum: 0xffffffff };
    expect(describeDamage(known)).toBe('why (checksum expected 0x0000000a, found 0xffffffff)');
    expect(describeDamage({ ...known, expectedChecksum: undefined })).toBe('why');
    expect(describeDamage({ ...known, foundChecksum: undefined })).toBe('why');
  });
});
