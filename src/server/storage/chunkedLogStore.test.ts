import { describe, expect, it } from 'vitest';
import { recordSize } from '../../consensus/entryCodec.ts';
import { contentBytes } from '../../consensus/snapshotContent.ts';
import { ChunkedLogStore, type ChunkedLogStoreOptions, UNSYNCED_WRITES_MAX } from './chunkedLogStore.ts';
import { CorruptLogError, type DiskOperation, InvalidBatchError, LogStoreClosedError } from './contract.ts';
import { chunkKey, snapshotKey, VERSION_KEY } from './keys.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { decodeRecordHeader } from './record.ts';
import { batch, command, commands, hard, Listener, snapshotAt } from './testing.ts';

const ALL = Number.MAX_SAFE_INTEGER;
const textOf = (store: ChunkedLogStore) => new TextDecoder().decode(contentBytes(store.snapshot()!.content));

/** What was read back from it, what it was asked to delete, and which of its writes to sync. */
class WatchedDisk extends MemoryDisk {
  readonly reads: string[] = [];
  readonly deleted: string[] = [];
  readonly deletedInVain: string[] = [];
  readonly syncs: boolean[] = [];

  override get(key: string): Uint8Array | undefined {
    this.reads.push(key);
    return super.get(key);
  }

  override write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    this.syncs.push(sync);
    for (const { key, value } of operations) {
      if (value !== null) continue;
      (this.content.has(key) ? this.deleted : this.deletedInVain).push(key);
    }
    super.write(operations, sync, done);
  }
}

/** A store whose writes are done when the test says so. */
class Stepped {
  readonly disk: WatchedDisk;
  readonly store: ChunkedLogStore;
  readonly listener = new Listener();
  private readonly options: Partial<ChunkedLogStoreOptions>;
  private mark = 0;

  constructor(options: Partial<ChunkedLogStoreOptions> = {}, content?: ReadonlyMap<string, Uint8Array>) {
    this.options = options;
    this.disk = new WatchedDisk('by-step', content);
    this.store = ChunkedLogStore.open(this.disk, this.listener, { cacheEntries: 1000, ...options }).store;
    this.disk.reads.length = 0;
  }

  /** Takes a batch, and makes it durable. */
  persist(parts: Parameters<typeof batch>[1]): this {
    this.store.persist(batch(++this.mark, parts));
    return this.run();
  }

  run(): this {
    while (this.disk.step()) {}
    return this;
  }

  reopened(options = this.options): Stepped {
    return new Stepped(options, this.disk.content);
  }

  terms(): (number | undefined)[] {
    const { store } = this;
    return Array.from({ length: store.lastIndex - store.firstIndex + 1 }, (_, i) => store.term(store.firstIndex + i));
  }
}

/** Six entries in a chunk, of terms 1, 1, 1, 1, 2, 2. */
const six = (options?: Partial<ChunkedLogStoreOptions>) =>
  new Stepped(options).persist({ entries: [...commands(1, 4, 1), ...commands(5, 6, 2)] });

describe('terms of a log', () => {
  it('that was cut off are gone after opening again, whatever is appended next', () => {
    const reopened = six().persist({ truncateFrom: 4 }).reopened();
    expect(reopened.terms()).toEqual([1, 1, 1]);
    expect(reopened.persist({ entries: commands(4, 4, 2) }).terms()).toEqual([1, 1, 1, 2]);
  });

  it('that were replaced are gone after opening again', () => {
    const replaced = six().persist({ truncateFrom: 4, entries: commands(4, 5, 2) });
    expect(replaced.reopened().terms()).toEqual([1, 1, 1, 2, 2]);
  });

  it('are forgotten where a snapshot takes the place of the log, be it one of an earlier entry', () => {
    const server = six();
    server.persist({ snapshot: snapshotAt(3, 2), entries: commands(4, 4, 2) });
    expect([server.store.term(3), server.terms()]).toEqual([2, [2]]);
    expect(server.reopened().terms()).toEqual([2]);
  });
});

describe('a snapshot', () => {
  it('that takes the place of the log leaves nothing of it, not of a chunk that it ends in, either', () => {
    const server = six();
    server.store.storeSnapshot(snapshotAt(4, 1), 0);
    server.run().persist({ snapshot: snapshotAt(100, 7), entries: commands(101, 102, 7) });
    for (let i = 0; i < 3; i++) server.persist({ hardState: hard(8 + i) });
    expect(server.disk.deleted).toContain(chunkKey(1, 1));
    expect(server.store.entries(101, 102, ALL).map(({ index }) => index)).toEqual([101, 102]);
    expect(
      server
        .reopened()
        .store.entries(101, 102, ALL)
        .map(({ index }) => index),
    ).toEqual([101, 102]);
  });
});

describe('a read', () => {
  it('does not go on in the next chunk after an entry that did not fit', () => {
    const [small, large, tiny] = [command(1, 1), command(2, 1, 'x'.repeat(500)), command(3, 1, '')];
    const server = new Stepped().persist({ entries: [small, large] }).persist({ entries: [tiny] });
    const read = server.store.entries(1, 3, recordSize(small) + recordSize(tiny));
    expect(read.map(({ index }) => index)).toEqual([1]);
  });

  it('keeps what it read from the disk, as many entries as there are', () => {
    const server = new Stepped({ cacheEntries: 4 });
    for (let chunk = 0; chunk < 3; chunk++) server.persist({ entries: commands(3 * chunk + 1, 3 * chunk + 3, 1) });
    server.disk.reads.length = 0;
    for (let times = 0; times < 2; times++) server.store.entries(1, 3, ALL);
    expect(server.disk.reads).toEqual([chunkKey(1, 1)]);
    expect(server.store.cached.entries).toBe(3);
  });

  it('gives the newest entries as they were given, and no more of them than may be hot', () => {
    const server = new Stepped({ hotEntriesMax: 2, cacheEntries: 100 });
    const all = commands(1, 6, 1);
    for (const entry of all) server.persist({ entries: [entry] });
    const isSame = (index: number) => server.store.entries(index, index, ALL)[0] === all[index - 1];
    expect([isSame(1), isSame(6)]).toEqual([false, true]);
  });

  it('says which entries are lost where a chunk is damaged or missing under it', () => {
    const server = new Stepped({ cacheEntries: 3 });
    for (let chunk = 0; chunk < 4; chunk++) server.persist({ entries: commands(3 * chunk + 1, 3 * chunk + 3, 1) });
    const { store, disk } = server;
    disk.content.delete(chunkKey(1, 1));
    disk.content.set(chunkKey(4, 2), disk.content.get(chunkKey(4, 2))!.slice(0, 5));
    expect(() => store.entries(1, 1, ALL)).toThrow(CorruptLogError);
    expect(() => store.entries(1, 1, ALL)).toThrow(/entries 1 to 3/);
    expect(() => store.entries(5, 5, ALL)).toThrow(CorruptLogError);
    expect(() => store.entries(5, 5, ALL)).toThrow(/entries 4 to 6/);
    store.entries(7, 7, ALL);
    disk.content.delete(chunkKey(10, 4));
    expect(() => store.entries(11, 11, ALL)).toThrow(/entries 10 to 12/);
  });
});

describe('a mark', () => {
  /** The first batch is being written, the second waits, and the third takes of it what it will. */
  const after = (third: Parameters<typeof batch>[1]) => {
    const server = new Stepped();
    server.store.persist(batch(1, { entries: commands(1, 3, 1) }));
    server.store.persist(batch(2, { entries: commands(4, 9, 1) }));
    server.store.persist(batch(3, third));
    server.run();
    return server;
  };

  it('is told though its entries were cut off, or a snapshot took their place', () => {
    for (const third of [
      { truncateFrom: 5 },
      { truncateFrom: 4 },
      { truncateFrom: 2 },
      { snapshot: snapshotAt(3, 1) },
    ]) {
      const { store, listener } = after(third);
      expect([store.durableMark, listener.marks.at(-1)]).toEqual([3, 3]);
    }
  });
});

describe('what takes the place of something', () => {
  it('has it deleted: a snapshot the one before, and the chunks that it holds to their ends', () => {
    const server = six();
    for (const index of [3, 6]) {
      server.store.storeSnapshot(snapshotAt(index, 1), 0);
      server.run();
    }
    for (let i = 0; i < 4; i++) server.persist({ hardState: hard(3 + i) });
    expect(server.disk.deleted).toContain(snapshotKey(3, 2));
    expect(server.disk.deleted).toContain(chunkKey(1, 1));
    expect(server.disk.deletedInVain).toEqual([]);
  });

  it('is not another snapshot of the same index', () => {
    const server = six();
    server.store.storeSnapshot(snapshotAt(3, 1), 0);
    server.run();
    server.store.storeSnapshot(snapshotAt(3, 1, 'other'), 0);
    server.run();
    expect(textOf(server.store)).toBe('s3t1');
    expect(server.listener.snapshots).toEqual([3]);
  });

  it('leaves nothing of it in memory', () => {
    const server = six();
    expect(server.store.cached.entries).toBe(6);
    server.persist({ truncateFrom: 1 });
    expect(server.store.cached.entries).toBe(0);
  });
});

describe('a batch', () => {
  it('that does not fit is refused with what would', () => {
    const server = six();
    const { store } = server;
    store.storeSnapshot(snapshotAt(3, 1), 3);
    const refusal = (parts: Parameters<typeof batch>[1]) => {
      try {
        store.persist(batch(9, parts));
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidBatchError);
        return (error as Error).message;
      }
      return undefined;
    };
    expect(refusal({ snapshot: snapshotAt(2, 1) })).toBe('a snapshot of index 2 in place of one of 3');
    expect(refusal({ truncateFrom: 3 })).toBe('truncation from 3, expected 4 to 7');
    expect(refusal({ truncateFrom: 8 })).toBe('truncation from 8, expected 4 to 7');
    expect(refusal({ entries: commands(8, 8, 2) })).toBe('entry 8 follows entry 6');
    expect(refusal({ truncateFrom: 5, entries: commands(6, 6, 2) })).toBe('entry 6 follows entry 4');
    expect(refusal({ truncateFrom: 7 })).toBeUndefined();
    expect(store.lastIndex).toBe(6);
    server.run();
    // The same one again, in place of what is stored.
    store.persist(batch(10, { snapshot: snapshotAt(3, 1) }));
    expect([store.firstIndex, store.lastIndex]).toEqual([4, 3]);
  });
});

describe('the first write after opening', () => {
  /** What it says of the writes before it. */
  const durableIn = (server: Stepped) => {
    const next = server.store.lastIndex + 1;
    const { disk } = server.persist({ entries: commands(next, next, 3) });
    const key = [...disk.content.keys()]
      .filter((each) => each.startsWith('c'))
      .sort()
      .at(-1)!;
    return decodeRecordHeader(key, disk.content.get(key)).header!.durableSequence;
  };
  const two = () => six().persist({ entries: commands(7, 7, 2) });

  it('says that all before it is durable, but where it has to tidy up after it', () => {
    expect(durableIn(two().reopened())).toBe(2);
    const untold = two();
    untold.disk.content.delete(VERSION_KEY);
    expect(durableIn(untold.reopened())).toBe(1);
  });

  it('deletes nothing that is not there', () => {
    const server = six().reopened();
    for (let i = 0; i < 6; i++) server.persist({ hardState: hard(3 + i) });
    expect(server.disk.deleted.length).toBeGreaterThan(0);
    expect(server.disk.deletedInVain).toEqual([]);
  });
});

describe('a write is synced', () => {
  /** An unsynced batch is written; whether its write was. */
  const isNextSynced = (server: Stepped) => {
    server.persist({ hardState: hard(2, 0, 1), mustSync: false });
    return server.disk.syncs.at(-1);
  };

  it('where its batch asks for it, and otherwise where it is the first of its folder', () => {
    expect(isNextSynced(new Stepped())).toBe(true);
    expect(isNextSynced(six())).toBe(false);
    const reopened = six().reopened();
    expect(isNextSynced(reopened)).toBe(false);
    reopened.persist({ hardState: hard(3) });
    expect(reopened.disk.syncs).toEqual([false, true]);
  });

  it('where it tidies up what an interrupted write left, or says of which version the data are', () => {
    const torn = six().persist({ entries: commands(7, 7, 2) });
    torn.disk.content.set(chunkKey(7, 2), torn.disk.content.get(chunkKey(7, 2))!.slice(0, -1));
    const reopened = torn.reopened();
    expect(isNextSynced(reopened)).toBe(true);
    expect(reopened.disk.deleted).toEqual([chunkKey(7, 2)]);
    expect(isNextSynced(reopened)).toBe(false);
    expect(reopened.disk.deletedInVain).toEqual([]);
    const old = six();
    old.disk.content.delete(VERSION_KEY);
    expect(isNextSynced(old.reopened())).toBe(true);
  });

  it('where so many were not before it, and never later', () => {
    const server = six();
    for (let i = 0; i < 2 * UNSYNCED_WRITES_MAX + 2; i++) isNextSynced(server);
    const unsynced = Array.from({ length: UNSYNCED_WRITES_MAX }, () => false);
    expect(server.disk.syncs).toEqual([true, ...unsynced, true, ...unsynced, true]);
  });

  it('where it only deletes what another one replaced', () => {
    const server = six();
    server.store.storeSnapshot(snapshotAt(6, 2), 0);
    server.run();
    expect(server.disk.deleted).toEqual([chunkKey(1, 1)]);
    expect(server.disk.syncs.length).toBeGreaterThan(2);
    expect(server.disk.syncs).not.toContain(false);
  });
});

describe('one write', () => {
  it('holds as many entries as fit just so, and no mark is told before the last of its own is written', () => {
    const server = new Stepped({ writeBytesMax: 2 * recordSize(command(1, 1)) });
    const { store, disk, listener } = server;
    store.persist(batch(1, { hardState: hard(1) }));
    store.persist(batch(2, { entries: commands(1, 3, 1) }));
    store.persist(batch(3, { entries: commands(4, 5, 1) }));
    disk.step();
    expect(listener.marks).toEqual([1]);
    disk.step();
    expect(decodeRecordHeader('c', disk.get(chunkKey(1, 2))).header!.lastIndex).toBe(2);
    expect(listener.marks).toEqual([1]);
    disk.step();
    // Entries 3 and 4: all of the second batch, and not all of the third.
    expect(listener.marks).toEqual([1, 2]);
    disk.step();
    expect(listener.marks).toEqual([1, 2, 3]);
    expect(Reflect.get(store, 'marks')).toEqual([]);
  });

  it('of the beginning of a batch tells of no mark', () => {
    const server = new Stepped({ writeBytesMax: 1 }).persist({ entries: commands(1, 3, 1) });
    expect(server.listener.marks).toEqual([1]);
  });

  it('that was done leaves the snapshot that came meanwhile', () => {
    const server = six();
    server.store.storeSnapshot(snapshotAt(3, 1), 0);
    server.store.storeSnapshot(snapshotAt(5, 2), 0);
    server.disk.step();
    expect(textOf(server.store)).toBe('s5t2');
    server.run();
    expect(textOf(server.store)).toBe('s5t2');
    expect(textOf(server.reopened().store)).toBe('s5t2');
  });
});

describe('a store that failed, or is closed', () => {
  it('takes nothing any more when it says that it failed', () => {
    const server = six();
    const refusals: unknown[] = [];
    let told = 0;
    server.listener.failed = () => {
      told++;
      for (const act of [
        () => server.store.persist(batch(9, { hardState: hard(9) })),
        () => server.store.storeSnapshot(snapshotAt(3, 1), 0),
      ]) {
        try {
          act();
        } catch (error) {
          refusals.push(error);
        }
      }
    };
    server.disk.failure = new Error('full');
    server.persist({ hardState: hard(2) });
    expect(told).toBe(1);
    expect(refusals.map((each) => each instanceof LogStoreClosedError)).toEqual([true, true]);
    expect(refusals.map((each) => (each as Error).cause)).toEqual([server.disk.failure, server.disk.failure]);
  });

  it('is closed when the write that was under way fails', async () => {
    const server = six();
    server.store.persist(batch(2, { hardState: hard(2) }));
    const closed = server.store.close();
    server.disk.failure = new Error('full');
    server.run();
    await closed;
    expect(server.listener.failures).toEqual([server.disk.failure]);
  });

  it('writes nothing any more where it failed, and is closed with the disk', async () => {
    const server = six();
    server.disk.failure = new Error('full');
    server.persist({ hardState: hard(2) });
    server.disk.failure = undefined;
    await server.store.close();
    expect([server.disk.pendingWrites, server.disk.syncs.length]).toEqual([0, 2]);
  });

  it('writes nothing where it never did', async () => {
    const server = new Stepped();
    await server.store.close();
    expect(server.disk.syncs).toEqual([]);
  });

  it('says what kept its disk from being closed', async () => {
    const server = new Stepped();
    server.disk.close = () => Promise.reject(new Error('busy'));
    await expect(server.store.close()).rejects.toThrow('busy');
  });

  it('writes a synced record when it is closed, after one that was not to be synced', async () => {
    const server = six().persist({ hardState: hard(2), mustSync: false });
    const closed = server.store.close();
    server.run();
    await closed;
    expect(server.disk.syncs).toEqual([true, false, true]);
  });

  it('writes one record more when it is closed, and leaves what is to be deleted to the next start', async () => {
    const server = six();
    server.store.storeSnapshot(snapshotAt(6, 2), 0);
    const closed = server.store.close();
    server.run();
    await closed;
    expect(server.disk.syncs).toEqual([true, true, true]);
    expect(server.disk.get(chunkKey(1, 1))).toBeDefined();
    const reopened = server.reopened().persist({ hardState: hard(3) });
    for (let i = 0; i < 3; i++) reopened.persist({ hardState: hard(4 + i) });
    expect(reopened.disk.deleted).toContain(chunkKey(1, 1));
  });
});
