import { afterAll, beforeAll, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

let cluster: RunningCluster;
let client: RkvClient;

beforeAll(async () => {
  cluster = await startCluster({
    nodes: 4,
    cluster: [1, 2, 3],
    election: '1s',
    metrics: false,
    flags: { ordergorums: false },
  });
  client = new RkvClient({ addresses: cluster.addresses });
});

afterAll(async () => {
  client?.close();
  await cluster?.stop();
});

it('runs a cluster whose servers speak in unary calls, as the original’s do', async () => {
  const session = await client.openSession();
  await Promise.all(Array.from({ length: 500 }, (_, i) => session.insert(`k${i}`, String(i))));
  expect(await client.lookup('k499')).toBe('499');
  await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false });
  const caughtUp = async () => (await cluster.status())[3]!.appliedIndex ?? 0;
  await expect.poll(caughtUp, { timeout: 20_000 }).toBeGreaterThanOrEqual(500);
});

it('says why leadership cannot be handed over by such calls, and serves on', async () => {
  const leader = await cluster.waitForLeader({ timeoutMs: 20_000 });
  const why = "reached by the original's unary calls, which have none for it";
  await expect(client.transferLeadership((leader % 3) + 1)).rejects.toThrow(`it is ${why}`);
  await expect(client.transferLeadership(0)).rejects.toThrow(`the others are ${why}`);
  const session = await client.openSession();
  await session.insert('after', '1');
});
