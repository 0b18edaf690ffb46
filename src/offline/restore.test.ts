import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../consensus/entry.ts';
import { contentBytes } from '../consensus/snapshotContent.ts';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { passes } from '../server/identity/fences.ts';
import { introductionOf, misfitOf } from '../server/identity/identity.ts';
import { lastIdentity } from '../server/identity/identityFile.ts';
import { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import { openLevelLogStore } from '../server/storage/openLogStore.ts';
import { Listener } from '../server/storage/testing.ts';
import { CommandType, encodeCommand } from '../wire/command.ts';
import { encodeFence } from '../wire/fence.ts';
import { PieceMaker } from '../wire/snapshotPieces.ts';
import { OfflineError } from './errors.ts';
import { inspect } from './inspection.ts';
import { INDEX_DISTANCE, INDEX_SPREAD, restore } from './restore.ts';
import { SnapshotFileError, SnapshotFileWriter } from './snapshotFile.ts';

let folder: string;
let file: string;
ownFolder('restore', (made) => {
  folder = made;
  file = join(folder, 'state.snapshot');
});

const data = (id: number) => join(folder, `server-${id}`);
const servers = (...ids: number[]) => ids.map((id) => ({ id, dataDirectory: data(id) }));
const location = (id: number) => join(data(id), `rkvd-${id}`);

/** A state with a session, two keys, and a fence of server 1 that names a folder of the old cluster. */
function state(): KeyValueStore {
  const store = new KeyValueStore();
  const apply = (index: number, command: Uint8Array) => store.apply(new Entry(index, 2, EntryType.Normal, command));
  apply(1, new Uint8Array(0));
  const insert = (clientSeq: number, key: string) =>
    encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq, key, value: `of ${key}` });
  apply(2, insert(1, 'a'));
  apply(3, insert(2, 'b'));
  apply(4, encodeFence({ id: 1, instance: 'f'.repeat(32) }));
  return store;
}

async function save({ bytes = state().snapshot(), index = 4, stateBytes = 0 } = {}): Promise<void> {
  const writer = await SnapshotFileWriter.create(file);
  const maker = new PieceMaker();
  const rest = { stateVersion: 4, keys: 2, sessions: 2, voters: [1], learners: [], cluster: 'old', server: 1 };
  const head = { index, term: 2, stateBytes: stateBytes || bytes.length, backend: 'gorums', takenMs: 0, ...rest };
  await writer.write(maker.head(head));
  await writer.write(maker.piece(Buffer.from(bytes)));
  await writer.finish();
}

describe('a new cluster from a snapshot', () => {
  it('is one folder for each server, which is whole, and has the state', async () => {
    await save();
    const made = await restore(file, 'etcd', servers(1, 2, 3, 4, 5));
    expect(made.head.cluster).toBe('old');
    expect(made.index).toBeGreaterThanOrEqual(4 + INDEX_DISTANCE);
    expect(made.index).toBeLessThan(4 + INDEX_DISTANCE + INDEX_SPREAD);
    expect(made.folders).toEqual([1, 2, 3, 4, 5].map(location));
    for (const id of [1, 2, 3, 4, 5]) {
      expect(readdirSync(data(id)).sort()).toEqual([`rkvd-${id}`, `rkvd-${id}.promised`]);
      const found = await inspect(location(id));
      expect(found).toMatchObject({
        identity: { id, engine: 'etcd', cluster: made.cluster, stage: 'member', admitted: made.index },
        hardState: { term: 2, vote: id, commit: made.index },
        log: { first: made.index + 1, last: made.index, terms: [] },
        snapshot: { index: made.index, term: 2, keys: 2, configuration: { voters: [1, 2, 3, 4, 5], learners: [] } },
        refusal: undefined,
      });
    }
    const { store } = await openLevelLogStore(location(3), new Listener(), { cacheEntries: 10 });
    const restored = new KeyValueStore();
    restored.restore(contentBytes(store.snapshot()!.content));
    expect([restored.get('a'), restored.get('b'), restored.get('c')]).toEqual(['of a', 'of b', undefined]);
    await store.close();
  });

  it('knows its servers by their folders, and nobody of another cluster', async () => {
    await save();
    await restore(file, 'etcd', servers(1, 2));
    const [one, two] = [1, 2].map((id) => lastIdentity(location(id))!) as [
      NonNullable<ReturnType<typeof lastIdentity>>,
      NonNullable<ReturnType<typeof lastIdentity>>,
    ];
    expect(misfitOf(one, introductionOf(two))).toBeUndefined();
    expect(misfitOf(two, introductionOf(one))).toBeUndefined();
    expect(misfitOf(one, { ...introductionOf(two), cluster: 'old' })).toBe('other-cluster');
    expect(misfitOf(one, { ...introductionOf(two), instance: 'another' })).toBe('forgotten');
  });

  it('of a sparse file that says it has a terabyte of state ended in a RangeError', async () => {
    const stateBytes = 2 ** 40;
    await save({ stateBytes });
    truncateSync(file, stateBytes + 1000);
    const words = `${file}, byte 15: its head says ${stateBytes} bytes of state, expected no more than this program can hold`;
    await expect(restore(file, 'etcd', servers(1))).rejects.toThrow(words);
    await expect(restore(file, 'etcd', servers(1))).rejects.toThrow(SnapshotFileError);
    expect(existsSync(data(1))).toBe(false);
  });

  it('does not keep its servers out by a fence of the old cluster', async () => {
    await save();
    await restore(file, 'etcd', servers(1));
    expect(passes(state().fences.get(1), lastIdentity(location(1))!)).toBe(true);
  });

  it('is another one each time', async () => {
    await save();
    const one = await restore(file, 'etcd', servers(1));
    const other = await restore(file, 'etcd', servers(2));
    expect(one.cluster).not.toBe(other.cluster);
    // Ids of sessions are indexes: a client of one may come to the other.
    expect(Math.abs(one.index - other.index)).toBeGreaterThan(1_000_000);
  });

  it.each(['rkvd-2', 'rkvd-2.promised', 'rkvd-2.next', 'rkvd-2.moving'])(
    'takes the place of no data: with %s nothing is made',
    async (name) => {
      await save();
      mkdirSync(data(2));
      writeFileSync(join(data(2), name), 'mine');
      await expect(restore(file, 'etcd', servers(1, 2))).rejects.toThrow(OfflineError);
      expect(existsSync(data(1))).toBe(false);
      expect(readdirSync(data(2))).toEqual([name]);
    },
  );

  it('is made of all servers or of none', async () => {
    await save();
    writeFileSync(data(2), 'a file in the way');
    await expect(restore(file, 'etcd', servers(1, 2))).rejects.toThrow();
    expect(readdirSync(data(1))).toEqual([]);
    // What a crash leaves does not matter.
    mkdirSync(join(data(1), 'rkvd-1.restoring'));
    writeFileSync(join(data(1), 'rkvd-1.restoring', 'CURRENT'), 'half');
    await restore(file, 'etcd', servers(1));
    expect(readdirSync(data(1)).sort()).toEqual(['rkvd-1', 'rkvd-1.promised']);
  });

  it('is not made where the disk does not take it, which is told in words', async () => {
    await save();
    mkdirSync(data(1));
    // A folder in the place where the promise file is made.
    mkdirSync(join(data(1), 'rkvd-1.restoring.promised.new', 'x'), { recursive: true });
    await expect(restore(file, 'etcd', servers(1))).rejects.toThrow(OfflineError);
    expect(readdirSync(data(1))).toEqual(['rkvd-1.restoring.promised.new']);
  });

  it('is made of no state that its servers could not start from', async () => {
    const bytes = state().snapshot();
    bytes[0] = 9;
    await save({ bytes });
    await expect(restore(file, 'etcd', servers(1))).rejects.toThrow(SnapshotFileError);
    await expect(restore(file, 'etcd', servers(1))).rejects.toThrow(/snapshot version 9, expected 4/);
    expect(existsSync(data(1))).toBe(false);
  });

  it('is made of no log that has come to the end of numbers', async () => {
    await save({ index: Number.MAX_SAFE_INTEGER - 5 });
    await expect(restore(file, 'etcd', servers(1))).rejects.toThrow('2^53 - 1 - 2^40');
  });
});
