import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UnusableFileError } from './regularFile.ts';
import { readLastBytes, Tail } from './tail.ts';
import { ownFolder } from './testing/ownFolder.ts';

let folder: string;
ownFolder('tail', (made) => {
  folder = made;
});

it('is whole lines, as many as there is room for', () => {
  const path = join(folder, 'log');
  writeFileSync(path, 'one\ntwo\nthree\n');
  expect([100, 14, 13, 10, 9, 6, 5, 0].map((bytes) => readLastBytes(path, bytes))).toEqual([
    'one\ntwo\nthree\n',
    'one\ntwo\nthree\n',
    'two\nthree\n',
    'three\n',
    'three\n',
    '',
    '',
    '',
  ]);
});

it('goes on with what is appended, and with the file that takes the place of a full one', () => {
  const path = join(folder, 'log');
  writeFileSync(path, 'one\n');
  const tail = new Tail(path);
  expect(tail.last(100)).toBe('one\n');
  expect(tail.more()).toBe('');
  const [first, second] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü').subarray(1)];
  appendFileSync(path, first);
  expect(tail.more()).toBe('');
  appendFileSync(path, second);
  expect(tail.more()).toBe('ü');
  appendFileSync(path, 'last of the old\n');
  renameSync(path, `${path}.1`);
  expect(tail.more()).toBe('last of the old\n');
  writeFileSync(path, 'first of the new\n');
  expect(tail.more()).toBe('first of the new\n');
  writeFileSync(path, 'cut\n');
  expect(tail.more()).toBe('cut\n');
  tail.close();
});

it('is of regular files only', () => {
  expect(() => readLastBytes(folder, 10)).toThrow(UnusableFileError);
  expect(() => readLastBytes(join(folder, 'missing'), 10)).toThrow('ENOENT');
});
