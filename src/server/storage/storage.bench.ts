import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Entry, EntryType } from '../../consensus/entry.ts';
import type { LogStore } from './contract.ts';
import { openLevelLogStore, openMemoryLogStore } from './openLogStore.ts';

/**
 * What a durable append costs: `node dist/server/storage/storage.bench.js [folder]` (default: the temporary folder; the
 * disk under it is what is measured). For each batch size, batches are persisted one after the other, each once the one
 * before it is durable. CPU is that of the whole process, LevelDB's threads included.
 */
const ENTRY_DATA_BYTES = 32;
const CACHE_ENTRIES = 1_000_000;
const RUN_MS = 3000;

interface Row {
  readonly store: string;
  readonly 'entries a batch': number;
  readonly 'batches/s': number;
  readonly 'entries/s': number;
  readonly 'CPU µs/entry': number;
  readonly 'main thread µs/entry': number;
}

class Waiter {
  private resolve: () => void = () => {};
  private reject: (error: Error) => void = () => {};
  durable(): void {
    this.resolve();
  }
  snapshotStored(): void {}
  failed(error: Error): void {
    this.reject(error);
  }
  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

function entriesFrom(index: number, count: number, data: Uint8Array): Entry[] {
  return Array.from({ length: count }, (_, i) => new Entry(index + i, 5, EntryType.Normal, data));
}

async function measure(name: string, store: LogStore, waiter: Waiter, batchEntries: number): Promise<Row> {
  const data = new Uint8Array(ENTRY_DATA_BYTES).fill(65);
  let mark = store.durableMark;
  const cpu = process.cpuUsage();
  const start = performance.now();
  let entries = 0;
  let batches = 0;
  let mainMs = 0;
  while (performance.now() - start < RUN_MS) {
    const made = entriesFrom(store.lastIndex + 1, batchEntries, data);
    const before = performance.now();
    store.persist({ mark: ++mark, entries: made, hardState: { term: 5, vote: 1, commit: 0 }, mustSync: true });
    mainMs += performance.now() - before;
    await waiter.next();
    entries += batchEntries;
    batches++;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    store: name,
    'entries a batch': batchEntries,
    'batches/s': Math.round(batches / seconds),
    'entries/s': Math.round(entries / seconds),
    'CPU µs/entry': Number(((user + system) / entries).toFixed(3)),
    'main thread µs/entry': Number(((mainMs * 1000) / entries).toFixed(3)),
  };
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'rkv-storage-bench-'));
  const rows: Row[] = [];
  try {
    for (const batchEntries of [1, 64, 1024]) {
      const memoryWaiter = new Waiter();
      const memory = openMemoryLogStore(memoryWaiter, { cacheEntries: CACHE_ENTRIES }).store;
      if (batchEntries === 1024) rows.push(await measure('memory', memory, memoryWaiter, batchEntries));
      await memory.close();
      const waiter = new Waiter();
      const location = join(folder, `level-${batchEntries}`);
      const { store } = await openLevelLogStore(location, waiter, { cacheEntries: CACHE_ENTRIES });
      rows.push(await measure('level', store, waiter, batchEntries));
      await store.close();
      const reopening = performance.now();
      const again = await openLevelLogStore(location, waiter, { cacheEntries: CACHE_ENTRIES });
      const ms = performance.now() - reopening;
      console.error(`reopened ${again.report.lastIndex} entries in ${again.report.chunks} chunks: ${ms.toFixed(0)} ms`);
      await again.store.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.table(rows);
}

await main();
