import { describe, expect, it, onTestFinished } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { startCluster } from '../src/supervisor/launcher.ts';

/** An answer takes longer than servers, and clients, give each other at first. */
const ONE_WAY_MS = 600;
/** Longer than two round trips, so that somebody is elected. */
const ELECTION = '4s';
const PATIENCE_MS = 90_000;
const TEST_MS = 240_000;

describe('servers so far apart that an answer takes 1.2 s', () => {
  it(
    'never founded a cluster, and no client found its leader',
    async () => {
      const cluster = await startCluster(
        { nodes: 3, backend: 'etcd', metrics: false, election: ELECTION, heartbeat: '300ms' },
        { name: 'far', delayMs: ONE_WAY_MS, readyTimeoutMs: PATIENCE_MS },
      );
      onTestFinished(() => cluster.stop());
      const client = new RkvClient({ addresses: cluster.addresses, timeoutMs: PATIENCE_MS });
      onTestFinished(() => client.close());
      const session = await client.openSession();
      await session.insert('key', 'before');
      await expect.poll(() => client.leader(), { timeout: PATIENCE_MS }).toBeDefined();

      // One that starts again asks the others whether it may.
      const leader = await cluster.waitForLeader({ timeoutMs: PATIENCE_MS });
      const other = (leader % 3) + 1;
      await cluster.restart(other);
      await expect
        .poll(async () => (await cluster.status())[other - 1]!.term ?? 0, { timeout: PATIENCE_MS })
        .toBeGreaterThan(0);

      // And one that lost everything gets it back.
      await cluster.rejoin(other, { timeoutMs: PATIENCE_MS });
      await session.insert('key', 'after');
      expect(await client.lookup('key')).toBe('after');
      await expect
        .poll(async () => (await cluster.status())[other - 1]!.appliedIndex ?? 0, { timeout: PATIENCE_MS })
        .toBeGreaterThanOrEqual((await cluster.status())[leader - 1]!.commitIndex ?? 1);
    },
    TEST_MS,
  );
});
