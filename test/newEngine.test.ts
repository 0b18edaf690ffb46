import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

const path = (of: string) => fileURLToPath(new URL(`../${of}`, import.meta.url));
const RKVD_WITH_PRIMER = path('dist/server/testing/rkvdWithPrimer.js');

let cluster: RunningCluster | undefined;
let client: RkvClient | undefined;

afterEach(async () => {
  client?.close();
  await cluster?.stop();
});

/**
 * A new engine is one folder and one line in the registry. The primer is such an engine; `src/consensus/testing/primer` runs it through
 * the engine suite and the simulator, and nothing outside that folder knows it but the registry of the rkvd that runs here.
 */
describe('an engine that is one folder and one line', () => {
  it('serves a cluster of three processes, over kills, a change of its members and a transfer', async () => {
    cluster = await startCluster(
      { nodes: 4, cluster: [1, 2, 3], election: '500ms', heartbeat: '20ms', metrics: false },
      {
        program: { file: process.execPath, args: [RKVD_WITH_PRIMER] },
        wire: (plan) => ({ ...plan, backend: 'primer', sharedFlags: [...plan.sharedFlags, '-backend=primer'] }),
      },
    );
    client = new RkvClient({ addresses: cluster.plan.servers.map(({ address }) => address) });
    const session = await client.openSession();
    await Promise.all(Array.from({ length: 200 }, (_, i) => session.insert(`k${i}`, String(i))));
    const killed = await cluster.waitForLeader({ timeoutMs: 20_000 });
    cluster.kill(killed, 'SIGKILL');
    for (let i = 200; i < 220; i++) await session.insert(`k${i}`, String(i));
    await expect.poll(async () => (await cluster!.status())[killed - 1]!.role, { timeout: 20_000 }).toBe('follower');
    await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false });
    for (const id of [1, 2, 3, 4]) {
      await expect
        .poll(async () => (await cluster!.status())[id - 1]!.appliedIndex, { timeout: 20_000 })
        .toBeGreaterThan(220);
    }
    await client.transferLeadership(4);
    await session.insert('last', 'of all');
    expect(await cluster.waitForLeader({ timeoutMs: 20_000 })).toBe(4);
    for (const i of [0, 199, 219]) expect(await client.lookup(`k${i}`)).toBe(String(i));
    expect(await client.lookup('last')).toBe('of all');
    expect((await client.status(cluster.plan.servers[3]!.address)).backend).toBe('primer');
  }, 90_000);

  it('is offered to nobody: the commands do not have it, and say which they do', () => {
    const refused = spawnSync(process.execPath, [path('bin/rkvd'), '-id=1', '-backend=primer'], { encoding: 'utf8' });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('invalid value "primer" for flag -backend: must be gorums, etcd or hashicorp');
    const simulated = spawnSync(process.execPath, [path('dist/simulator/main.js'), '--engine=primer'], {
      encoding: 'utf8',
    });
    expect(simulated.stderr).toContain('expected gorums, etcd, hashicorp');
  });

  /** Whoever names an engine has a case of its own for it, which the next one would need, too. */
  it('would be known by whoever takes names from the registry: nobody else names one', () => {
    const named = new RegExp(`'(${ENGINE_NAMES.join('|')})'`);
    const own = ENGINE_NAMES.map((name) => `consensus/${name}/`);
    const naming = readdirSync(path('src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.test\.ts$/.test(name) && !name.split('/').includes('testing'))
      .filter((name) => !own.some((folder) => name.startsWith(folder)))
      .filter((name) => named.test(readFileSync(join(path('src'), name), 'utf8')));
    expect(naming.sort()).toEqual(MAY_NAME);
  });
});

const MAY_NAME = [
  // The default of those who were not told.
  'attack/main.ts',
  'settings/table.ts',
  'simulator/main.ts',
  // etcd itself, which a bench measures beside our servers.
  'bench/bench.ts',
  'bench/compare/comparability.ts',
  'bench/plan/plan.ts',
  'bench/plan/targets.ts',
  'bench/render/runTable.ts',
  'bench/report/commandOf.ts',
  'bench/report/csvTables.ts',
  'bench/results/schema.ts',
  'bench/run/target.ts',
  'bench/systems/etcd/etcdCluster.ts',
  'bench/systems/systemOf.ts',
  // What the original's servers run.
  'server/identity/startDecision.ts',
  // Mistakes made in one engine, and seeds that found something in one.
  'simulator/mutants/mutants.ts',
  'simulator/regressions.ts',
].sort();
