import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAMAGES, type ServerData } from '../damage/damages.ts';
import { checkBinding } from '../server/identity/binding.ts';
import { IdentityFile, lastIdentity } from '../server/identity/identityFile.ts';
import { openLevelLogStore, promisedFile } from '../server/storage/openLogStore.ts';
import { batch, command, hard, Listener, randomFrom } from '../server/storage/testing.ts';
import { inspect } from './inspection.ts';

/** More than is stored in one piece. */
const LARGE_BYTES = 6 * 1024 * 1024;
const TEST_MS = 120_000;

let folder: string;
let scenes: { readonly older: ServerData; readonly final: ServerData; readonly other: ServerData };

const dataIn = (name: string): ServerData => ({
  folder: join(folder, name),
  promised: promisedFile(join(folder, name)),
});

function copy(from: ServerData, to: ServerData): void {
  cpSync(from.folder, to.folder, { recursive: true });
  cpSync(from.promised, to.promised);
}

async function write(location: string, first: number, last: number, bytes: number): Promise<void> {
  const listener = new Listener();
  const { store, bind } = await openLevelLogStore(location, listener, { cacheEntries: 100 });
  if (first === 1) {
    const identity = IdentityFile.open(location, 1, 'etcd', false);
    await bind(identity.startName);
    identity.noteBound();
    identity.change({ stage: 'member', cluster: 'c' });
  }
  for (let index = first; index <= last; index++) {
    const data = 'x'.repeat(index === last ? bytes : 50);
    store.persist(batch(index, { entries: [command(index, 1, data)], hardState: hard(1, 1, index - 1) }));
    await listener.until(() => listener.marks.includes(index) || listener.failures.length > 0);
  }
  await store.close();
}

/** What a start says: the name of its refusal, or where the log ends. */
async function start(location: string): Promise<string> {
  try {
    const identity = lastIdentity(location);
    const check = {
      checkBinding: (found: Parameters<typeof checkBinding>[2]) => checkBinding(location, identity, found),
    };
    const { store } = await openLevelLogStore(location, new Listener(), { cacheEntries: 100 }, check);
    const { firstIndex, lastIndex } = store;
    await store.close();
    return `${firstIndex} to ${lastIndex}`;
  } catch (error) {
    return (error as Error).name;
  }
}

async function inspected(location: string): Promise<string> {
  const { refusal, log } = await inspect(location);
  return refusal?.error ?? (log === undefined ? '1 to 0' : `${log.first} to ${log.last}`);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rkv-verdicts-'));
  scenes = { older: dataIn('older'), final: dataIn('final'), other: dataIn('other') };
  const { older, final, other } = scenes;
  await write(final.folder, 1, 25, 50);
  copy(final, older);
  // A table of each life before the last.
  await write(final.folder, 26, 35, 50);
  await write(final.folder, 36, 50, LARGE_BYTES);
  await write(other.folder, 1, 15, 50);
  await write(other.folder, 16, 30, 50);
}, TEST_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('what an inspection says of damaged data', () => {
  it.each(
    DAMAGES.filter(({ needsServer }) => needsServer !== true).map((kind, seed) => [kind.name, kind, seed] as const),
  )(
    'is what a start says: %s',
    async (_, kind, seed) => {
      const data = dataIn(`rkvd-${seed}`);
      copy(scenes.final, data);
      expect(await kind.apply({ ...scenes, data, random: randomFrom(seed) })).toBe(true);
      const said = await inspected(data.folder).catch((error: Error) => error.name);
      const started = await start(data.folder);
      // An emptied folder is nobody's, and a start says what it should hold.
      if (said === 'FolderError') expect(['LostWritesError', 'OtherStartError']).toContain(started);
      else expect(said).toBe(started);
    },
    TEST_MS,
  );
});
