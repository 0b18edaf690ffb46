import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keepFolderPrivate, openPrivateLog, ownTemporaryFolder, replacePrivateFile } from './privateFile.ts';
import { readRegularFile, readTextFile, UnusableFileError } from './regularFile.ts';
import { ownFolder } from './testing/ownFolder.ts';

/** Only the superuser can give files away. */
const isSuperuser = process.geteuid?.() === 0;
const SOMEBODY_ELSE = 12_345;

let folder: string;
ownFolder('files', (made) => {
  folder = made;
});

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('readRegularFile', () => {
  it('reads a file, also through a link, and where its size is not known before', () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'x'.repeat(200_000));
    symlinkSync(path, join(folder, 'link'));
    expect(readTextFile(path, 200_000)).toBe('x'.repeat(200_000));
    expect(readRegularFile(join(folder, 'link'), 1 << 20)).toHaveLength(200_000);
    if (process.platform === 'linux') expect(readTextFile('/proc/self/stat', 4096)).toContain(String(process.pid));
  });

  it('waits for no pipe, reads no device and nothing without an end', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const huge = join(folder, 'huge');
    writeFileSync(huge, '');
    truncateSync(huge, 2 ** 40);
    expect(() => readRegularFile(pipe, 100)).toThrow(
      new UnusableFileError(pipe, 'is a pipe or a device', 'a regular file'),
    );
    expect(() => readRegularFile('/dev/zero', 100)).toThrow('/dev/zero is a pipe or a device');
    expect(() => readRegularFile(folder, 100)).toThrow('is a folder: expected a regular file');
    expect(() => readRegularFile(huge, 100)).toThrow('is too large: expected at most 100 bytes');
    expect(() => readRegularFile(join(folder, 'none'), 100)).toThrow('ENOENT');
  });
});

describe('openPrivateLog', () => {
  it('makes a file for us alone, appends to it, and closes one that others could read', () => {
    const path = join(folder, 'a.log');
    for (const text of ['one ', 'two']) {
      const descriptor = openPrivateLog(path);
      writeSync(descriptor, text);
      closeSync(descriptor);
      expect(modeOf(path)).toBe(0o600);
      chmodSync(path, 0o644);
    }
    expect(readFileSync(path, 'utf8')).toBe('one two');
  });

  it('follows no link, waits for no pipe and takes no file with another name', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'mine');
    const path = join(folder, 'a.log');
    symlinkSync(other, path);
    expect(() => openPrivateLog(path)).toThrow(`${path} is a link: expected a regular file of our own, or none`);
    rmSync(path);
    symlinkSync(join(folder, 'nothing'), path);
    expect(() => openPrivateLog(path)).toThrow('is a link');
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(() => openPrivateLog(path)).toThrow('is a pipe or a device');
    rmSync(path);
    linkSync(other, path);
    expect(() => openPrivateLog(path)).toThrow('has other names too');
    rmSync(path);
    mkdirSync(path);
    expect(() => openPrivateLog(path)).toThrow('is a folder');
    expect(readFileSync(other, 'utf8')).toBe('mine');
    expect(readdirSync(folder).sort()).toEqual(['a.log', 'other']);
  });

  it.runIf(isSuperuser)('takes no file of another user', () => {
    const path = join(folder, 'a.log');
    writeFileSync(path, '');
    chownSync(path, SOMEBODY_ELSE, SOMEBODY_ELSE);
    expect(() => openPrivateLog(path)).toThrow(`belongs to another user (uid ${SOMEBODY_ELSE})`);
  });
});

describe('replacePrivateFile', () => {
  it('replaces what is there, a link too, and leaves nothing else behind', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'mine');
    const path = join(folder, 'state');
    symlinkSync(other, path);
    replacePrivateFile(path, 'one');
    replacePrivateFile(path, 'two');
    expect([readFileSync(path, 'utf8'), readFileSync(other, 'utf8')]).toEqual(['two', 'mine']);
    expect(modeOf(path)).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(['other', 'state']);
  });
});

describe('private folders', () => {
  it('are closed to others, made or found', () => {
    const path = join(folder, 'a', 'b');
    keepFolderPrivate(path);
    expect([modeOf(join(folder, 'a')), modeOf(path)]).toEqual([0o700, 0o700]);
    chmodSync(path, 0o755);
    keepFolderPrivate(path);
    expect(modeOf(path)).toBe(0o700);
  });

  it.runIf(isSuperuser)('are refused where they are another user’s', () => {
    const path = join(folder, 'a');
    mkdirSync(path);
    chownSync(path, SOMEBODY_ELSE, SOMEBODY_ELSE);
    expect(() => keepFolderPrivate(path)).toThrow(`belongs to another user (uid ${SOMEBODY_ELSE})`);
  });

  it('in the temporary folder, is ours or none', () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      const path = ownTemporaryFolder();
      expect(path.startsWith(`${folder}/rkv-`)).toBe(true);
      expect(modeOf(path)).toBe(0o700);
      expect(ownTemporaryFolder()).toBe(path);
      rmSync(path, { recursive: true });
      mkdirSync(join(folder, 'theirs'));
      symlinkSync(join(folder, 'theirs'), path);
      expect(() => ownTemporaryFolder()).toThrow('is no folder: expected a folder of our own, or none');
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});
