import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { durabilityCalls } from '../../files/testing/durabilityCalls.ts';
import { ownFolder } from '../../files/testing/ownFolder.ts';
import { CorruptLogError } from './contract.ts';
import {
  discardBeside,
  finishInterruptedMove,
  prepareDataDirectory,
  serverDirectory,
  takePlace,
} from './dataDirectory.ts';
import { LevelDisk, StorageOpenError } from './levelDisk.ts';
import { openLevelLogStore } from './openLogStore.ts';
import { batch, commands, Listener } from './testing.ts';

const NOW_MS = Date.UTC(2026, 0, 31, 10, 20, 30, 456);
const OPTIONS = { cacheEntries: 1000 };

describe('the data directory', () => {
  let folder: string;

  ownFolder('data', (made) => {
    folder = made;
  });

  it('begins empty where there is nothing, with and without recovery', async () => {
    const data = join(folder, 'not', 'yet');
    const expected = { location: join(data, 'rkvd-1'), existing: false, isBeside: false };
    expect(await prepareDataDirectory(data, 1, false)).toEqual(expected);
    expect(await readdir(data)).toEqual([]);
    expect(await prepareDataDirectory(data, 1, true)).toEqual(expected);
  });

  it('goes on with what was prepared beside data that are no longer there', async () => {
    for (const isEmpty of [false, true]) {
      const location = serverDirectory(folder, 6);
      await mkdir(`${location}.next`);
      await writeFile(join(`${location}.next`, 'name'), 'next');
      if (isEmpty) await mkdir(location);
      expect(await prepareDataDirectory(folder, 6, false)).toEqual({ location, existing: false, isBeside: false });
      expect(await readdir(folder)).toEqual(['rkvd-6']);
      expect(await readFile(join(location, 'name'), 'utf8')).toBe('next');
      await rm(location, { recursive: true });
    }
  });

  it('continues from existing data with recovery', async () => {
    const location = serverDirectory(folder, 2);
    const { store } = await openLevelLogStore(location, new Listener(), OPTIONS);
    store.persist(batch(1, { entries: commands(1, 3, 1) }));
    await store.close();
    const expected = { location, existing: true, isBeside: false };
    expect(await prepareDataDirectory(folder, 2, true)).toEqual(expected);
    // What an earlier start without recovery has left is forgotten.
    await prepareDataDirectory(folder, 2, false);
    expect(await prepareDataDirectory(folder, 2, true)).toEqual(expected);
    expect(await readdir(folder)).toEqual(['rkvd-2', 'rkvd-2.promised']);
    const again = await openLevelLogStore(location, new Listener(), OPTIONS);
    expect(again.report).toMatchObject({ found: true, firstIndex: 1, lastIndex: 3, dropped: [] });
    await again.store.close();
  });

  /** A directory beside the data, with a file that is known again. */
  async function besides(id: number): Promise<void> {
    const { location, isBeside } = await prepareDataDirectory(folder, id, false);
    expect({ location, isBeside }).toEqual({ location: `${serverDirectory(folder, id)}.next`, isBeside: true });
    await writeFile(join(location, 'name'), 'next');
  }

  it('moves a folder and its promise file together, also where one of them is missing', async () => {
    const location = serverDirectory(folder, 4);
    const { store } = await openLevelLogStore(location, new Listener(), OPTIONS);
    store.persist(batch(1, { entries: commands(1, 3, 1) }));
    await store.close();
    await besides(4);
    const movedTo = await takePlace(folder, 4, NOW_MS);
    expect(await readdir(folder)).toEqual(['rkvd-4', basename(movedTo), `${basename(movedTo)}.promised`]);
    expect(await readFile(join(location, 'name'), 'utf8')).toBe('next');
    const again = await openLevelLogStore(movedTo, new Listener(), OPTIONS);
    expect(again.report.lastIndex).toBe(3);
    await again.store.close();

    await rm(location, { recursive: true });
    await rename(`${movedTo}.promised`, `${location}.promised`);
    await besides(4);
    const second = await takePlace(folder, 4, NOW_MS);
    expect(second).not.toBe(movedTo);
    expect(await readdir(folder)).toEqual(['rkvd-4', basename(movedTo), `${basename(second)}.promised`]);
  });

  it('has on the platter where data go before they go, and where they are before it forgets that they were to go', async () => {
    const location = serverDirectory(folder, 4);
    await mkdir(location);
    await writeFile(`${location}.promised`, '');
    await besides(4);
    let movedTo = '';
    const calls = await durabilityCalls(async () => {
      movedTo = basename(await takePlace(folder, 4, NOW_MS));
    });
    const synced = `sync ${basename(folder)}`;
    expect(calls).toEqual([
      ...['write rkvd-4.moving.new', 'sync rkvd-4.moving.new', 'rename rkvd-4.moving.new rkvd-4.moving', synced],
      ...[
        `rename rkvd-4 ${movedTo}`,
        `rename rkvd-4.promised ${movedTo}.promised`,
        'rename rkvd-4.next rkvd-4',
        synced,
      ],
      ...['remove rkvd-4.moving', synced],
    ]);
  });

  it('leaves the data where they are until the start is allowed, and forgets the start otherwise', async () => {
    const location = serverDirectory(folder, 3);
    await mkdir(location);
    await writeFile(join(location, 'data'), 'kept');
    await besides(3);
    await besides(3);
    expect(await readFile(join(location, 'data'), 'utf8')).toBe('kept');
    await discardBeside(folder, 3);
    expect(await readdir(folder)).toEqual(['rkvd-3']);
  });

  it('keeps data from others, as found or as made, and says that what is beside them is not what they are', async () => {
    const location = serverDirectory(folder, 7);
    await mkdir(location, 0o755);
    await writeFile(join(location, 'data'), 'kept');
    expect(await prepareDataDirectory(folder, 7, false)).toEqual({
      location: `${location}.next`,
      existing: false,
      isBeside: true,
    });
    for (const path of [location, `${location}.next`]) expect((await stat(path)).mode & 0o777).toBe(0o700);
    await discardBeside(folder, 7);
    await discardBeside(folder, 7);
    expect(await readdir(folder)).toEqual(['rkvd-7']);
  });

  it('moves data aside under a name that neither they nor their promise file would take from others, of a thousand', async () => {
    const location = serverDirectory(folder, 8);
    const base = `${location}.old-2026-01-31T10-20-30Z`;
    await writeFile(`${base}.promised`, '');
    const move = async () => {
      await mkdir(location);
      await writeFile(join(location, 'data'), '');
      await besides(8);
      return takePlace(folder, 8, NOW_MS);
    };
    expect(await move()).toBe(`${base}.2`);
    for (let name = 3; name < 1000; name++) await writeFile(`${base}.${name}`, '');
    await rm(location, { recursive: true });
    expect(await move()).toBe(`${base}.1000`);
    await rm(location, { recursive: true });
    await expect(move()).rejects.toThrow(/old-2026-01-31T10-20-30Z and 999 names like it are taken\)$/);
  });

  it('moves existing data aside each time under another name', async () => {
    const location = serverDirectory(folder, 3);
    const moved: string[] = [];
    for (const content of ['first', 'second', 'third']) {
      await rm(location, { recursive: true, force: true });
      await mkdir(location);
      await writeFile(join(location, 'data'), content);
      await besides(3);
      moved.push(await takePlace(folder, 3, NOW_MS));
    }
    const base = `${location}.old-2026-01-31T10-20-30Z`;
    expect(moved).toEqual([base, `${base}.2`, `${base}.3`]);
    const kept = await Promise.all(moved.map((place) => readFile(join(place, 'data'), 'utf8')));
    expect(kept).toEqual(['first', 'second', 'third']);
  });

  it('follows no link where it begins beside the data', async () => {
    const elsewhere = join(folder, 'elsewhere');
    for (const path of [elsewhere, serverDirectory(folder, 3)]) {
      await mkdir(path);
      await writeFile(join(path, 'data'), 'kept');
    }
    await symlink(elsewhere, join(folder, 'rkvd-3.next'));
    await besides(3);
    await takePlace(folder, 3, NOW_MS);
    expect(await readdir(elsewhere)).toEqual(['data']);
    expect(await readdir(serverDirectory(folder, 3))).toEqual(['name']);
  });

  /** What is on disk after each step of a move, by name; the last is what it comes to. */
  const STEPS = [
    { 'rkvd-5': 'old', 'rkvd-5.promised': 'promise', 'rkvd-5.next': 'next' },
    { 'rkvd-5.old-1Z': 'old', 'rkvd-5.promised': 'promise', 'rkvd-5.next': 'next' },
    { 'rkvd-5.old-1Z': 'old', 'rkvd-5.old-1Z.promised': 'promise', 'rkvd-5.next': 'next' },
    { 'rkvd-5.old-1Z': 'old', 'rkvd-5.old-1Z.promised': 'promise', 'rkvd-5': 'next' },
  ];

  it.each(STEPS.map((step, at) => [at, step] as const))(
    'finishes a move that was interrupted after step %i',
    async (_, step) => {
      for (const [name, content] of Object.entries(step)) {
        const path = join(folder, name);
        if (!name.endsWith('.promised')) await mkdir(path);
        await writeFile(name.endsWith('.promised') ? path : join(path, 'name'), content);
      }
      await writeFile(join(folder, 'rkvd-5.moving'), 'rkvd-5.old-1Z\n');
      for (let i = 0; i < 2; i++) {
        await finishInterruptedMove(folder, 5, NOW_MS);
        expect(await readdir(folder)).toEqual(Object.keys(STEPS[3]!).sort());
        expect(await readFile(join(folder, 'rkvd-5', 'name'), 'utf8')).toBe('next');
        expect(await readFile(join(folder, 'rkvd-5.old-1Z', 'name'), 'utf8')).toBe('old');
      }
    },
  );

  it.each(['', '../elsewhere', 'rkvd-4.old-1Z', 'rkvd-5.old-1Z/../../x'])(
    'moves nothing to where a doctored mark says (%j)',
    async (mark) => {
      await mkdir(join(folder, 'rkvd-5'));
      await mkdir(join(folder, 'rkvd-5.next'));
      await writeFile(join(folder, 'rkvd-5.moving'), mark);
      await finishInterruptedMove(folder, 5, NOW_MS);
      expect(await readdir(folder)).toEqual(['rkvd-5', 'rkvd-5.old-2026-01-31T10-20-30Z']);
    },
  );

  it('says what is wrong where a file is in the way', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(prepareDataDirectory(join(folder, 'file'), 1, false)).rejects.toThrow(StorageOpenError);
    await expect(prepareDataDirectory(join(folder, 'file'), 1, false)).rejects.toThrow(/and moved \(E[A-Z]+: /);
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
