import { afterEach, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

const MIB = 1024 * 1024;

/**
 * While one small value waits, so many large ones may be acknowledged, of those that are sent at once: as many as may be open (16
 * MiB) and one that its answer overtakes. Counted so, it does not hang on how busy the machine is.
 */
const OVERTAKING_MAX = 3;

let cluster: RunningCluster | undefined;

afterEach(() => cluster?.stop());

it.each([
  ['gorums', 8, 6],
  ['etcd', 8, 6],
  ['hashicorp', 8, 6],
  ['etcd', 32, 1],
] as const)(
  '%s: values of %d MiB of %d clients were sent again and again, and never acknowledged',
  { timeout: 180_000 },
  async (backend, mebibytes, clients) => {
    const flags = { maxvalue: 64 * MIB, clientmemory: 1024 * MIB };
    // What is shown here must not hang on how busy the machine is.
    cluster = await startCluster({ nodes: 3, backend, election: '5s', metrics: false, flags });
    const value = 'v'.repeat(mebibytes * MIB - 100);
    const client = newClient(cluster);
    const writer = newClient(cluster);
    try {
      const before = await termOf(cluster);
      let acknowledged = 0;
      const small = await writeOn(writer, () => acknowledged);
      await Promise.all(
        Array.from({ length: clients }, async (_, i) => {
          const own = newClient(cluster!);
          try {
            const session = await own.openSession();
            await session.insert(`large ${i}`, value);
            acknowledged++;
            await session.insert(`small ${i}`, 'small');
          } finally {
            own.close();
          }
        }),
      );
      expect(await small.end()).toBeLessThanOrEqual(OVERTAKING_MAX);
      expect(await termOf(cluster)).toBe(before);
      expect((await client.lookup('large 0')) === value).toBe(true);
      for (let i = 0; i < clients; i++) expect(await client.lookup(`small ${i}`)).toBe('small');
    } finally {
      client.close();
      writer.close();
    }
    expect((await cluster.status()).map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
  },
);

const newClient = ({ addresses }: RunningCluster) => new RkvClient({ addresses, timeoutMs: 120_000 });

async function termOf(of: RunningCluster): Promise<number> {
  return Math.max(...(await of.status()).map(({ term }) => term ?? 0));
}

/** Writes small values one after the other. `end` returns the most that `count` grew by while one of them waited. */
async function writeOn(client: RkvClient, count: () => number): Promise<{ end(): Promise<number> }> {
  const session = await client.openSession();
  let isOver = false;
  const writing = (async () => {
    let most = 0;
    while (!isOver) {
      const before = count();
      await session.insert('small', 'small');
      most = Math.max(most, count() - before);
    }
    return most;
  })();
  return {
    end: () => {
      isOver = true;
      return writing;
    },
  };
}
