import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Program, runProgram } from '../src/chaos/cycles/programs.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { clientChannelOptions, openChannel } from '../src/net/endpoints/channels.ts';
import { NO_SECURITY } from '../src/net/endpoints/security.ts';
import { RKVClient } from '../src/wire/generated/rkv.ts';
import { keysOf, ownWorlds, type World } from './setup/handStarted.ts';

const REFUSED = 3;
/** Six servers, on a machine that may be busy. */
const TEST_MS = 600_000;

const world = ownWorlds();
let folder: string;
ownFolder('snapshots', (made) => {
  folder = made;
});

const rkvctl = (...args: string[]) => runProgram('rkvctl', args, { folder, environment: {} });

async function values(one: World, count: number): Promise<(string | undefined)[]> {
  const client = one.client();
  try {
    return await Promise.all(Array.from({ length: count }, (_, key) => client.lookup(`k${key}`)));
  } finally {
    client.close();
  }
}

/** Inserts under `own` as a client that has a session already does, which our client library has no way to. */
async function insertInto(
  one: World,
): Promise<(clientID: number, clientSeq: number, value: string) => Promise<unknown>> {
  const address = one.addresses[(await one.leader()) - 1]!;
  return (clientID, clientSeq, value) => {
    const client = openChannel(RKVClient, address, clientChannelOptions(1 << 20), NO_SECURITY);
    return new Promise((done) =>
      client.insert({ clientID, clientSeq, key: 'own', value }, (error) => {
        client.close();
        done(error === null ? 'ok' : error.code);
      }),
    );
  };
}

const until = (end: number, count: number) =>
  Array.from({ length: count }, (_, key) => (key < end ? String(key) : undefined));

describe('a snapshot', () => {
  it(
    'of a running cluster makes another one, of another size and engine, which goes on from there and is taken for the old one by nobody',
    async () => {
      const old = await world('hashicorp', { servers: 3 });
      old.startAll();
      await old.put(0, 30);
      const client = old.client();
      const session = await client.openSession();
      await session.insert('own', '1');
      const saved = await rkvctl('snapshot', 'save', 'state.snapshot', '-cluster', old.addresses.join());
      expect(saved, saved.err).toMatchObject({ code: 0 });
      expect(saved.out).toMatch(
        /^state\.snapshot: index [\d,]+, term \d+: 31 keys and 2 sessions in [\d,]+ bytes, from server \d at /,
      );
      await old.put(30, 10);
      const later = await client.openSession();
      client.close();

      const told = await rkvctl('snapshot', 'status', 'state.snapshot', '-json');
      expect(told).toMatchObject({ code: 0 });
      expect(JSON.parse(told.out)).toMatchObject({ keys: 31, sessions: 2, voters: [1, 2, 3], backend: 'hashicorp' });

      const made = await world('etcd', { servers: 3, members: [1, 2] });
      const members = ['-members', '1,2', '-backend', 'etcd'];
      const restored = await rkvctl('snapshot', 'restore', 'state.snapshot', '-datadir', made.folder, ...members);
      expect(restored, restored.err).toMatchObject({ code: 0 });
      made.startAll('-recover');
      expect(await values(made, 40)).toEqual(until(30, 40));
      expect(await values(old, 40)).toEqual(until(40, 40));
      await made.put(40, 5);
      for (const id of [1, 2]) await keysOf(made, id).toBe(36);

      // A session goes on with what it had done, and nobody else gets an id that the old cluster gave after the snapshot.
      const insert = await insertInto(made);
      expect(await insert(session.id, 1, 'again')).toBe('ok');
      const clientOfNew = made.client();
      expect(await clientOfNew.lookup('own')).toBe('1');
      expect(await insert(session.id, 2, '2')).toBe('ok');
      expect(await clientOfNew.lookup('own')).toBe('2');
      expect(await insert(later.id, 1, '3')).toBe(status.NOT_FOUND);
      const another = await clientOfNew.openSession();
      expect(another.id).toBeGreaterThan(later.id + 2 ** 39);
      clientOfNew.close();

      // The new cluster is one: it survives a restart of all, and takes in a server that has nothing.
      for (const id of [1, 2]) await made.stop(id);
      made.startAll('-recover');
      made.start(3);
      const add = await rkvctl('-add', '3', '-ensure', '-cluster', made.addresses.slice(0, 2).join());
      expect(add, add.err).toMatchObject({ code: 0 });
      await keysOf(made, 3).toBe(36);

      // With a folder of the new one at the address of an old one.
      const copies = join(folder, 'copies');
      await rkvctl('snapshot', 'restore', 'state.snapshot', '-datadir', copies, '-backend', 'hashicorp');
      const id = ((await old.leader()) % 3) + 1;
      await old.stop(id);
      old.lose(id);
      cpSync(join(copies, `rkvd-${id}`), old.data(id), { recursive: true });
      cpSync(join(copies, `rkvd-${id}.promised`), `${old.data(id)}.promised`);
      const stray = old.start(id, '-recover');
      expect(await stray.exit()).toBe(REFUSED);
      expect(stray.printed).toContain('this folder belongs to another cluster');
      expect(await values(old, 40)).toEqual(until(40, 40));
    },
    TEST_MS,
  );

  it(
    'is not made where nobody leads, nor of a file that is damaged or there already, and leaves nothing then',
    async () => {
      const one = await world('gorums', { servers: 1, members: [1] });
      one.startAll();
      await one.put(0, 5);
      const save = (...args: string[]) => rkvctl('snapshot', 'save', ...args, '-cluster', one.addresses.join());
      expect(await save('a')).toMatchObject({ code: 0 });
      expect(await save('a')).toMatchObject({ code: 1, err: expect.stringContaining('a is there already') });
      const whole = readFileSync(join(folder, 'a'));
      writeFileSync(join(folder, 'cut'), whole.subarray(0, whole.length - 3));
      const where = `cut, byte ${whole.length - 3}: it ends here`;
      for (const what of ['status', 'restore']) {
        const { code, err } = await rkvctl('snapshot', what, 'cut', '-datadir', 'nowhere');
        expect([what, code]).toEqual([what, 1]);
        expect(err).toContain(where);
      }
      // In use, it says so.
      const log = await rkvctl('log', one.data(1));
      expect(log).toMatchObject({ code: 1, err: expect.stringContaining('is in use') });
      await one.stop(1);
      expect(await save('b', '-timeout', '1s')).toMatchObject({ code: 1, out: '' });
      expect(readdirSync(folder).sort()).toEqual(['a', 'cut']);
      const whatIs = await rkvctl('log', one.data(1));
      expect(whatIs).toMatchObject({ code: 0, err: '' });
      expect(whatIs.out).toMatch(
        /server {4}1 of the gorums engine, a member, started 1 time\n[\s\S]*whole: a server starts from it\n$/,
      );
    },
    TEST_MS,
  );
});

describe('rkv-cluster up --restore', () => {
  it(
    'begins a cluster with the state in a file, once, and goes on from its data after that',
    async () => {
      const old = await world('gorums', { servers: 1, members: [1] });
      old.startAll();
      await old.put(0, 12);
      expect(await rkvctl('snapshot', 'save', 'state', '-cluster', old.addresses.join())).toMatchObject({ code: 0 });

      const place = { folder, environment: { TMPDIR: join(folder, 'tmp') } };
      mkdirSync(place.environment.TMPDIR);
      writeFileSync(
        join(folder, 'new.yaml'),
        'backend: etcd\nnodes: 3\nbasePort: 0\nelection: 400ms\nmetrics: false\n',
      );
      const directory = join(folder, 'rkv-data', 'new');
      const run = async (...args: string[]) => {
        const running = new Program('rkv-cluster', ['up', 'new.yaml', ...args], place);
        expect(await running.bringsUp(directory), running.out + running.err).toBe(true);
        const { out } = await runProgram('rkv-cluster', ['status', '--json'], place);
        const addresses = (JSON.parse(out) as { servers: { address: string }[] }).servers.map(({ address }) => address);
        const client = new RkvClient({ addresses, timeoutMs: 60_000 });
        const found = await Promise.all(Array.from({ length: 13 }, (_, key) => client.lookup(`k${key}`)));
        client.close();
        await runProgram('rkv-cluster', ['down'], place);
        await running.ended;
        return { found, out: running.out };
      };
      const first = await run('--restore', 'state');
      expect(first.found).toEqual(until(12, 13));
      expect(first.out).toContain('with 12 keys of a snapshot of');
      expect((await run()).found).toEqual(until(12, 13));
      const again = await runProgram('rkv-cluster', ['up', 'new.yaml', '--restore', 'state'], place);
      expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is there already') });
      const fresh = await runProgram('rkv-cluster', ['up', 'new.yaml', '--restore', 'state', '--fresh'], place);
      expect(fresh).toMatchObject({ code: 1, err: expect.stringContaining('cannot be used with') });
    },
    TEST_MS,
  );
});
