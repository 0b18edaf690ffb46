import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ChunkedLogStoreOptions } from './chunkedLogStore.ts';
import { diskOfGroup } from './groupDisk.ts';
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

/** As the store of a group that shares its disk with others. */
function groupKind(options: ChunkedLogStoreOptions): StoreKind {
  const others = new Map(
    ['version', 'promised', 'c0000000000000001-0000000000000001', 'g0000000006/version', 'g0000000070/version'].map(
      (key) => [key, Uint8Array.of(1, 2, 3)],
    ),
  );
  let disk = new MemoryDisk('automatic', others);
  let area = new MemoryPromisedArea();
  const open = async (listener: Listener) => {
    return openMemoryLogStore(listener, options, diskOfGroup(disk, 7), area).store;
  };
  const reopen = (listener: Listener) => {
    disk = new MemoryDisk('automatic', disk.content);
    area = new MemoryPromisedArea('automatic', area.content);
    return open(listener);
  };
  const destroy = async () => {
    const left = [...disk.content].filter(([key]) => !key.startsWith('g0000000007/'));
    expect(new Map(left)).toEqual(others);
  };
  return { open, settle: () => {}, reopen, destroy };
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
logStoreSuite('the chunked store of one group among others', () => groupKind(TINY));
logStoreSuite('the chunked store on LevelDB', () => levelKind(PLENTY));
logStoreSuite('the chunked store on LevelDB with tiny bounds', () => levelKind(TINY));
