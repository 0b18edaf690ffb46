import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { packagePath } from '../src/cli/packagePath.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import type { LargeWriting } from '../src/client/testing/largeWriters.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { enginesOfHost } from './setup/engines.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 120_000;
/** Threads run what is built. */
const LARGE_WRITERS = packagePath('dist', 'client', 'testing', 'largeWriters.js');

/**
 * While one small value waits, so many large ones may be acknowledged, of those that are sent at once: as many as may be open (16
 * MiB) and one that its answer overtakes. Counted so, it does not hang on how busy the machine is; and as the large ones are sent by
 * a thread of their own, what they cost the sender does not make the small one leave late.
 */
const OVERTAKING_MAX = 3;

let cluster: RunningCluster | undefined;

afterEach(() => cluster?.stop());

it.each([
  ...enginesOfHost('hashicorp').map((backend) => [backend, 8, 6] as const),
  ...enginesOfHost('etcd').map((backend) => [backend, 32, 1] as const),
])(
  '%s: values of %d MiB of %d clients were sent again and again, and never acknowledged',
  { timeout: 180_000 },
  async (backend, mebibytes, clients) => {
    const flags = { maxvalue: 64 * MIB, clientmemory: 1024 * MIB };
    // What is shown here must not hang on how busy the machine is.
    cluster = await startCluster({ nodes: 3, backend, election: '5s', metrics: false, flags });
    const valueBytes = mebibytes * MIB - 100;
    const client = newClient(cluster);
    const writer = newClient(cluster);
    try {
      const before = await termOf(cluster);
      const acknowledged = new Int32Array(new SharedArrayBuffer(4));
      const small = await writeOn(writer, () => Atomics.load(acknowledged, 0));
      const { addresses } = cluster;
      await writeLarge({ addresses, clients, valueBytes, timeoutMs: TIMEOUT_MS, acknowledged });
      expect(await small.end()).toBeLessThanOrEqual(OVERTAKING_MAX);
      expect(await termOf(cluster)).toBe(before);
      expect((await client.lookup('large 0')) === 'v'.repeat(valueBytes)).toBe(true);
      for (let i = 0; i < clients; i++) expect(await client.lookup(`small ${i}`)).toBe('small');
    } finally {
      client.close();
      writer.close();
    }
    expect((await cluster.status()).map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
  },
);

it('all that was acknowledged is there after a SIGKILL amid the pieces of a value', { timeout: 60_000 }, async () => {
  cluster = await startCluster({ nodes: 1, metrics: false, flags: { maxvalue: 64 * MIB } });
  const acknowledged = new Map<string, string>();
  for (const round of [1, 2]) {
    const client = newClient(cluster);
    const session = await client.openSession();
    await session.insert(`whole ${round}`, 'w'.repeat(7 * MIB));
    acknowledged.set(`whole ${round}`, 'w'.repeat(7 * MIB));
    const writtenBefore = bytesOfLogs(cluster);
    const interrupted = session.insert('interrupted', `${round}`.repeat(16 * MIB)).then(
      () => acknowledged.set('interrupted', `${round}`.repeat(16 * MIB)),
      () => undefined,
    );
    // A third of it, or what a file holds that was begun meanwhile.
    await expect
      .poll(() => Math.abs(bytesOfLogs(cluster!) - writtenBefore), { interval: 1, timeout: 20_000 })
      .toBeGreaterThan(5 * MIB);
    await cluster.kill(1, 'SIGKILL', { restart: false });
    client.close();
    await interrupted;
    await cluster.restart(1);
    const reader = newClient(cluster);
    for (const [key, value] of acknowledged) expect((await reader.lookup(key)) === value, key).toBe(true);
    reader.close();
  }
});

/** Bytes in the files to which LevelDB writes first. */
function bytesOfLogs({ plan }: RunningCluster): number {
  const folder = join(plan.servers[0]!.directory, 'rkvd-1');
  const names = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

const newClient = ({ addresses }: RunningCluster) => new RkvClient({ addresses, timeoutMs: TIMEOUT_MS });

/** Resolves once all is written. */
async function writeLarge(workerData: LargeWriting): Promise<void> {
  const worker = new Worker(LARGE_WRITERS, { workerData });
  try {
    // Rejects with what a write failed with.
    await once(worker, 'message');
  } finally {
    await worker.terminate();
  }
}

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
  // Where the large ones fail, that is what is told.
  writing.catch(() => {});
  return {
    end: () => {
      isOver = true;
      return writing;
    },
  };
}
