import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StorageOpenError } from '../storage/levelDisk.ts';
import { KEPT_PROMISE_FILE, keptPromiseMs } from './keptPromise.ts';

describe('what a server promised in any process before this one', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rkv-promise-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is nothing, and stays so, where none promised anything', () => {
    expect(keptPromiseMs(folder, 0)).toBe(0);
    expect(keptPromiseMs(folder, 0)).toBe(0);
  });

  it('is the longest of all, whatever later flags say', () => {
    expect(keptPromiseMs(folder, 2000)).toBe(2000);
    expect(keptPromiseMs(folder, 0)).toBe(2000);
    expect(keptPromiseMs(folder, 500)).toBe(2000);
    expect(keptPromiseMs(folder, 3000)).toBe(3000);
    expect(keptPromiseMs(folder, 1)).toBe(3000);
  });

  it.each(['', '{"format":1}', '{"format":1,"longestMs":-3}', '{"format":2,"longestMs":3}'])(
    'is refused by name where it cannot be read: %s',
    (text) => {
      writeFileSync(join(folder, KEPT_PROMISE_FILE), text);
      expect(() => keptPromiseMs(folder, 100)).toThrow(StorageOpenError);
      expect(() => keptPromiseMs(folder, 100)).toThrow(/promised\.json/);
    },
  );
});
