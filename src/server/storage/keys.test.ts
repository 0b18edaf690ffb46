import { expect, it } from 'vitest';
import { chunkKey, parseKey, sequenceOf, snapshotKey, stateKey } from './keys.ts';

const NUMBERS = [0, 1, 9, 10, 12_345, 2 ** 40, Number.MAX_SAFE_INTEGER];

it('keys hold their numbers, and sort by them', () => {
  for (const sequence of NUMBERS) {
    expect(parseKey(stateKey(sequence))).toEqual({ index: 0, sequence });
    for (const index of NUMBERS) {
      for (const key of [chunkKey(index, sequence), snapshotKey(index, sequence)]) {
        expect(parseKey(key)).toEqual({ index, sequence });
        expect(sequenceOf(key)).toBe(sequence);
      }
    }
    expect(sequenceOf(stateKey(sequence))).toBe(sequence);
  }
  const sorted = NUMBERS.flatMap((index) => NUMBERS.map((sequence) => chunkKey(index, sequence)));
  expect([...sorted].reverse().sort()).toEqual(sorted);
});

it.each([
  '',
  'c1',
  'version',
  'x0000000000000001',
  'h00000000000000001',
  'c0000000000000001',
  'h0000000000000001-0000000000000001',
])('a key that no store writes has no numbers (%j)', (key) => {
  expect(parseKey(key)).toBeUndefined();
});
