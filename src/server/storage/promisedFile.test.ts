import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LostWritesError, UnknownPromiseError } from './contract.ts';
import { StorageOpenError } from './levelDisk.ts';
import { openLevelLogStore, promisedFile } from './openLogStore.ts';
import { PROMISED_SLOT_BYTES } from './promisedSlot.ts';
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

  /** Appends until the log has `count` entries, as it stands on disk while the store is still open. */
  async function copyOfRunning(count: number, name: string): Promise<void> {
    const { store, listener } = await open();
    for (let index = store.lastIndex + 1; index <= count; index++) {
      store.persist(batch(index, { entries: [command(index, 1, 'x'.repeat(500))], hardState: hard(1) }));
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
    await copyOfRunning(50, 'killed');
    await useCopy('killed');
    const { store, report } = await open();
    expect(report).toMatchObject({ lastIndex: 50, dropped: [] });
    await store.close();
  });

  it('misses what a start found, from the start on', async () => {
    await copyOfRunning(50, 'before');
    await useCopy('before');
    await copyOfRunning(51, 'whole');
    // As a crash leaves it that kept the last write, and not its slot.
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

  it.each([
    ['is deleted', (log: string) => rm(log)],
    ['is cut', async (log: string) => truncate(log, (await stat(log)).size >> 1)],
    [
      'has a flipped bit',
      async (log: string) => {
        const bytes = await readFile(log);
        bytes[bytes.length - 9000]! ^= 1;
        await writeFile(log, bytes);
      },
    ],
  ])("refuses to start where LevelDB's log %s", async (_, damage) => {
    await copyOfRunning(50, 'killed');
    await damage(await logOf('killed'));
    await useCopy('killed');
    await expect(open()).rejects.toThrow(LostWritesError);
  });

  it('refuses an older copy of the folder, an emptied one and none', async () => {
    await copyOfRunning(20, 'old');
    await copyOfRunning(40, 'new');
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

  it('keeps the size of the promise file, and keeps others from reading it', async () => {
    await copyOfRunning(20, 'copy');
    const { size, mode } = await stat(promisedFile(location));
    expect(size).toBe(2 * PROMISED_SLOT_BYTES);
    expect(mode & 0o777).toBe(0o600);
  });

  it('says what is wrong where something else has its name', async () => {
    const file = promisedFile(location);
    execFileSync('mkfifo', [file]);
    await expect(open()).rejects.toThrow(StorageOpenError);
    await expect(open()).rejects.toThrow(/it is no regular file/);
    await rm(file);
    await symlink(join(folder, 'elsewhere'), file);
    await expect(open()).rejects.toThrow(StorageOpenError);
    await rm(file);
    await mkdir(file);
    await expect(open()).rejects.toThrow(StorageOpenError);
  });
});
