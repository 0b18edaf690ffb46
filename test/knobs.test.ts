import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import { serverDirectory } from '../src/server/storage/dataDirectory.ts';
import { openLevelLogStore } from '../src/server/storage/openLogStore.ts';
import { Listener } from '../src/server/storage/testing.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

let folder = '';
let cluster: RunningCluster | undefined;
let client: RkvClient | undefined;

afterEach(async () => {
  client?.close();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Each setting by itself is in src/consensus/testing/knobs.suite.ts, src/server/settings.test.ts and src/server/host/knobs.test.ts. */
it.each(ENGINE_NAMES)(
  'a server of the %s engine says by what flags it goes, and has on disk what they say',
  async (backend) => {
    folder = mkdtempSync(join(tmpdir(), 'rkv-knobs-'));
    cluster = await startCluster({
      backend,
      nodes: 1,
      datadir: folder,
      metrics: false,
      election: '400ms',
      heartbeat: '40ms',
      batch: false,
      entriespermsg: 7,
      catchupmultiplier: 300,
      checkquorum: true,
      cache: 77,
      flags: { maxgrpc: 65_536, snapshotentries: 30, trailingentries: 10, maxconnections: 99, clientmemory: 2_097_152 },
    });
    const [server] = cluster.plan.servers;
    client = new RkvClient({ addresses: [server!.address] });
    const { settings } = await client.status(server!.address);
    expect(settings).toMatchObject({
      electionTimeoutMs: '400',
      heartbeatMs: '40',
      batch: 'false',
      entriesPerMessage: '1',
      checkQuorum: 'true',
      maxMessageBytes: String(65_536 - 4096),
      cacheEntries: '77',
      snapshotEveryEntries: '30',
      trailingEntries: '10',
      grpcMessageBytesMax: '65536',
      clientMemoryBytesMax: '2097152',
      connectionsMax: '99',
    });
    expect(Number(settings.catchUpEntriesMax)).toBeGreaterThanOrEqual(300);
    const session = await client.openSession();
    for (let i = 0; i < 70; i++) await session.insert(`k${i}`, String(i));
    await cluster.stop();
    const location = serverDirectory(server!.directory, 1);
    const { store } = await openLevelLogStore(location, new Listener(), { cacheEntries: 1000 });
    const { index } = store.snapshot()!;
    expect(index).toBeGreaterThanOrEqual(60);
    expect(index).toBeLessThan(90);
    expect(store.firstIndex).toBe(index - 10 + 1);
    await store.close();
  },
);
