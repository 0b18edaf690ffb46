import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../consensus/contract.ts';
import { Entry, EntryType } from '../consensus/entry.ts';
import { MemoryContent } from '../consensus/snapshotContent.ts';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { IdentityFile } from '../server/identity/identityFile.ts';
import { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import { UnknownFormatError } from '../server/storage/contract.ts';
import { PROMISED_KEY, VERSION_KEY } from '../server/storage/keys.ts';
import { LevelDisk } from '../server/storage/levelDisk.ts';
import { openLevelLogStore, promisedFile } from '../server/storage/openLogStore.ts';
import { batch, command, commands, hard, Listener } from '../server/storage/testing.ts';
import { encodeVersion } from '../server/storage/version.ts';
import { CommandType, encodeCommand } from '../wire/command.ts';
import { FolderError, FolderInUseError } from './folder.ts';
import { type Inspection, inspect } from './inspection.ts';

let folder: string;
let location: string;
ownFolder('inspection', (made) => {
  folder = made;
  location = join(folder, 'rkvd-2');
});

const CLUSTER = 'c'.repeat(32);

async function open(name = location) {
  const listener = new Listener();
  const opened = await openLevelLogStore(name, listener, { cacheEntries: 1000 });
  const write = async (parts: Parameters<typeof batch>[1]) => {
    const mark = (listener.marks[listener.marks.length - 1] ?? 0) + 1;
    opened.store.persist(batch(mark, parts));
    await listener.until(() => listener.marks.includes(mark) || listener.failures.length > 0);
  };
  return { ...opened, listener, write };
}

/** As a server does when it becomes a member. */
async function becomeMember({ bind }: Awaited<ReturnType<typeof open>>, name = location) {
  const identity = IdentityFile.open(name, 2, 'etcd', false);
  await bind(identity.startName);
  identity.noteBound();
  identity.change({ stage: 'member', cluster: CLUSTER });
  return identity;
}

/** A member's folder with a log of 30 entries in two terms, a write each, that was closed. */
async function filled(bytes = 100) {
  const opened = await open();
  await becomeMember(opened);
  for (let index = 1; index <= 30; index++) {
    const term = index <= 10 ? 1 : 4;
    await opened.write({ entries: [command(index, term, 'x'.repeat(bytes))], hardState: hard(term, 3, index - 1) });
  }
  await opened.store.close();
}

/** Everything in and beside the folder, and when it was changed. */
function traces(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    const { mtimeMs, size } = statSync(path);
    found[name] = `${mtimeMs} ${size} ${statSync(path).isFile() ? readFileSync(path).toString('base64') : ''}`;
  }
  return found;
}

/** Has LevelDB put what it has into tables. */
async function reopened() {
  const { store } = await open();
  await store.close();
}

const files = (end: string) =>
  readdirSync(location)
    .filter((name) => name.endsWith(end))
    .sort();

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

const summary = ({ log, hardState, chunks, refusal, damages, mended }: Inspection) => ({
  log,
  hardState,
  chunks: chunks.length,
  refusal: refusal?.error,
  damages: damages.length,
  mended: mended.length,
});

describe('what is in a stopped server’s folder', () => {
  it('is told, and nothing is changed by it', async () => {
    await filled();
    const before = traces();
    const found = await inspect(location);
    expect(traces()).toEqual(before);
    expect(found.identity).toMatchObject({ id: 2, engine: 'etcd', cluster: CLUSTER, stage: 'member', boots: 1 });
    expect(summary(found)).toEqual({
      log: {
        first: 1,
        last: 30,
        terms: [
          { term: 1, first: 1, last: 10 },
          { term: 4, first: 11, last: 30 },
        ],
      },
      hardState: hard(4, 3, 29),
      chunks: 30,
      refusal: undefined,
      damages: 0,
      mended: 0,
    });
    expect(found.chunks[4]).toMatchObject({ first: 5, last: 5, write: 5 });
    expect(found.chunks[4]!.bytes).toBeGreaterThan(100);
    expect(files('.log')).toContain(found.chunks[4]!.file);
    expect(found.journal).toMatchObject({ file: '../rkvd-2.promised', lagging: 0 });
    expect(found.journal!.halves.reduce((sum, { entries }) => sum + entries, 0)).toBeGreaterThan(30);
  });

  it('is the same from tables as from logs', async () => {
    await filled();
    const fromLog = summary(await inspect(location));
    await reopened();
    const found = await inspect(location);
    expect(summary(found)).toEqual(fromLog);
    expect(found.chunks[0]!.file).toMatch(/^\d+\.ldb$/);
  });

  it('is the snapshot, too, and the log behind it', async () => {
    const opened = await open();
    await becomeMember(opened);
    const state = new KeyValueStore();
    const register = new Entry(1, 1, EntryType.Normal, new Uint8Array(0));
    const insert = { type: CommandType.Insert, clientId: 1, clientSeq: 1, key: 'a', value: 'b' } as const;
    const entries = [register, new Entry(2, 1, EntryType.Normal, encodeCommand(insert)), ...commands(3, 9, 1)];
    await opened.write({ entries, hardState: hard(1, 2, 9) });
    for (const entry of entries.slice(0, 2)) state.apply(entry);
    const data = state.snapshot();
    opened.store.storeSnapshot(
      { index: 2, term: 1, configuration: simpleConfiguration([1, 2], [3]), content: new MemoryContent(data) },
      0,
    );
    await opened.listener.until(() => opened.listener.snapshots.length > 0);
    await opened.store.close();
    const found = await inspect(location);
    expect(found.snapshot).toMatchObject({ index: 2, term: 1, bytes: data.length, keys: 1, sessions: 1 });
    expect(found.log).toEqual({ first: 3, last: 9, terms: [{ term: 1, first: 3, last: 9 }] });
    expect(found.chunks).toMatchObject([{ first: 3, last: 9, write: 1 }]);
  });

  it('is of a server that took no part yet as well', async () => {
    const { store } = await open();
    IdentityFile.open(location, 2, 'etcd', false);
    await store.close();
    const found = await inspect(location);
    expect(found).toMatchObject({ identity: { stage: 'new', cluster: '' }, log: undefined, refusal: undefined });
  });

  it('is damaged in a table: file, keys and entries are told, and nothing else is hidden', async () => {
    await filled(2000);
    await reopened();
    const [table] = files('.ldb');
    flip(join(location, table!), 30_000);
    const found = await inspect(location);
    expect(found.refusal).toMatchObject({ error: 'CorruptLogError' });
    expect(found.damages).toHaveLength(1);
    const [{ file, offset, after, before, entries, what }] = found.damages as [Inspection['damages'][number]];
    expect(file).toBe(table);
    expect(what).toMatch(/checksum/);
    expect(offset).toBeLessThanOrEqual(30_000);
    expect([after, before]).toEqual([expect.stringMatching(/^c\d{16}-/), expect.stringMatching(/^c\d{16}-/)]);
    const gone = Array.from({ length: 30 }, (_, i) => i + 1).filter(
      (index) => !found.chunks.some(({ first, last }) => first <= index && index <= last),
    );
    expect(gone.length).toBeGreaterThan(0);
    expect(entries).toEqual({ first: gone[0], last: gone[gone.length - 1] });
  });

  it('is damaged where a table is missing', async () => {
    await filled();
    await reopened();
    const [table] = files('.ldb');
    rmSync(join(location, table!));
    const found = await inspect(location);
    expect(found.damages).toMatchObject([{ file: table, what: expect.stringContaining('missing') }]);
    expect(found.refusal).toMatchObject({ error: 'CorruptLogError' });
  });

  it('is damaged in a value that LevelDB finds whole', async () => {
    await filled();
    await reopened();
    const level = await LevelDisk.open(location);
    const key = level.keys('c')[6]!;
    const value = level.get(key)!.slice();
    value[40]! ^= 1;
    await new Promise<void>((done) => level.write([{ key, value }], true, () => done()));
    await level.close();
    const found = await inspect(location);
    expect(found.damages).toMatchObject([{ key, entries: { first: 7, last: 7 } }]);
    expect(found.damages[0]!.what).toMatch(/checksum expected 0x[0-9a-f]{8}, found 0x/);
    expect(found.refusal?.message).toContain(key);
  });

  it('is mended where the promise file has what the end of a log has lost', async () => {
    await filled();
    const [log] = files('.log').slice(-1);
    const path = join(location, log!);
    const bytes = readFileSync(path);
    flip(path, bytes.length - 300);
    const found = await inspect(location);
    expect(found.refusal).toBeUndefined();
    expect(found.log).toMatchObject({ first: 1, last: 30 });
    expect(found.mended).toMatchObject([{ file: log, what: expect.stringContaining('checksum') }]);
    expect(found.journal!.lagging).toBeGreaterThan(0);
    const { report, restored, store } = await open();
    expect(report.lastIndex).toBe(30);
    expect(restored.length).toBeGreaterThan(0);
    await store.close();
  });

  it.each([
    ['without its promise file', () => rmSync(promisedFile(location)), 'UnknownPromiseError'],
    ['without its identity', () => rmSync(join(location, 'identity.json')), 'OtherStartError'],
    ['with a damaged identity', () => flip(join(location, 'identity.json'), 20), 'IdentityError'],
    ['without CURRENT', () => rmSync(join(location, 'CURRENT')), 'LostWritesError'],
    [
      'emptied but for its identity',
      () => {
        for (const name of readdirSync(location)) if (name !== 'identity.json') rmSync(join(location, name));
      },
      'LostWritesError',
    ],
  ])('is refused %s, by the name that rkvd has for it', async (_, damage, error) => {
    await filled();
    damage();
    expect((await inspect(location)).refusal).toMatchObject({ error });
  });

  it('is refused as an older copy beside a newer promise file', async () => {
    await filled();
    cpSync(location, join(folder, 'copy'), { recursive: true });
    const opened = await open();
    await opened.write({ entries: [command(31, 4)] });
    await opened.store.close();
    // Else the promise file has all that the copy lacks.
    await reopened();
    rmSync(location, { recursive: true });
    cpSync(join(folder, 'copy'), location, { recursive: true });
    const found = await inspect(location);
    expect(found.refusal).toMatchObject({ error: 'LostWritesError', message: expect.stringContaining('was promised') });
    // The promise file says where the log ended, and the copy has no more than it had.
    expect(found.log).toMatchObject({ first: 1, last: 31 });
    expect(found.chunks[found.chunks.length - 1]).toMatchObject({ last: 30 });
  });
});

describe('what is no stopped server’s folder', () => {
  it('is a folder that is in use', async () => {
    const { store } = await open();
    IdentityFile.open(location, 2, 'etcd', false);
    await expect(inspect(location)).rejects.toThrow(FolderInUseError);
    await store.close();
    await inspect(location);
  });

  it('is none, a file, anybody’s, or the one above it', async () => {
    await expect(inspect(location)).rejects.toThrow(FolderError);
    writeFileSync(location, '');
    await expect(inspect(location)).rejects.toThrow('is no folder');
    rmSync(location);
    mkdirSync(location);
    writeFileSync(join(location, 'notes'), '');
    await expect(inspect(location)).rejects.toThrow('is no folder of a server');
    await expect(inspect(dirname(location))).rejects.toThrow(join(folder, basename(location)));
  });

  it('is one with a link in it: nobody knows where that leads', async () => {
    await filled();
    symlinkSync('/dev/zero', join(location, '000099.log'));
    await expect(inspect(location)).rejects.toThrow('000099.log');
  });

  it('is one of another version, which is told apart from damage', async () => {
    await filled();
    await reopened();
    const level = await LevelDisk.open(location);
    await new Promise<void>((done) => level.write([{ key: VERSION_KEY, value: encodeVersion(2) }], true, () => done()));
    expect(level.get(PROMISED_KEY)).toBeDefined();
    await level.close();
    await expect(inspect(location)).rejects.toThrow(UnknownFormatError);
  });
});
