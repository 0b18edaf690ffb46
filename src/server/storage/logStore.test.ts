import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChunkedLogStoreOptions } from './chunkedLogStore.ts';
import { logStoreSuite, type StoreKind } from './logStore.suite.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { openLevelLogStore, openMemoryLogStore } from './openLogStore.ts';
import { SimpleLogStore } from './simpleLogStore.ts';
import type { Listener } from './testing.ts';

const PLENTY: ChunkedLogStoreOptions = { cacheEntries: 1_000_000 };
/** Bounds so small that everything is split, cooled, dropped and read back. */
const TINY: ChunkedLogStoreOptions = {
  cacheEntries: 3,
  hotEntriesMax: 2,
  writeBytesMax: 40,
  snapshotInMemoryBytesMax: 1,
};

function simpleKind(): StoreKind {
  return {
    open: async (listener) => new SimpleLogStore(listener),
    settle: (store) => queueMicrotask(() => (store as SimpleLogStore).flush()),
    reopen: undefined,
    destroy: async () => {},
  };
}

function memoryKind(options: ChunkedLogStoreOptions): StoreKind {
  let disk = new MemoryDisk();
  let area = new MemoryPromisedArea();
  const open = async (listener: Listener) => openMemoryLogStore(listener, options, disk, area).store;
  const reopen = (listener: Listener) => {
    disk = new MemoryDisk('automatic', disk.content);
    area = new MemoryPromisedArea('automatic', area.content);
    return open(listener);
  };
  return { open, settle: () => {}, reopen, destroy: async () => {} };
}

function levelKind(options: ChunkedLogStoreOptions): StoreKind {
  let folder: string | undefined;
  const open = async (listener: Listener) => {
    folder ??= await mkdtemp(join(tmpdir(), 'rkv-log-'));
    return (await openLevelLogStore(join(folder, 'log'), listener, options)).store;
  };
  const destroy = async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
  };
  return { open, settle: () => {}, reopen: open, destroy };
}

logStoreSuite('the simple store', simpleKind);
logStoreSuite('the chunked store in memory', () => memoryKind(PLENTY));
logStoreSuite('the chunked store in memory with tiny bounds', () => memoryKind(TINY));
logStoreSuite('the chunked store on LevelDB', () => levelKind(PLENTY));
logStoreSuite('the chunked store on LevelDB with tiny bounds', () => levelKind(TINY));
