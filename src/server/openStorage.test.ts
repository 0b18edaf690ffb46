import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseServerConfig, type ServerConfig } from './flags.ts';
import type { Log } from './observe/log.ts';
import type { ServerMetrics } from './observe/metrics.ts';
import { openStorage } from './openStorage.ts';
import { batch, commands, Listener } from './storage/testing.ts';

const QUIET = { info: () => {}, warn: () => {} } as unknown as Log;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rkv-storage-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each([
  [0, 10],
  [50, 0],
])('with -cache=%i, of the last 10 of 20 writes of 5 entries %i are read from disk', async (cacheEntries, reads) => {
  const config = parseServerConfig(['-id=1', `-datadir=${folder}`, `-cache=${cacheEntries}`]) as ServerConfig;
  let read = 0;
  const metrics = { ioRead: { observeUs: () => read++ }, ioWrite: { observeUs: () => {} } };
  const listener = new Listener();
  const { store } = await openStorage(config, {
    listener,
    metrics: metrics as unknown as ServerMetrics,
    log: QUIET,
    boundary: undefined,
  });
  for (let mark = 1; mark <= 20; mark++) {
    store!.persist(batch(mark, { entries: commands(5 * mark - 4, 5 * mark, 1) }));
    await listener.until(() => listener.marks.includes(mark));
  }
  const before = read;
  expect(store!.entries(51, 100, Number.MAX_SAFE_INTEGER)).toHaveLength(50);
  expect(read - before).toBe(reads);
  await store!.close();
});
