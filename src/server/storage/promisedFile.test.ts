import { execFileSync } from 'node:child_process';
import {
  chown,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { durabilityCalls } from '../../files/testing/durabilityCalls.ts';
import { LostWritesError, RefusedDataError, StorageWriteError, UnknownPromiseError } from './contract.ts';
import { JOURNAL_BLOCK_BYTES, JOURNAL_HALF_BYTES } from './journalEntry.ts';
import { LAG_MS } from './laggingDisk.ts';
import { StorageOpenError } from './levelDisk.ts';
import { type DiskBoundary, openLevelLogStore, promisedFile } from './openLogStore.ts';
import { PromisedFile } from './promisedFile.ts';
import { batch, command, hard, Listener } from './testing.ts';

describe('a store on LevelDB with its promise file', () => {
  let folder: string;
  let location: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-promised-'));
    location = join(folder, 'log');
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const open = async () => {
    const listener = new Listener();
    return { listener, ...(await openLevelLogStore(location, listener, { cacheEntries: 1000 })) };
  };

  /** Appends until the log has `count` entries, as it stands on disk while the store is still open. Where it appended some, LevelDB may lack the last ones. */
  async function copyOfRunning(count: number, name: string, bytes = 500): Promise<void> {
    const { store, listener } = await open();
    for (let index = store.lastIndex + 1; index <= count; index++) {
      store.persist(batch(index, { entries: [command(index, 1, 'x'.repeat(bytes))], hardState: hard(1) }));
      await listener.until(() => listener.marks.includes(index) || listener.failures.length > 0);
    }
    expect(listener.failures).toEqual([]);
    await cp(location, join(folder, name), { recursive: true });
    await cp(promisedFile(location), promisedFile(join(folder, name)));
    await store.close();
  }

  async function useCopy(name: string): Promise<void> {
    await rm(location, { recursive: true });
    await cp(join(folder, name), location, { recursive: true });
    await cp(promisedFile(join(folder, name)), promisedFile(location));
  }

  async function logOf(name: string): Promise<string> {
    return join(folder, name, (await readdir(join(folder, name))).find((file) => file.endsWith('.log'))!);
  }

  it('goes on where the process was killed', async () => {
    const made = await open();
    expect([made.adopted, made.restored]).toEqual([false, []]);
    await made.store.close();
    await copyOfRunning(50, 'killed');
    await useCopy('killed');
    const { store, report } = await open();
    expect(report).toMatchObject({ lastIndex: 50, dropped: [] });
    await store.close();
  });

  it('misses what a start found, from the start on', async () => {
    await copyOfRunning(50, 'before');
    await useCopy('before');
    await copyOfRunning(51, 'killed');
    await useCopy('killed');
    // LevelDB got what it lacked when this was opened.
    await copyOfRunning(51, 'whole');
    // As a crash leaves it that kept the last write, and not its entry.
    await useCopy('whole');
    await cp(promisedFile(join(folder, 'before')), promisedFile(location));
    const { store, report } = await open();
    expect(report.lastIndex).toBe(51);
    await cp(promisedFile(location), join(folder, 'promised'));
    await store.close();
    await useCopy('before');
    await cp(join(folder, 'promised'), promisedFile(location));
    await expect(open()).rejects.toThrow(LostWritesError);
  });

  const damages: [string, (log: string) => Promise<void>][] = [
    ['is deleted', (log) => rm(log)],
    ['is cut', async (log) => truncate(log, (await stat(log)).size >> 1)],
    [
      'has a flipped bit',
      async (log) => {
        const bytes = await readFile(log);
        bytes[bytes.length >> 2]! ^= 1;
        await writeFile(log, bytes);
      },
    ],
  ];
  /** So large that the journal does not go back to the first of fifty, and LevelDB's log does. */
  const LARGE_BYTES = 250_000;

  it.each(damages)(
    "has everything where LevelDB's log %s, and the journal goes back to before that",
    async (_, damage) => {
      await copyOfRunning(50, 'killed');
      await damage(await logOf('killed'));
      await useCopy('killed');
      const { store, report, restored } = await open();
      expect([report.lastIndex, restored.length > 0]).toEqual([50, true]);
      await store.close();
    },
  );

  it.each(damages)("refuses to start where LevelDB's log %s, and the journal does not", async (_, damage) => {
    await copyOfRunning(50, 'killed', LARGE_BYTES);
    await damage(await logOf('killed'));
    await useCopy('killed');
    await expect(open()).rejects.toThrow(RefusedDataError);
  });

  it('refuses an older copy of the folder, an emptied one and none', async () => {
    await copyOfRunning(20, 'old');
    await copyOfRunning(70, 'new', LARGE_BYTES);
    await rm(location, { recursive: true });
    await expect(open()).rejects.toThrow(/write \d+ was promised .* and .*log holds no database/);
    await mkdir(location);
    await expect(open()).rejects.toThrow(LostWritesError);
    expect(await readdir(location)).toEqual([]);
    await cp(join(folder, 'old'), location, { recursive: true });
    await expect(open()).rejects.toThrow(LostWritesError);
  });

  it('refuses to start without the promise file, with half of none, or with an older one', async () => {
    await copyOfRunning(20, 'old');
    await copyOfRunning(40, 'new');
    const file = promisedFile(location);
    await cp(promisedFile(join(folder, 'old')), file);
    await expect(open()).rejects.toThrow(UnknownPromiseError);
    await truncate(file, 100);
    await expect(open()).rejects.toThrow(/is damaged/);
    await rm(file);
    await expect(open()).rejects.toThrow(/log.promised is missing/);
  });

  it('names the start that goes on from it, and makes nothing where it is not to be gone on from', async () => {
    const listener = new Listener();
    const found: (string | undefined)[] = [];
    const checked = (isRight: boolean) =>
      openLevelLogStore(
        location,
        listener,
        { cacheEntries: 10 },
        {
          checkBinding: (binding) => {
            found.push(binding?.life);
            if (!isRight) throw new UnknownPromiseError('not this one');
          },
        },
      );
    await expect(checked(false)).rejects.toThrow('not this one');
    expect(await readdir(folder)).toEqual([]);
    for (const life of ['one', 'two']) {
      const { store, bind } = await checked(true);
      await bind({ boots: 1, life, previous: '' });
      store.persist(batch(store.durableMark + 1, { hardState: hard(1) }));
      await store.close();
    }
    await expect(checked(false)).rejects.toThrow('not this one');
    // Where there is no database it is asked before one is made, too.
    expect(found).toEqual([undefined, undefined, undefined, 'one', 'two']);
    await rm(location, { recursive: true });
    await expect(checked(true)).rejects.toThrow(LostWritesError);
    expect(await readdir(folder)).toEqual(['log.promised']);
  });

  it('looks at nothing that another process may still change: that has the lock', async () => {
    await copyOfRunning(5, 'copy');
    const { store } = await open();
    const checked: unknown[] = [];
    // As it may be read in the middle of what the other one does.
    const file = promisedFile(location);
    const whole = await readFile(file);
    await writeFile(file, 'nothing of ours');
    const second = openLevelLogStore(
      location,
      new Listener(),
      { cacheEntries: 10 },
      { checkBinding: (binding) => checked.push(binding) },
    );
    await expect(second).rejects.toMatchObject({ name: 'StorageOpenError', inUse: true });
    expect(checked).toEqual([]);
    await writeFile(file, whole);
    await store.close();
    await (await open()).store.close();
  });

  it('says what kept its promise file from being opened, and leaves none open that it refuses', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(PromisedFile.open(join(folder, 'file', 'promised'))).rejects.toThrow(
      /expected a file that can be read and written \(ENOTDIR/,
    );
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(PromisedFile.open(pipe)).rejects.toThrow(UnknownPromiseError);
    const open = await readdir('/proc/self/fd').catch(() => []);
    const paths = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    expect(paths).not.toContain(pipe);
  });

  it('is not opened where what was found there cannot be made durable', async () => {
    await copyOfRunning(2, 'copy');
    const full: DiskBoundary = {
      disk: (disk) => ({
        get: (key) => disk.get(key),
        keys: (prefix) => disk.keys(prefix),
        write: (_operations, _sync, done) => setImmediate(done, new Error('full')),
        close: () => disk.close(),
      }),
      area: (area) => area,
    };
    const opened = openLevelLogStore(location, new Listener(), { cacheEntries: 10 }, { boundary: full });
    await expect(opened).rejects.toThrow(StorageOpenError);
    await expect(opened).rejects.toThrow(/make durable what was found there \(full\)$/);
    await (await open()).store.close();
  });

  it('tells LevelDB of several writes at once, a while later, though nothing follows them', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const counts: number[] = [];
      let written = Promise.resolve();
      const counting: DiskBoundary = {
        disk: (disk) => ({
          get: (key) => disk.get(key),
          keys: (prefix) => disk.keys(prefix),
          write: (operations, sync, done) => {
            counts.push(operations.length);
            written = new Promise((resolve) => {
              disk.write(operations, sync, (error) => {
                done(error);
                resolve();
              });
            });
          },
          close: () => disk.close(),
        }),
        area: (area) => area,
      };
      const listener = new Listener();
      const opened = await openLevelLogStore(location, listener, { cacheEntries: 10 }, { boundary: counting });
      const { store } = opened;
      const append = async (index: number) => {
        store.persist(batch(index, { entries: [command(index, 1)] }));
        await listener.until(() => listener.marks.includes(index));
      };
      await append(1);
      vi.advanceTimersByTime(LAG_MS);
      await written;
      counts.length = 0;
      for (const index of [2, 3, 4]) await append(index);
      vi.advanceTimersByTime(LAG_MS - 1);
      expect(counts).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(counts).toEqual([3]);
      await store.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it.skipIf(process.platform !== 'linux')('leaves neither open where it is not to be gone on from', async () => {
    await copyOfRunning(2, 'copy');
    const refused = () => {
      const checkBinding = () => {
        throw new Error('not this one');
      };
      return openLevelLogStore(location, new Listener(), { cacheEntries: 10 }, { checkBinding });
    };
    const isOpen = async () => {
      const fds = await readdir('/proc/self/fd');
      const paths = await Promise.all(fds.map((each) => readlink(`/proc/self/fd/${each}`).catch(() => '')));
      return paths.includes(promisedFile(location));
    };
    await expect(refused()).rejects.toThrow('not this one');
    expect(await isOpen()).toBe(false);
    await rm(location, { recursive: true });
    await expect(open()).rejects.toThrow(LostWritesError);
    expect(await isOpen()).toBe(false);
    // No database was made.
    expect(await readdir(folder)).not.toContain('log');
  });

  it('keeps the size of the promise file, and keeps others from reading it', async () => {
    await copyOfRunning(20, 'copy');
    const { size, mode } = await stat(promisedFile(location));
    expect(size).toBe(2 * JOURNAL_HALF_BYTES);
    expect(mode & 0o777).toBe(0o600);
  });

  it('refuses what else has its name: a pipe there was an error of opening, with which a supervisor starts again and again', async () => {
    const file = promisedFile(location);
    execFileSync('mkfifo', [file]);
    await expect(open()).rejects.toThrow(UnknownPromiseError);
    await expect(open()).rejects.toThrow(/log.promised is a pipe or a device: what these data must hold/);
    await rm(file);
    await symlink(join(folder, 'elsewhere'), file);
    await expect(open()).rejects.toThrow(/is a link/);
    await rm(file);
    await mkdir(file);
    await expect(open()).rejects.toThrow(/is a folder/);
    await expect(open()).rejects.toThrow(UnknownPromiseError);
  });
});

describe('a promise file', () => {
  let path: string;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-promise-'));
    path = join(folder, 'file');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const bytes = (byte: number, length: number) => new Uint8Array(length).fill(byte);
  const created = (file: PromisedFile, ...pieces: Uint8Array[]) =>
    new Promise<Error | null>((resolve) => file.create(pieces, resolve));
  const written = (file: PromisedFile, at: number, ...pieces: Uint8Array[]) =>
    new Promise<Error | null>((resolve) => file.write(at, pieces, resolve));
  async function found(): Promise<Uint8Array | undefined> {
    const file = await PromisedFile.open(path);
    await file.close();
    return file.found;
  }
  /** What it holds from there on, up to the first zero. */
  const holds = async (at: number) => {
    const all = (await found())!;
    return [...all.subarray(at, all.indexOf(0, at))];
  };

  it('is not there until it is made, and holds what was put there last', async () => {
    const file = await PromisedFile.open(path);
    expect([file.name, file.found]).toEqual([path, undefined]);
    expect([file.halfBytes, file.blockBytes]).toEqual([JOURNAL_HALF_BYTES, JOURNAL_BLOCK_BYTES]);
    expect(await readdir(folder)).toEqual([]);
    // As a crash in the middle of making it may leave it.
    await writeFile(`${path}.new`, 'half');
    expect(await created(file, bytes(1, 2), bytes(2, 3))).toBeNull();
    expect(await readdir(folder)).toEqual(['file']);
    expect(await found()).toHaveLength(2 * JOURNAL_HALF_BYTES);
    expect(await holds(0)).toEqual([1, 1, 2, 2, 2]);
    expect(await written(file, JOURNAL_HALF_BYTES, bytes(3, 1), bytes(4, 4))).toBeNull();
    expect(await written(file, 1, bytes(5, 1))).toBeNull();
    expect([await holds(0), await holds(JOURNAL_HALF_BYTES)]).toEqual([
      [1, 5, 2, 2, 2],
      [3, 4, 4, 4, 4],
    ]);
    await file.close();
    await file.close();
  });

  it('is made anew in the place of another, and gives up what it found', async () => {
    await writeFile(path, 'of an earlier version');
    const file = await PromisedFile.open(path);
    expect(Buffer.from(file.found!).toString()).toBe('of an earlier version');
    expect(await created(file, bytes(1, 2))).toBeNull();
    const open = await readdir('/proc/self/fd').catch(() => []);
    const paths = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    expect(paths).not.toContain(`${path} (deleted)`);
    expect(file.found).toBeUndefined();
    expect(await written(file, 2, bytes(7, 2))).toBeNull();
    expect(await holds(0)).toEqual([1, 1, 7, 7]);
    await file.close();
    const again = await PromisedFile.open(path);
    await written(again, 2, bytes(8, 2));
    expect(again.found).toBeUndefined();
    await again.close();
  });

  it('is on the platter before it has its name, and says so when its name is; then what is found there, and each write before that is said', async () => {
    const file = await PromisedFile.open(path);
    const made = await durabilityCalls(() => created(file, bytes(1, 2), bytes(2, 3)));
    const name = 'file.new durably';
    const before = ['remove file.new', `write ${name}`, `sync ${name}`, 'rename file.new file'];
    expect(made).toEqual([...before, `sync ${basename(folder)}`]);
    await file.close();
    const writes = await durabilityCalls(async () => {
      const again = await PromisedFile.open(path);
      await written(again, 0, bytes(3, 1));
      await again.close();
    });
    // What a process left that was killed is made durable before it is relied on.
    expect(writes).toEqual(['sync file durably', `sync ${basename(folder)}`, 'write file durably']);
  });

  it.skipIf(process.platform !== 'linux')('is let go of when it is closed', async () => {
    const isOpen = async () => {
      const open = await Promise.all(
        (await readdir('/proc/self/fd')).map((each) => readlink(`/proc/self/fd/${each}`).catch(() => '')),
      );
      return open.includes(path);
    };
    const file = await PromisedFile.open(path);
    await created(file, bytes(1, 1));
    expect(await isOpen()).toBe(true);
    await file.close();
    expect(await isOpen()).toBe(false);
  });

  it('that is cut is found as it is, and of one that is longer, no more than it ever has', async () => {
    const file = await PromisedFile.open(path);
    await created(file, bytes(1, 2 * JOURNAL_HALF_BYTES));
    await file.close();
    for (const length of [2 * JOURNAL_HALF_BYTES + 1, 2 * JOURNAL_HALF_BYTES, JOURNAL_HALF_BYTES + 7, 9, 0]) {
      await truncate(path, length);
      const all = (await found())!;
      expect(all).toHaveLength(Math.min(length, 2 * JOURNAL_HALF_BYTES));
      expect(all.every((byte) => byte === 1)).toBe(true);
    }
  });

  it('says that it could not be made or written', async () => {
    path = join(folder, 'nowhere', 'file');
    const file = await PromisedFile.open(path);
    const failure = await created(file, bytes(1, 1));
    expect(failure).toBeInstanceOf(StorageWriteError);
    expect(failure!.message).toMatch(/nowhere\/file: ENOENT/);
    path = join(folder, 'file');
    const other = await PromisedFile.open(path);
    expect(await created(other, bytes(1, 1))).toBeNull();
    await other.close();
    const full = await PromisedFile.open('/dev/null').catch((error: unknown) => error);
    expect(full).toBeInstanceOf(UnknownPromiseError);
  });

  it('is not made of less than all of it, and says why a write of it failed', async () => {
    const file = await PromisedFile.open(path);
    const probe = await open(folder);
    const handles = Object.getPrototypeOf(probe);
    await probe.close();
    const { write } = handles;
    handles.write = async () => ({ bytesWritten: 7 });
    try {
      const failure = await created(file, bytes(1, 1));
      expect(failure!.message).toBe(`${path}: wrote 7 of ${2 * JOURNAL_HALF_BYTES} bytes`);
    } finally {
      handles.write = write;
    }
    expect(await readdir(folder)).toEqual(['file.new']);
    await file.close();
    const other = await PromisedFile.open(path);
    expect(await created(other, bytes(1, 1))).toBeNull();
    await other.close();
    const readable = await open(path, 'r');
    Reflect.set(other, 'handle', readable);
    expect((await written(other, 1, bytes(3, 1)))!.message).toMatch(/file: EBADF/);
    await other.close();
  });

  it.skipIf(process.geteuid?.() !== 0)('of another user is not taken for ours', async () => {
    const file = await PromisedFile.open(path);
    await created(file, bytes(1, 1));
    await file.close();
    await chown(path, 1, 1);
    await expect(PromisedFile.open(path)).rejects.toThrow(/belongs to another user/);
  });
});
