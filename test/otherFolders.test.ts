import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readIdentity, sealIdentity } from '../src/server/identity/identityFile.ts';
import { JOURNAL_BLOCK_BYTES, SLOT_BYTES } from '../src/server/storage/journalEntry.ts';
import { VERSION_KEY } from '../src/server/storage/keys.ts';
import { encodeSlot, entriesIn } from '../src/server/storage/testing.ts';
import { keysOf, ownWorlds } from './setup/handStarted.ts';

const REFUSED = 3;
const TEST_MS = 240_000;

const world = ownWorlds();

it(
  'folders of another server, another cluster and another backend are refused by name',
  async () => {
    const one = await world('hashicorp');
    const other = await world('hashicorp');
    one.startAll();
    other.startAll();
    await one.put(0, 20);
    await other.put(0, 10);
    const id = ((await one.leader()) % 3) + 1;
    await one.stop(id);
    renameSync(one.data(id), `${one.data(id)}.kept`);

    const neighbour = (id % 3) + 1;
    await other.stop(neighbour);
    await other.stop(id);
    const swap = (from: string) => {
      one.lose(id);
      cpSync(from, one.data(id), { recursive: true });
      if (existsSync(`${from}.promised`)) cpSync(`${from}.promised`, `${one.data(id)}.promised`);
    };
    swap(other.data(neighbour));
    const anothers = one.start(id, '-recover');
    expect(await anothers.exit()).toBe(REFUSED);
    expect(anothers.printed).toContain(`was written by server ${neighbour}, this is server ${id}`);

    swap(other.data(id));
    const foreign = one.start(id, '-recover');
    expect(await foreign.exit()).toBe(REFUSED);
    expect(foreign.printed).toContain('this folder belongs to another cluster');

    swap(`${one.data(id)}.kept`);
    const backend = 'gorums';
    const misread = one.start(id, '-recover', '-backend', backend);
    expect(await misread.exit()).toBe(REFUSED);
    expect(misread.printed).toContain(`was written by the hashicorp backend`);
    await one.put(20, 20);
    const client = one.client();
    for (const key of [0, 19, 39]) expect(await client.lookup(`k${key}`)).toBe(`${key}`);
    client.close();
  },
  TEST_MS,
);

it(
  'an older copy of a folder is refused, and one command brings the server back',
  async () => {
    const one = await world('gorums');
    one.startAll();
    await one.put(0, 20);
    const id = ((await one.leader()) % 3) + 1;
    await one.stop(id);
    const copies = [one.data(id), `${one.data(id)}.promised`].filter(existsSync);
    for (const path of copies) cpSync(path, `${path}.copy`, { recursive: true });
    one.start(id, '-recover');
    await one.put(20, 20);
    await keysOf(one, id).toBe(40);
    await one.stop(id);
    // Beside the present identity, which the others know, it was taken for the present folder; so was nothing at all.
    const identity = readFileSync(join(one.data(id), 'identity.json'));
    const restored = copies.map((path) => [`${path}.copy`, path] as const);
    for (const [parts, words] of [
      [restored, 'all but identity.json is older'],
      [[], 'all but identity.json is gone, or older'],
    ] as const) {
      one.lose(id);
      for (const [from, to] of parts) cpSync(from, to, { recursive: true });
      mkdirSync(one.data(id), { recursive: true });
      writeFileSync(join(one.data(id), 'identity.json'), identity);
      for (let i = 0; i < 2; i++) {
        const mixed = one.start(id, '-recover');
        expect(await mixed.exit()).toBe(REFUSED);
        expect(mixed.printed).toContain(words);
        expect(mixed.printed).not.toContain('nothing to recover');
      }
    }
    one.lose(id);
    for (const path of copies) renameSync(`${path}.copy`, path);
    // However often it is started, it does not grow out of it.
    const refuse = async () => {
      for (let i = 0; i < 3; i++) {
        const older = one.start(id, '-recover');
        expect(await older.exit()).toBe(REFUSED);
        expect(older.printed).toContain('older copy');
      }
    };
    await refuse();
    // Nor where it takes part while nobody is there who knows better, and these come back.
    const others = [1, 2, 3].filter((each) => each !== id);
    for (const other of others) await one.stop(other);
    for (let i = 0; i < 3; i++) {
      const alone = one.start(id, '-recover');
      await alone.says(/serving/);
      await one.stop(id);
    }
    const alone = one.start(id, '-recover');
    await alone.says(/serving/);
    for (const other of others) one.start(other, '-recover');
    expect(await alone.exit()).toBe(REFUSED);
    expect(alone.printed).toContain('older copy');
    await refuse();
    const back = one.start(id, '-rejoin');
    await back.says(/admitted: goes on/);
    await keysOf(one, id).toBe(40);
  },
  TEST_MS,
);

it(
  'a copy made while the folder was new, beside the promise file of what came after it, went on under -rejoin',
  async () => {
    const one = await world('gorums');
    const early = one.start(3);
    await early.says(/a new folder/);
    await early.says(/serving/);
    await one.stop(3);
    cpSync(one.data(3), `${one.data(3)}.copy`, { recursive: true });
    one.startAll();
    await one.put(0, 20);
    await keysOf(one, 3).toBe(20);
    await one.stop(3);
    rmSync(one.data(3), { recursive: true });
    renameSync(`${one.data(3)}.copy`, one.data(3));
    const newer = one.start(3, '-recover');
    expect(await newer.exit()).toBe(REFUSED);
    // Few writes may all stand in the promise file still, which then gives them back to a folder that should have none.
    expect(newer.printed).toMatch(/was promised|never took part/);
    const back = one.start(3, '-rejoin');
    await back.says(/admitted: goes on/);
    await keysOf(one, 3).toBe(20);
  },
  TEST_MS,
);

it(
  'a copy of a folder from before it took part is refused also by those that it never had to speak to',
  async () => {
    // Followers of this engine have nothing to say to each other.
    const one = await world('hashicorp');
    const early = one.start(3);
    await early.says(/a new folder/);
    await one.stop(3);
    const copies = [one.data(3), `${one.data(3)}.promised`].filter(existsSync);
    for (const path of copies) cpSync(path, `${path}.copy`, { recursive: true });
    // Server 1 founds and leads; the other two never stand, and so never dial each other.
    one.start(1);
    for (const id of [2, 3]) one.start(id, '-election', '60s');
    await one.put(0, 20);
    await keysOf(one, 3).toBe(20);
    for (const id of [1, 3]) await one.stop(id);
    one.lose(3);
    for (const path of copies) renameSync(`${path}.copy`, path);
    const copy = one.start(3, '-recover');
    expect(await copy.exit()).toBe(REFUSED);
    expect(copy.printed).toContain('server 2 refuses this server');
  },
  TEST_MS,
);

it(
  'servers that speak in unary calls refuse each other alike',
  async () => {
    const one = await world('gorums', { flags: ['-ordergorums=false'] });
    one.startAll();
    await one.put(0, 20);
    const id = ((await one.leader()) % 3) + 1;
    await one.stop(id);
    const path = join(one.data(id), 'identity.json');
    const { checksum: _, ...identity } = readIdentity(one.data(id))!;
    writeFileSync(path, JSON.stringify(sealIdentity({ ...identity, cluster: 'f'.repeat(32) })));
    const foreign = one.start(id, '-recover');
    expect(await foreign.exit()).toBe(REFUSED);
    expect(foreign.printed).toContain('another cluster');
    writeFileSync(path, JSON.stringify(sealIdentity(identity)));
    one.start(id, '-recover');
    await one.put(20, 20);
    await keysOf(one, id).toBe(40);
  },
  TEST_MS,
);

/** As a version left it that had two slots in place of a journal, and bound nothing to a start. */
function unbind(location: string): void {
  const path = `${location}.promised`;
  const bytes = new Uint8Array(2 * SLOT_BYTES);
  entriesIn(readFileSync(path), JOURNAL_BLOCK_BYTES)
    .slice(-2)
    .forEach(({ storeId, sequence, checksum, operations }, i) => {
      // The server was killed: the database may lack the end.
      const records = operations.flatMap(({ key, value }) =>
        value === null || key === VERSION_KEY ? [] : [{ value }],
      );
      bytes.set(encodeSlot(storeId, undefined, sequence, checksum, records), i * SLOT_BYTES);
    });
  writeFileSync(path, bytes);
}

it(
  'folders of earlier versions, without an identity or with nothing that is bound to it, are taken over',
  async () => {
    const one = await world('gorums');
    one.startAll();
    await one.put(0, 20);
    const stopAll = async () => {
      for (const id of [1, 2, 3]) await one.stop(id);
    };
    await stopAll();
    for (const id of [1, 2, 3]) {
      unbind(one.data(id));
      rmSync(join(one.data(id), 'identity.json'));
    }
    one.startAll('-recover');
    await one.put(20, 20);
    for (const id of [1, 2, 3]) {
      expect(one.servers.get(id)!.printed).toContain('data of a version without identities');
      await keysOf(one, id).toBe(40);
    }
    await stopAll();
    for (const id of [1, 2, 3]) {
      unbind(one.data(id));
      const { checksum: _, ...identity } = readIdentity(one.data(id))!;
      expect(identity.format).toBe(2);
      writeFileSync(join(one.data(id), 'identity.json'), JSON.stringify(sealIdentity({ ...identity, format: 1 })));
    }
    one.startAll('-recover');
    await one.put(40, 20);
    for (const id of [1, 2, 3]) {
      await keysOf(one, id).toBe(60);
      expect(readIdentity(one.data(id))!.format).toBe(2);
    }
  },
  TEST_MS,
);
