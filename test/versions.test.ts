import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Registers } from '../src/chaos/registers.ts';
import { checkHistory } from '../src/checker/check.ts';
import { HistoryRecorder } from '../src/checker/history.ts';
import { type KeyValueInput, type KeyValueOutput, keyValueModel } from '../src/checker/models/keyValue.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { Random } from '../src/simulator/random.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import type { StatusResponse } from '../src/wire/generated/admin.ts';
import { enginesOfHost } from './setup/engines.ts';

const RKVD_OF_VERSIONS = fileURLToPath(new URL('../dist/server/testing/rkvdOfVersions.js', import.meta.url));
/** Servers of a busy machine take their time to start. */
const PATIENCE_MS = 30_000;
const TEST_MS = 180_000;
const IDS = [1, 2, 3];

/** RKV_TEST_OLD_RKVD=…/dist/server/main.js: an earlier build that is really one. */
const OLD = process.env.RKV_TEST_OLD_RKVD ?? '6-6';
const NEW = '6-7';
const NEXT = '7-8';

const folders: string[] = [];
let cluster: RunningCluster | undefined;
const clients: RkvClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await cluster?.stop();
  cluster = undefined;
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Three servers, each of a build of its own. */
async function start(engine: string, tls: boolean, builds: Readonly<Record<number, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-builds-'));
  folders.push(folder);
  const file = join(folder, 'builds.json');
  let current = builds;
  const note = () => writeFileSync(file, JSON.stringify(current));
  note();
  const running = await startCluster(
    { nodes: 3, backend: engine as 'etcd', election: '500ms', heartbeat: '20ms', metrics: false, tls },
    {
      program: { file: process.execPath, args: [RKVD_OF_VERSIONS] },
      environment: { RKV_TEST_BUILDS: file },
    },
  );
  cluster = running;
  const open = () => {
    const client = new RkvClient({ addresses: running.addresses, security: running.security });
    clients.push(client);
    return client;
  };
  const operator = open();
  return {
    cluster: running,
    open,
    operator,
    status: (id: number) => operator.status(running.addresses[id - 1]!, { timeoutMs: PATIENCE_MS }),
    logOf: (id: number) => readFileSync(running.plan.servers[id - 1]!.logFile, 'utf8'),
    leaderIs: async (id: number) => {
      const led = async () => {
        const leader = await operator.leader({ timeoutMs: PATIENCE_MS }).catch(() => undefined);
        if (leader?.status.id !== id) await operator.transferLeadership(id, { timeoutMs: 5000 }).catch(() => {});
        return leader?.status.id;
      };
      await expect.poll(led, { timeout: PATIENCE_MS }).toBe(id);
    },
    /** The server goes on from its data as another build. */
    replace: async (id: number, build: string) => {
      current = { ...current, [id]: build };
      note();
      await running.restart(id);
    },
  };
}

type Upgraded = Awaited<ReturnType<typeof start>>;

/** How the leader speaks to each of the others: the version of the link, and whether a feature of version 7 is in use there. */
function ways({ links }: StatusResponse): Record<number, readonly [version: number, hasFeature: boolean]> {
  return Object.fromEntries(links.map(({ id, version, roundTripUs }) => [id, [version, roundTripUs > 0]]));
}

/** Waits until the server has all that is committed, and votes. */
async function caughtUp({ status, operator }: Upgraded, id: number): Promise<void> {
  const behind = async () => {
    const leader = await operator.leader({ timeoutMs: PATIENCE_MS }).catch(() => undefined);
    if (leader === undefined) return Number.POSITIVE_INFINITY;
    const { commitIndex, term } = leader.status;
    const own = await status(id);
    return own.term === term ? commitIndex - own.appliedIndex : Number.POSITIVE_INFINITY;
  };
  await expect.poll(behind, { timeout: PATIENCE_MS, interval: 20 }).toBeLessThan(100);
}

describe('a cluster in which servers speak different versions to each other', () => {
  it.each(enginesOfHost('gorums'))(
    'serves with each link at the newest that both ends speak, and who speaks no common one is refused by name: %s',
    async (engine) => {
      const one = await start(engine, false, { 1: OLD, 2: NEW, 3: NEXT });
      const session = await one.open().openSession({ timeoutMs: PATIENCE_MS });
      await one.leaderIs(2);
      await session.insert('mixed', 'yes');
      await expect
        .poll(async () => ways(await one.status(2)), { timeout: PATIENCE_MS })
        .toEqual({ 1: [6, false], 3: [7, true] });
      // Earlier builds do not tell.
      expect((await one.status(1)).newestVersion).toBe(OLD === '6-6' ? 6 : 0);
      // No version is common to all: 1 and 3 have none.
      expect(await one.status(2)).toMatchObject({ oldestVersion: 6, newestVersion: 7, clusterVersion: 0 });
      // Servers 1 and 3 have something to say to each other once one of them wants to lead.
      await one.cluster.stopServer(2);
      await expect
        .poll(() => `${one.logOf(1)}${one.logOf(3)}`, { timeout: PATIENCE_MS })
        .toMatch(/server [13] speaks peer protocol \S+( to \d)?; server [13] speaks/);
      // With the build between the two everybody is there again.
      await one.replace(3, NEW);
      await one.replace(2, NEW);
      await caughtUp(one, 3);
      await session.insert('mixed', 'again');
      await one.leaderIs(2);
      await expect
        .poll(async () => ways(await one.status(2)), { timeout: PATIENCE_MS })
        .toEqual({ 1: [6, false], 3: [7, true] });
      expect(await one.status(2)).toMatchObject({ clusterVersion: 6 });
      // Up, and down again.
      await one.replace(1, NEW);
      await expect.poll(async () => (await one.status(2)).clusterVersion, { timeout: PATIENCE_MS }).toBe(7);
      await one.replace(3, OLD);
      await expect
        .poll(async () => ways(await one.status(2)), { timeout: PATIENCE_MS })
        .toEqual({ 1: [7, true], 3: [6, false] });
      expect(await one.status(2)).toMatchObject({ clusterVersion: 6 });
      expect(await one.operator.lookup('mixed')).toBe('again');
    },
    TEST_MS,
  );
});

describe('a rolling upgrade', () => {
  const both = process.env.RKV_TEST_ENGINES === 'all' ? [true, false] : [true];
  const cases = enginesOfHost('etcd').flatMap((engine) =>
    both.map((tls) => [engine, tls ? 'with' : 'without'] as const),
  );

  it.each(cases)(
    'of one server after the other, under load, loses nothing that was acknowledged: %s %s TLS',
    async (engine, tls) => {
      const one = await start(engine, tls === 'with', { 1: OLD, 2: OLD, 3: OLD });
      const loaded = new AbortController();
      const history = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
      const readers = [0, 1].map((i) => new Registers(i, one.open(), ['r0', 'r1'], history, new Random(i + 1)));
      const acknowledged: string[] = [];
      const writer = async (lane: number) => {
        const session = await one.open().openSession({ timeoutMs: PATIENCE_MS });
        for (let i = 0; !loaded.signal.aborted; i++) {
          const key = `w${lane}.${i}`;
          await session.insert(key, key, { timeoutMs: PATIENCE_MS });
          acknowledged.push(key);
        }
      };
      const work = [...readers.map((each) => each.run(loaded.signal)), ...[0, 1, 2].map(writer)];
      const failed = new Promise<never>((_, reject) => {
        for (const each of work) each.catch(reject);
      });
      const upgrade = async () => {
        for (const id of IDS) {
          const before = acknowledged.length;
          const next = (id % IDS.length) + 1;
          if ((await one.operator.leader({ timeoutMs: PATIENCE_MS }))?.status.id === id) await one.leaderIs(next);
          await one.replace(id, NEW);
          await caughtUp(one, id);
          // It is under way all the time, in each mixture.
          expect(acknowledged.length).toBeGreaterThan(before);
        }
      };
      await Promise.race([upgrade(), failed]);
      await expect
        .poll(async () => (await one.operator.leader({ timeoutMs: PATIENCE_MS }))?.status.clusterVersion, {
          timeout: PATIENCE_MS,
        })
        .toBe(7);
      loaded.abort();
      await Promise.all(work);
      const found = await Promise.all(acknowledged.map((key) => one.operator.lookup(key, { timeoutMs: PATIENCE_MS })));
      expect(found).toEqual(acknowledged);
      expect(acknowledged.length).toBeGreaterThan(20);
      const { verdict } = checkHistory(keyValueModel, history.operations(), {
        now: () => performance.now(),
        deadline: performance.now() + PATIENCE_MS,
      });
      expect(verdict).toBe('ok');
      expect(readers[0]!.counts.ok).toBeGreaterThan(20);
    },
    TEST_MS,
  );
});
