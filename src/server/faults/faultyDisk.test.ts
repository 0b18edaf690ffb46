import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DiskCondition } from '../../faults/diskCondition.ts';
import { logStoreSuite } from '../storage/logStore.suite.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import { openLevelLogStore } from '../storage/openLogStore.ts';
import { batch, command, hard, type Listener } from '../storage/testing.ts';
import { FaultyDisk, FaultyPromisedArea, WriteGate } from './faultyDisk.ts';
import { MACHINE } from './machine.ts';

afterEach(() => void vi.useRealTimers());

const WELL: DiskCondition = { syncAddedUs: 0, isStalled: false, isFull: false };
const STALLED = { ...WELL, isStalled: true };

/** What may stand below a store, in a condition that a test changes. */
function boundary(first: DiskCondition = WELL) {
  let condition = first;
  const gates = [new WriteGate(() => condition, MACHINE), new WriteGate(() => condition, MACHINE)] as const;
  return {
    disk: (disk: ConstructorParameters<typeof FaultyDisk>[0]) => new FaultyDisk(disk, gates[0]),
    area: (area: ConstructorParameters<typeof FaultyPromisedArea>[0]) => new FaultyPromisedArea(area, gates[1]),
    become: (next: DiskCondition) => {
      condition = next;
      for (const gate of gates) gate.moveOn();
    },
  };
}

logStoreSuite('the chunked store on LevelDB, slow on purpose', () => {
  let folder: string | undefined;
  const open = async (listener: Listener) => {
    folder ??= await mkdtemp(join(tmpdir(), 'rkv-slow-'));
    const below = boundary({ ...WELL, syncAddedUs: 500 });
    return (await openLevelLogStore(join(folder, 'log'), listener, { cacheEntries: 3 }, { boundary: below })).store;
  };
  const destroy = async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
  };
  return { open, settle: () => {}, reopen: open, destroy };
});

/** A store on LevelDB, and what it says. */
async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), 'rkv-faulty-'));
  const below = boundary();
  const told: string[] = [];
  const listener = {
    durable: (mark: number) => told.push(`durable ${mark}`),
    snapshotStored: () => {},
    failed: (error: Error) => told.push(`${error.name}: ${error.message}`),
  };
  const open = (above?: ReturnType<typeof boundary>) =>
    openLevelLogStore(join(folder, 'log'), listener, { cacheEntries: 100 }, { boundary: above });
  const { store } = await open(below);
  onTestFinished(async () => {
    below.become(WELL);
    await store.close();
    await rm(folder, { recursive: true });
  });
  const persist = (mark: number) =>
    store.persist(batch(mark, { entries: [command(mark, 1)], hardState: hard(1), mustSync: true }));
  return { below, told, persist, store, open };
}

describe('a store whose disk is ill on purpose', () => {
  it('is told of nothing while the disk stalls, and of everything afterwards', async () => {
    const { below, told, persist } = await setUp();
    below.become(STALLED);
    persist(1);
    persist(2);
    await new Promise((done) => setImmediate(done));
    expect(told).toEqual([]);
    below.become(WELL);
    await vi.waitFor(() => expect(told.at(-1)).toBe('durable 2'));
  });

  it('fails as it does on a full disk, and takes nothing more; what was done by then is there', async () => {
    const { below, told, persist, store, open } = await setUp();
    persist(1);
    await vi.waitFor(() => expect(told).toEqual(['durable 1']));
    below.become({ ...WELL, isFull: true });
    // The journal has room for it.
    persist(2);
    const failure = 'StorageWriteError: LevelDB: ENOSPC: no space left on device, write';
    await vi.waitFor(() => expect(told).toEqual(['durable 1', 'durable 2', failure]));
    expect(() => persist(3)).toThrow('the log store stopped after a failed write');
    await store.close();
    const again = await open();
    expect(again.store.lastIndex).toBe(2);
    await again.store.close();
  });

  it('does not even open where there is something to settle, and no room for it', async () => {
    const { told, persist, store, open } = await setUp();
    persist(1);
    await vi.waitFor(() => expect(told).toEqual(['durable 1']));
    await store.close();
    await expect(open(boundary({ ...WELL, isFull: true }))).rejects.toThrow(
      /cannot open the log store in .*: expected to be able to make durable what was found there \(LevelDB: ENOSPC/,
    );
    await (await open()).store.close();
  });
});

const OPERATION = [{ key: 'a', value: Uint8Array.of(1) }];

describe('a faulty disk', () => {
  it('lets each sync take longer, one after the other, and what is not synced none', () => {
    vi.useFakeTimers();
    const memory = new MemoryDisk('by-step');
    const { disk } = boundary({ ...WELL, syncAddedUs: 10_000 });
    const faulty = disk(memory);
    const write = (sync: boolean) => faulty.write(OPERATION, sync, () => {});
    write(false);
    expect(memory.pendingWrites).toBe(1);
    write(true);
    write(true);
    write(false);
    vi.advanceTimersByTime(9);
    expect(memory.pendingWrites).toBe(1);
    vi.advanceTimersByTime(1);
    expect(memory.pendingWrites).toBe(2);
    vi.advanceTimersByTime(10);
    expect(memory.pendingWrites).toBe(4);
  });

  it('has written nothing of what a stall held back', () => {
    const memory = new MemoryDisk('by-step');
    const { disk } = boundary(STALLED);
    const faulty = disk(memory);
    faulty.write(OPERATION, false, () => {});
    faulty.write(OPERATION, true, () => {});
    faulty.write(OPERATION, false, () => {});
    expect(memory.pendingWrites).toBe(1);
    expect(memory.step()).toBe(true);
    expect([faulty.get('a'), faulty.keys('')]).toEqual([Uint8Array.of(1), ['a']]);
  });

  it('has room for what is promised beside it when it is full, if its place is there already', async () => {
    const made = new MemoryPromisedArea();
    const { area } = boundary({ ...WELL, isFull: true });
    const block = new Uint8Array(made.blockBytes).fill(7);
    const refused = await new Promise<Error | null>((done) => {
      area(made).create([block], done);
    });
    expect(refused?.message).toContain('ENOSPC');
    const there = boundary();
    await new Promise((done) => there.area(made).create([block], done));
    const written = new MemoryPromisedArea('automatic', made.content);
    const error = await new Promise<Error | null>((done) => area(written).write(made.halfBytes, [block], done));
    expect([error, area(written).found]).toEqual([null, made.content]);
    expect(area(written)).toMatchObject({ halfBytes: made.halfBytes, blockBytes: made.blockBytes });
    expect(written.content?.[made.halfBytes]).toBe(7);
  });
});
