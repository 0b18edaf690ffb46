import { afterEach, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

const MIB = 1024 * 1024;

let cluster: RunningCluster | undefined;

afterEach(() => cluster?.stop());

it.each([
  ['gorums', 8, 4],
  ['etcd', 8, 4],
  ['hashicorp', 8, 4],
  ['etcd', 32, 1],
] as const)(
  '%s: values of %d MiB of %d clients were sent again and again, and never acknowledged',
  { timeout: 180_000 },
  async (backend, mebibytes, clients) => {
    const flags = { maxvalue: 64 * MIB, clientmemory: 1024 * MIB };
    // What is shown here must not hang on how busy the machine is.
    cluster = await startCluster({ nodes: 3, backend, election: '3s', metrics: false, flags });
    const value = 'v'.repeat(mebibytes * MIB - 100);
    const client = new RkvClient({ addresses: cluster.addresses, timeoutMs: 120_000 });
    try {
      await Promise.all(
        Array.from({ length: clients }, async (_, i) => {
          const own = new RkvClient({ addresses: cluster!.addresses, timeoutMs: 120_000 });
          try {
            const session = await own.openSession();
            await session.insert(`large ${i}`, value);
            await session.insert(`small ${i}`, 'small');
          } finally {
            own.close();
          }
        }),
      );
      expect((await client.lookup('large 0')) === value).toBe(true);
      for (let i = 0; i < clients; i++) expect(await client.lookup(`small ${i}`)).toBe('small');
    } finally {
      client.close();
    }
    expect((await cluster.status()).map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
  },
);
