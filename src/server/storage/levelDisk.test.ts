import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Level } from 'level';
import { describe, expect, it } from 'vitest';
import { durabilityCalls } from '../../files/testing/durabilityCalls.ts';
import { ownFolder } from '../../files/testing/ownFolder.ts';
import { CorruptLogError, type DiskOperation, StorageWriteError } from './contract.ts';
import { LevelDisk, StorageOpenError } from './levelDisk.ts';

const put = (key: string, ...value: number[]): DiskOperation => ({ key, value: Uint8Array.from(value) });

function written(disk: LevelDisk, operations: readonly DiskOperation[], sync = true): Promise<Error | null> {
  return new Promise((resolve) => disk.write(operations, sync, resolve));
}

interface Synced {
  sync?: boolean;
}

interface Stored {
  _put(key: string, value: Uint8Array, options: Synced): unknown;
}

describe('a disk on LevelDB', () => {
  let folder: string;
  let location: string;
  ownFolder('level-disk', (made) => {
    folder = made;
    location = join(folder, 'log');
  });
  const open = () => LevelDisk.open(location);

  it('keeps what was put and not deleted since, and lists it by prefix until it is written to', async () => {
    const first = await open();
    expect(await written(first, [put('a1', 1), put('b1', 2), put('a2', 3)])).toBeNull();
    expect(await written(first, [{ key: 'a1', value: null }, put('a3')], false)).toBeNull();
    await first.close();
    const disk = await open();
    expect([disk.keys('a'), disk.keys('b'), disk.keys('')]).toEqual([['a2', 'a3'], ['b1'], ['a2', 'a3', 'b1']]);
    const values = ['a1', 'a2', 'a3'].map((key) => disk.get(key));
    expect(values.map((value) => (value === undefined ? 'none' : [...value]))).toEqual(['none', [3], []]);
    await written(disk, [put('c')]);
    expect(() => disk.keys('a')).toThrow('only before the first write');
    await disk.close();
  });

  it('has LevelDB sync what is to be synced, and that alone, a batch as well as a large value by itself', async () => {
    const disk = await open();
    const synced: unknown[] = [];
    const large = { key: 'a', value: new Uint8Array(1 << 20).fill(1) };
    const database = Reflect.get(disk, 'database') as Stored & { batch(): { _write(options: Synced): unknown } };
    const batches = Object.getPrototypeOf(database.batch()) as ReturnType<typeof database.batch>;
    const { _write, _put } = { _write: batches._write, _put: database._put };
    batches._write = function (options) {
      synced.push('batch', options.sync);
      return _write.call(this, options);
    };
    database._put = function (key, value, options) {
      synced.push('value', options.sync);
      return _put.call(this, key, value, options);
    };
    try {
      for (const sync of [true, false]) {
        expect(await written(disk, [large], sync)).toBeNull();
        expect(await written(disk, [put('a', 1)], sync)).toBeNull();
        expect(await written(disk, [large, put('b', 1)], sync)).toBeNull();
        expect(await written(disk, [{ key: 'a', value: null }], sync)).toBeNull();
        expect(await written(disk, [], sync)).toBeNull();
      }
    } finally {
      batches._write = _write;
    }
    const each = (sync: boolean) => ['value', sync, 'batch', sync, 'batch', sync, 'batch', sync];
    expect(synced).toEqual([...each(true), ...each(false)]);
    await disk.close();
  });

  it('syncs every log where nothing is written, or LevelDB has gone on in another one, and its folder where one of them is new', async () => {
    const disk = await open();
    const large = { key: 'a', value: new Uint8Array(1 << 20).fill(1) };
    const calls = (operations: readonly DiskOperation[], sync: boolean) =>
      durabilityCalls(async () => expect(await written(disk, operations, sync)).toBeNull());
    const logs = async () => (await readdir(location)).filter((name) => name.endsWith('.log')).sort();
    const synced = async () => (await logs()).map((name) => `sync ${name}`);
    expect(await calls([large], true)).toEqual([...(await synced()), `sync ${basename(location)}`]);
    // LevelDB did.
    for (const operations of [[put('a', 1)], [large, put('b', 1)]]) expect(await calls(operations, true)).toEqual([]);
    expect(await calls([], true)).toEqual(await synced());
    for (const operations of [[large], [put('a', 1)], []]) expect(await calls(operations, false)).toEqual([]);
    // It goes on in another log after 16 MiB, while what the one before holds may be in no table yet.
    const [first] = await logs();
    for (let i = 0; i < 40 && (await logs()).at(-1) === first; i++) await written(disk, [large], false);
    expect((await calls([put('c')], true)).at(-1)).toBe(`sync ${basename(location)}`);
    expect(await calls([], true)).not.toContain(`sync ${basename(location)}`);
    await disk.close();
  });

  it('syncs every log with each synced write as long as there is more than one', async () => {
    const disk = await open();
    await written(disk, [put('a')]);
    await writeFile(join(location, '000001.log'), '');
    const logs = (await readdir(location)).filter((name) => name.endsWith('.log'));
    await written(disk, [put('a')]);
    const again = await durabilityCalls(() => written(disk, [put('a')]));
    expect(again.sort()).toEqual(logs.map((name) => `sync ${name}`).sort());
    await disk.close();
  });

  it('syncs a log that is gone by then no more, and says what else kept one from being synced', async () => {
    const disk = await open();
    await written(disk, [put('a')]);
    const [log] = (await readdir(location)).filter((name) => name.endsWith('.log'));
    await rm(join(location, log!));
    await symlink('nowhere', join(location, log!));
    expect(await written(disk, [], true)).toBeNull();
    await rm(join(location, log!));
    await symlink(log!, join(location, log!));
    expect((await written(disk, [], true))?.message).toMatch(/ELOOP/);
    await disk.close();
  });

  it('carries out writes in their order, one at a time, and says so in that order', async () => {
    const disk = await open();
    const done: number[] = [];
    const all = Array.from({ length: 40 }, (_, i) => {
      // Large and small ones by turns: threads of their own would finish the small ones first.
      const value = new Uint8Array(i % 2 === 0 ? 100_000 : 1).fill(i);
      return new Promise<void>((resolve) => {
        disk.write([{ key: 'k', value }], i % 3 === 0, (error) => {
          expect(error).toBeNull();
          expect(disk.get('k')![0]).toBeGreaterThanOrEqual(i);
          done.push(i);
          resolve();
        });
      });
    });
    await Promise.all(all);
    expect(done).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect([...disk.get('k')!]).toEqual([39]);
    await disk.close();
  });

  it('says of each write that it failed, and goes on with the next', async () => {
    const disk = await open();
    await disk.close();
    for (const error of await Promise.all([written(disk, [put('a')]), written(disk, [put('b')])])) {
      expect(error).toBeInstanceOf(StorageWriteError);
      expect(error!.message).toBe('LevelDB: Database is not open');
    }
  });

  it('names the innermost cause: what is around it says no more than that something failed', async () => {
    const disk = await open();
    Reflect.get(disk, 'database').batch = () => {
      throw new Error('the batch failed', { cause: new Error('no space left') });
    };
    expect((await written(disk, [put('a')]))!.message).toBe('LevelDB: no space left');
    Reflect.get(disk, 'database').batch = () => {
      throw 'words alone';
    };
    expect((await written(disk, [put('a')]))!.message).toBe('LevelDB: words alone');
    await disk.close();
  });

  it('says that LevelDB finds its files damaged, and lets go of them where it cannot read them', async () => {
    await (await open()).close();
    const failing = async (cause: object) => {
      const { keys } = Level.prototype;
      Level.prototype.keys = () => {
        throw Object.assign(new Error('it failed'), { cause: Object.assign(new Error('bad block'), cause) });
      };
      try {
        return await open().catch((error: Error) => error);
      } finally {
        Level.prototype.keys = keys;
      }
    };
    const damaged = await failing({ code: 'LEVEL_CORRUPTION' });
    expect(damaged).toBeInstanceOf(CorruptLogError);
    expect((damaged as Error).message).toMatch(/damaged \(bad block\)$/);
    const unreadable = await failing({ code: 5 });
    expect(unreadable).toBeInstanceOf(StorageOpenError);
    expect((unreadable as Error).message).toMatch(/can be read and written \(bad block\)$/);
    // It holds no lock on them.
    await (await open()).close();
  });

  it('opens nothing where a link stands among the files', async () => {
    await (await open()).close();
    await symlink('elsewhere', join(folder, 'log', '000099.ldb'));
    await expect(open()).rejects.toThrow('expected regular files only, but 000099.ldb is a link, a pipe or a device');
    await rm(join(folder, 'log', '000099.ldb'));
    await (await open()).close();
  });

  it('makes no database where it is not to', async () => {
    await expect(LevelDisk.open(join(folder, 'log'), { createIfMissing: false })).rejects.toThrow(StorageOpenError);
    await (await open()).close();
    await (await LevelDisk.open(join(folder, 'log'), { createIfMissing: false })).close();
  });

  it('tells a folder that another process uses from one that cannot be used', async () => {
    const disk = await open();
    // What its user is about to change is not damaged.
    const current = await readFile(join(folder, 'log', 'CURRENT'));
    await writeFile(join(folder, 'log', 'CURRENT'), '');
    await expect(open()).rejects.toMatchObject({ inUse: true });
    await writeFile(join(folder, 'log', 'CURRENT'), current);
    await expect(open()).rejects.toMatchObject({ inUse: true, location: join(folder, 'log') });
    await disk.close();
    await mkdir(join(folder, 'other'));
    await writeFile(join(folder, 'other', 'file'), '');
    await expect(LevelDisk.open(join(folder, 'other', 'file'))).rejects.toMatchObject({ inUse: false });
  });
});
