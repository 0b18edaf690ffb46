import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CorruptLogError } from './contract.ts';
import { prepareDataDirectory, serverDirectory } from './dataDirectory.ts';
import { LevelDisk, StorageOpenError } from './levelDisk.ts';
import { openLevelLogStore } from './openLogStore.ts';
import { batch, commands, Listener } from './testing.ts';

const NOW_MS = Date.UTC(2026, 0, 31, 10, 20, 30, 456);
const OPTIONS = { cacheEntries: 1000 };

describe('the data directory', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-data-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('begins empty where there is nothing, with and without recovery', async () => {
    const data = join(folder, 'not', 'yet');
    const expected = { location: join(data, 'rkvd-1'), existing: false, movedTo: undefined };
    expect(await prepareDataDirectory(data, 1, false, NOW_MS)).toEqual(expected);
    expect(await prepareDataDirectory(data, 1, true, NOW_MS)).toEqual(expected);
  });

  it('continues from existing data with recovery', async () => {
    const location = serverDirectory(folder, 2);
    const { store } = await openLevelLogStore(location, new Listener(), OPTIONS);
    store.persist(batch(1, { entries: commands(1, 3, 1) }));
    await store.close();
    expect(await prepareDataDirectory(folder, 2, true, NOW_MS)).toEqual({
      location,
      existing: true,
      movedTo: undefined,
    });
    const again = await openLevelLogStore(location, new Listener(), OPTIONS);
    expect(again.report).toMatchObject({ found: true, firstIndex: 1, lastIndex: 3, dropped: [] });
    await again.store.close();
  });

  it('moves a folder and its promise file together, also where one of them is missing', async () => {
    const location = serverDirectory(folder, 4);
    const { store } = await openLevelLogStore(location, new Listener(), OPTIONS);
    store.persist(batch(1, { entries: commands(1, 3, 1) }));
    await store.close();
    const movedTo = (await prepareDataDirectory(folder, 4, false, NOW_MS)).movedTo!;
    expect(await readdir(folder)).toEqual([basename(movedTo), `${basename(movedTo)}.promised`]);
    const again = await openLevelLogStore(movedTo, new Listener(), OPTIONS);
    expect(again.report.lastIndex).toBe(3);
    await again.store.close();

    await rename(`${movedTo}.promised`, `${location}.promised`);
    const second = (await prepareDataDirectory(folder, 4, false, NOW_MS)).movedTo!;
    expect(second).not.toBe(movedTo);
    expect(await readdir(folder)).toEqual([basename(movedTo), `${basename(second)}.promised`]);
  });

  it('moves existing data aside without recovery, each time under another name', async () => {
    const location = serverDirectory(folder, 3);
    const moved: (string | undefined)[] = [];
    for (const content of ['first', 'second', 'third']) {
      await mkdir(location);
      await writeFile(join(location, 'data'), content);
      moved.push((await prepareDataDirectory(folder, 3, false, NOW_MS)).movedTo);
    }
    const base = `${location}.old-2026-01-31T10-20-30Z`;
    expect(moved).toEqual([base, `${base}.2`, `${base}.3`]);
    const kept = await Promise.all(moved.map((place) => readFile(join(place!, 'data'), 'utf8')));
    expect(kept).toEqual(['first', 'second', 'third']);
    expect(await readdir(folder)).not.toContain('rkvd-3');
  });

  it('says what is wrong where a file is in the way', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(prepareDataDirectory(join(folder, 'file'), 1, false, NOW_MS)).rejects.toThrow(StorageOpenError);
    await expect(LevelDisk.open(join(folder, 'file'))).rejects.toThrow(
      /cannot open the log store in .*file: expected a/,
    );
  });

  it('waits for no pipe and follows no link among its files', async () => {
    const location = join(folder, 'log');
    await (await LevelDisk.open(location)).close();
    for (const name of ['CURRENT', 'LOCK', '000005.ldb']) {
      const path = join(location, name);
      const before = await readFile(path).catch(() => undefined);
      await rm(path, { force: true });
      await promisify(execFile)('mkfifo', [path]);
      await expect(LevelDisk.open(location)).rejects.toThrow(`but ${name} is a link, a pipe or a device`);
      await rm(path);
      await symlink('/dev/zero', path);
      await expect(LevelDisk.open(location)).rejects.toThrow(StorageOpenError);
      await rm(path);
      if (before !== undefined) await writeFile(path, before);
    }
    await (await LevelDisk.open(location)).close();
  });

  it('says that another process has the store open', async () => {
    const location = join(folder, 'log');
    const disk = await LevelDisk.open(location);
    const script = `
      import { Level } from 'level';
      const level = new Level(process.argv[1]);
      level.open().catch((error) => { console.log(error.cause.code); process.exit(3); });`;
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, location]);
    await expect(child).rejects.toMatchObject({ code: 3, stdout: 'LEVEL_LOCKED\n' });
    await expect(LevelDisk.open(location)).rejects.toThrow(/another process is using it/);
    await disk.close();
  });

  it('says that LevelDB finds its files damaged', async () => {
    const location = join(folder, 'log');
    await (await LevelDisk.open(location)).close();
    await writeFile(join(location, 'CURRENT'), 'nonsense\n');
    await expect(LevelDisk.open(location)).rejects.toThrow(CorruptLogError);
  });
});
