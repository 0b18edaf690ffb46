import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolders } from './folders.ts';
import { durabilityCalls } from './testing/durabilityCalls.ts';
import { ownFolder } from './testing/ownFolder.ts';

let folder: string;
ownFolder('folders', (made) => {
  folder = made;
});

describe('makeFolders', () => {
  it('makes what is missing, with the mode asked for, and takes what is there as it is', () => {
    mkdirSync(join(folder, 'a'), 0o750);
    makeFolders(join(folder, 'a', 'b', 'c'), 0o700);
    makeFolders(join(folder, 'a', 'b', 'c'));
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o750);
    for (const path of [join(folder, 'a', 'b'), join(folder, 'a', 'b', 'c')]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
  });

  it('lost what a server kept, with the folder that was made for it: its name was not on the platter', async () => {
    const made = await durabilityCalls(() => makeFolders(join(folder, 'a', 'b')));
    expect(made).toEqual(['make a', `sync ${basename(folder)}`, 'make b', 'sync a']);
    expect(await durabilityCalls(() => makeFolders(join(folder, 'a', 'b')))).toEqual([]);
  });

  it.skipIf(process.geteuid?.() === 0)('makes folders also where it may not look', () => {
    chmodSync(folder, 0o300);
    makeFolders(join(folder, 'a'));
    chmodSync(folder, 0o700);
    expect(statSync(join(folder, 'a')).isDirectory()).toBe(true);
  });

  it('takes a link to a folder, and nothing else in the place of one', () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    makeFolders(join(folder, 'link', 'below'));
    writeFileSync(join(folder, 'file'), '');
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
    expect(statSync(join(folder, 'real', 'below')).isDirectory()).toBe(true);
    expect(() => makeFolders(join(folder, 'file'))).toThrow('EEXIST');
    expect(() => makeFolders(join(folder, 'file', 'below'))).toThrow('ENOTDIR');
    expect(() => makeFolders(join(folder, 'dangling'))).toThrow('EEXIST');
  });

  it.skipIf(process.platform !== 'linux')('ends where no folder can be made', () => {
    expect(() => makeFolders('/proc/none/below')).toThrow('ENOENT');
  });
});
