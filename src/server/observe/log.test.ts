import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ownFolder } from '../../files/testing/ownFolder.ts';
import { openLog } from './log.ts';

let folder: string;
let before: string | undefined;
let said: string;
ownFolder('log', (made) => {
  folder = made;
});
beforeEach(() => {
  before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
});

async function log(message: string): Promise<void> {
  const { log, close } = openLog(7, true);
  log.info(message);
  await close();
}

describe("a server's log file", () => {
  it('is where the original has it, for its user alone', async () => {
    await log('one');
    await log('two');
    const path = join(folder, 'raft07.log');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['one', 'two']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(said).toBe('');
  });

  it('is where it was asked for', async () => {
    const path = join(folder, 'own.log');
    const { log, close } = openLog(7, true, path);
    log.info('one');
    await close();
    expect(JSON.parse(readFileSync(path, 'utf8')).msg).toBe('one');
    expect(existsSync(join(folder, 'raft07.log'))).toBe(false);
  });

  it('is in a folder of its own where a link stands in its place, which it says', async () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'mine\n');
    symlinkSync(other, join(folder, 'raft07.log'));
    await log('one');
    expect(readFileSync(other, 'utf8')).toBe('mine\n');
    const path = join(folder, `rkv-${process.geteuid!()}`, 'raft07.log');
    expect(readFileSync(path, 'utf8')).toContain('"msg":"one"');
    expect(said).toContain(`raft07.log is a link: expected a regular file of our own, or none; logging to ${path}`);
  });

  it('is done without where there is no safe place, which it says', async () => {
    mkdirSync(join(folder, 'raft07.log'));
    symlinkSync(folder, join(folder, `rkv-${process.geteuid!()}`));
    await log('one');
    expect(said).toMatch(/^rkvd: no log file: .* is no folder: expected a folder of our own, or none\n$/);
  });
});
