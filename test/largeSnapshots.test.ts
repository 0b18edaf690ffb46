import { afterEach, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { enginesOfHost } from './setup/engines.ts';

const KEYS = 60;
const VALUE = 'x'.repeat(50_000);
const WAIT_MS_MAX = 20_000;

let cluster: RunningCluster | undefined;
let client: RkvClient | undefined;

afterEach(async () => {
  client?.close();
  await cluster?.stop();
});

/** Waits until server `id` has applied what the leader has. */
async function isUpToDate(id: number): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const reports = await cluster!.status();
    const leader = reports.find(({ role }) => role === 'leader');
    if (leader !== undefined && reports[id - 1]?.appliedIndex === leader.appliedIndex) return;
    if (performance.now() - startMs > WAIT_MS_MAX) throw new Error(`not up to date: ${JSON.stringify(reports)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it.each(enginesOfHost('etcd'))(
  '%s: a state larger than -maxgrpc never reached a follower',
  async (backend) => {
    cluster = await startCluster({
      backend,
      nodes: 3,
      metrics: false,
      flags: { maxgrpc: 1 << 20, snapshotentries: 20, trailingentries: 0 },
    });
    client = new RkvClient({ addresses: cluster.plan.servers.map(({ address }) => address) });
    const session = await client.openSession();
    const follower = ((await cluster.waitForLeader({ timeoutMs: 20_000 })) % 3) + 1;
    await cluster.kill(follower, 'SIGKILL', { restart: false });
    for (let i = 0; i < KEYS; i++) await session.insert(`k${i}`, VALUE);
    await cluster.restart(follower);
    await isUpToDate(follower);
    await cluster.rejoin(follower, { timeoutMs: WAIT_MS_MAX });
    await isUpToDate(follower);
    expect(await client.lookup(`k${KEYS - 1}`)).toBe(VALUE);
  },
  60_000,
);
