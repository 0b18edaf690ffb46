import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { enginesOfHost } from './setup/engines.ts';
import { keysOf, ownWorlds, PATIENCE_MS } from './setup/handStarted.ts';

const REFUSED = 3;
const TEST_MS = 240_000;

const world = ownWorlds();

describe.each(enginesOfHost('hashicorp'))('with the %s engine', (engine) => {
  it(
    'a member that came back empty is refused, and one command brings it back with everything',
    async () => {
      const one = await world(engine);
      one.startAll();
      await one.put(0, 50);
      const leader = await one.leader();
      const lost = (leader % 3) + 1;
      await keysOf(one, lost).toBe(50);
      await one.stop(lost);
      one.lose(lost);
      const empty = one.start(lost, '-recover');
      expect(await empty.exit()).toBe(REFUSED);
      expect(empty.printed).toContain('refuses this server');
      expect(empty.printed).toContain('-rejoin');
      // Without -recover it begins with another folder, which is no better.
      const again = one.start(lost);
      expect(await again.exit()).toBe(REFUSED);
      await one.put(50, 50);
      const back = one.start(lost, '-rejoin');
      await back.says(/admitted: goes on/);
      await keysOf(one, lost).toBe(100);
      // It counts again: with it the cluster serves without the third.
      const third = [1, 2, 3].find((id) => id !== lost && id !== leader)!;
      await one.stop(third);
      await one.put(100, 20);
      await keysOf(one, lost).toBe(120);
      await one.stop(lost);
      const later = one.start(lost, '-recover');
      await one.put(120, 20);
      await keysOf(one, lost).toBe(140);
      expect(later.printed).not.toContain('refuse');
    },
    TEST_MS,
  );

  it(
    'a server that is not in -cluster waits, is admitted, and can be added, removed, emptied and added again',
    async () => {
      const one = await world(engine);
      one.startAll();
      const fourth = one.start(4);
      await one.put(0, 20);
      await fourth.says(/admitted: goes on/);
      const client = one.client();
      await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false }, { timeoutMs: PATIENCE_MS });
      await keysOf(one, 4).toBe(20);
      await client.reconfigure({ change: 'remove', serverId: 4, waitForLeadership: false }, { timeoutMs: PATIENCE_MS });
      await one.stop(4);
      one.lose(4);
      const empty = one.start(4);
      await empty.says(/admitted: goes on/);
      await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false }, { timeoutMs: PATIENCE_MS });
      await one.put(20, 20);
      await keysOf(one, 4).toBe(40);
      client.close();
    },
    TEST_MS,
  );
});

it.each(enginesOfHost('gorums'))(
  'one of two that lost its data had no way back: it has with the other at its word, with the %s engine',
  async (engine) => {
    const one = await world(engine, { servers: 2, members: [1, 2] });
    one.startAll();
    await one.put(0, 50);
    const survivor = await one.leader();
    const lost = 3 - survivor;
    await one.stop(lost);
    one.lose(lost);
    const waits = one.start(lost, '-rejoin');
    await waits.says(/does not take part yet: .*(-survivor|try again)/);
    await one.stop(lost);
    const bySurvivor = one.start(lost, '-rejoin', '-survivor', String(survivor));
    await bySurvivor.says(/does not admit it: it leads still/);
    await one.stop(survivor);
    one.start(survivor, '-recover');
    await bySurvivor.says(/admitted: goes on/);
    await one.put(50, 50);
    await keysOf(one, lost).toBe(100);
    for (const id of [1, 2]) await one.stop(id);
    one.startAll('-recover');
    await one.put(100, 10);
    await keysOf(one, lost).toBe(110);
    await keysOf(one, survivor).toBe(110);
  },
  TEST_MS,
);

it(
  'one of two is not taken at its word while a third of -servers may know more, nor where it is one of three',
  async () => {
    const one = await world('etcd', { servers: 3, members: [1, 2] });
    one.startAll();
    await one.put(0, 5);
    const survivor = await one.leader();
    const lost = 3 - survivor;
    await one.stop(lost);
    one.lose(lost);
    const flags = ['-rejoin', '-survivor', String(survivor)];
    const waits = one.start(lost, ...flags);
    await waits.says(/until all others of -servers say that they are new: server 3 may know more/);
    one.start(3);
    await waits.says(/does not admit it: it leads still/);

    const three = await world('etcd');
    three.startAll();
    await three.put(0, 5);
    const id = ((await three.leader()) % 3) + 1;
    const kept = (id % 3) + 1;
    await three.stop(id);
    three.lose(id);
    const refused = three.start(id, '-rejoin', '-survivor', String(kept));
    await refused.says(/may know more/);
  },
  TEST_MS,
);

it(
  'two members that lose their data in turn while the third is paused begin no new cluster',
  async () => {
    const one = await world('etcd');
    one.startAll();
    await one.put(0, 50);
    const paused = await one.leader();
    const [first, second] = [1, 2, 3].filter((id) => id !== paused) as [number, number];
    one.servers.get(paused)!.child.kill('SIGSTOP');
    await one.stop(first);
    one.lose(first);
    const empty = one.start(first);
    expect(await empty.exit()).toBe(REFUSED);
    await one.stop(second);
    one.lose(second);
    const both = [one.start(first), one.start(second)];
    await Promise.all(both.map((server) => server.says(/does not take part yet.*does not answer/)));
    one.servers.get(paused)!.child.kill('SIGCONT');
    for (const server of both) expect(await server.exit()).toBe(REFUSED);
  },
  TEST_MS,
);

it(
  'a member that was started without -recover keeps its data where they are, refused or killed while it waits',
  async () => {
    const one = await world('etcd');
    one.startAll();
    await one.put(0, 20);
    const id = ((await one.leader()) % 3) + 1;
    await keysOf(one, id).toBe(20);
    const others = [1, 2, 3].filter((each) => each !== id);
    const files = () => readdirSync(one.folder).filter((name) => name.startsWith(`rkvd-${id}`));
    await one.stop(id);
    const before = files();
    const refused = one.start(id);
    expect(await refused.exit()).toBe(REFUSED);
    expect(refused.printed).toContain('refuses this server');
    expect(files()).toEqual(before);
    for (const other of others) await one.stop(other);
    const waiting = one.start(id);
    await waiting.says(/does not take part yet/);
    await one.stop(id);
    one.startAll('-recover');
    await one.put(20, 20);
    await keysOf(one, id).toBe(40);
    expect(files()).toEqual(before);
    // Where it may begin without them they go aside, and nothing else is left.
    for (const each of [1, 2, 3]) await one.stop(each);
    one.startAll();
    await one.put(0, 1);
    await keysOf(one, id).toBe(1);
    expect(files()).toEqual([
      `rkvd-${id}`,
      expect.stringMatching(/\.old-[^.]+$/),
      expect.stringMatching(/\.old-[^.]+\.promised$/),
      `rkvd-${id}.promised`,
    ]);
  },
  TEST_MS,
);

it(
  'all servers of a cluster begin anew without -recover, and come back with it',
  async () => {
    const one = await world('etcd');
    one.startAll();
    await one.put(0, 20);
    for (const id of [1, 2, 3]) await one.stop(id);
    one.startAll('-recover');
    const client = one.client();
    expect(await client.lookup('k19')).toBe('19');
    for (const id of [1, 2, 3]) await one.stop(id);
    one.startAll();
    await one.put(100, 1);
    expect(await client.lookup('k19')).toBeUndefined();
    client.close();
  },
  TEST_MS,
);
