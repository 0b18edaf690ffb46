import { describe, expect, it } from 'vitest';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import { LostWritesError, type PromisedArea } from './contract.ts';
import { chunkKey, PROMISED_KEY, snapshotKey, stateKey } from './keys.ts';
import { MEMORY_AREA, MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { PromisedDisk, throwIfPromised } from './promisedDisk.ts';
import { encodeRecord } from './record.ts';
import {
  batch,
  command,
  commands,
  contentOf,
  entriesIn,
  flipped,
  hard,
  Listener,
  Machine,
  Postponed,
  recordFields,
  snapshotAt,
  written,
} from './testing.ts';

const OPTIONS = { cacheEntries: 1000 };
const { halfBytes, blockBytes } = MEMORY_AREA;
/** Of values, and of what names them. */
const COPIED_BYTES_MAX = halfBytes / 4;

describe('what an entry copies', () => {
  /** A new disk whose writes are of records without entries; each is carried out at once. */
  function disk() {
    const memory = new MemoryDisk('by-step');
    const area = new MemoryPromisedArea('by-step');
    const promised = PromisedDisk.open(memory, area, () => new Uint8Array(16));
    promised.recover((whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS));
    const run = () => {
      while (memory.step() || area.step()) {}
    };
    let sequence = 0;
    return {
      memory,
      area,
      promised,
      /** Returns what was said of it, and its bytes. */
      write: (sync: boolean, bytes = 0, deleted: readonly string[] = []) => {
        sequence++;
        const { value } = encodeRecord(recordFields(sequence, 0, 0), [], 0);
        const padded = new Uint8Array(Math.max(bytes, value.length));
        padded.set(value);
        let said: Error | null | undefined;
        const deletions = deleted.map((key) => ({ key, value: null }));
        promised.write([...deletions, { key: stateKey(sequence), value: padded }], sync, (error) => {
          said = error;
        });
        run();
        return { said, bytes: padded.length };
      },
      /** Of the entry of the last write. */
      copied: () => {
        const entry = entriesIn(area.content!).findLast((each) => each.sequence === sequence);
        return entry?.operations.map(({ key, value }) => (value === null ? `no ${key}` : key));
      },
    };
  }

  it('is every write since the synced one before it, whatever was written before that, with its deletions', () => {
    const { write, copied } = disk();
    for (let i = 1; i <= 3; i++) {
      write(true);
      expect(copied()).toEqual([stateKey(i)]);
    }
    write(false, 0, ['a', 'b']);
    write(false);
    write(true, 0, ['c']);
    expect(copied()).toEqual(['no a', 'no b', stateKey(4), stateKey(5), 'no c', stateKey(6)]);
  });

  it('is nothing of more bytes than it has room for, by themselves or together, and of later ones again', () => {
    for (const tooMany of [0, 1]) {
      const { write, copied } = disk();
      write(true);
      const first = write(false).bytes;
      write(true, COPIED_BYTES_MAX - first + tooMany);
      expect(copied()).toHaveLength(tooMany === 0 ? 2 : 0);
      for (let i = 0; i < 40; i++) {
        write(true, COPIED_BYTES_MAX / 2);
        expect(copied()).toHaveLength(1);
      }
    }
  });

  it('is nothing of more keys than its header has room for, and nothing of a snapshot', () => {
    const { write, copied } = disk();
    const keys = (count: number) => Array.from({ length: count }, (_, i) => chunkKey(i, i));
    write(true, 0, keys(8));
    expect(copied()).toHaveLength(9);
    write(true, 0, keys(9));
    expect(copied()).toEqual([]);
    write(true);
    expect(copied()).toHaveLength(1);
    const machine = written(3);
    machine.store.storeSnapshot(snapshotAt(2, 1), 10);
    machine.run();
    expect(machine.disk.keys('s')).toEqual([snapshotKey(2, 7)]);
    const found = entriesIn(machine.area.content!).find(({ sequence }) => sequence === 7)!;
    expect(found.operations).toEqual([]);
  });

  it('stands in blocks of its own', () => {
    const { write, area } = disk();
    for (let i = 0; i < 60; i++) {
      const before = area.content;
      write(true, i * 7);
      const after = area.content!;
      if (before === undefined) continue;
      const starts = [...after.keys()].filter((at) => at % blockBytes === 0);
      const changed = starts.filter(
        (at) => Buffer.compare(before.subarray(at, at + blockBytes), after.subarray(at, at + blockBytes)) !== 0,
      );
      const { bytes } = entriesIn(after).at(-1)!;
      // What was zero may still be.
      expect(changed.length).toBeGreaterThan(0);
      expect(changed.at(-1)! - changed[0]!).toBeLessThan(bytes);
    }
  });
});

describe('a write', () => {
  const store = (memory: MemoryDisk, area: PromisedArea) => {
    const disk = PromisedDisk.open(memory, area, () => new Uint8Array(16));
    return { disk, ...disk.recover((whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS)) };
  };

  it('is refused before what was found was compared with what was promised', () => {
    const disk = PromisedDisk.open(new MemoryDisk(), new MemoryPromisedArea(), () => new Uint8Array(16));
    expect(() => disk.write([{ key: 'x', value: null }], true, () => {})).toThrow(
      'was not compared with what was promised',
    );
    expect(() => disk.bind({ boots: 1, life: 'l', previous: '' }, () => {})).toThrow('was not compared');
  });

  it('failed where the journal did, and a large one where the disk did', () => {
    for (const failing of ['journal', 'large'] as const) {
      const machine = written(3);
      const failure = new Error('full');
      if (failing === 'journal') {
        machine.area.write = (_at, _pieces, done) => done(failure);
      } else machine.disk.failure = failure;
      const data = failing === 'large' ? 'x'.repeat(COPIED_BYTES_MAX) : '';
      machine.store.persist(batch(100, { entries: [command(4, 1, data)] }));
      machine.run();
      expect([machine.listener.failures, machine.listener.marks.includes(100)], failing).toEqual([[failure], false]);
    }
  });

  it('failed where the disk did not get what was promised before it, which is in the journal', () => {
    for (const how of ['nothing follows', 'synced', 'not synced'] as const) {
      const machine = written(3);
      machine.disk.failure = new Error('full');
      machine.store.persist(batch(100, { entries: commands(4, 4, 1) }));
      machine.area.step();
      expect(machine.listener.marks).toContain(100);
      if (how !== 'nothing follows') {
        machine.store.persist(batch(101, { hardState: hard(2), mustSync: how === 'synced' }));
        machine.disk.step();
        // It has room again, and lacks a write.
        machine.disk.failure = undefined;
      }
      machine.run();
      expect([machine.listener.failures, machine.listener.marks.includes(101)]).toEqual([[new Error('full')], false]);
      expect(() => machine.store.persist(batch(102, {}))).toThrow('stopped after a failed write');
      expect(new Machine(machine.disk.crash().content, machine.area.crash().content).store.lastIndex).toBe(4);
    }
  });

  it('waits for the disk where it has to be made durable there before the journal can go on, and fails where that failed', () => {
    for (const failure of [undefined, new Error('full')]) {
      const machine = written(3);
      let mark = 100;
      const write = () => {
        const { lastIndex } = machine.store;
        machine.store.persist(batch(++mark, { entries: commands(lastIndex + 1, lastIndex + 1, 1) }));
      };
      const isDone = () => machine.listener.marks.includes(mark);
      machine.disk.failure = failure;
      for (let isGoingOn = true; isGoingOn; ) {
        write();
        machine.area.step();
        isGoingOn = isDone();
      }
      // Two halves, but for what was in the first before.
      expect(mark - 100).toBeGreaterThan(halfBytes / blockBytes);
      expect(mark - 100).toBeLessThanOrEqual((2 * halfBytes) / blockBytes + 1);
      expect(machine.area.step()).toBe(false);
      machine.run();
      expect(isDone()).toBe(failure === undefined);
      expect(machine.listener.failures).toEqual(failure === undefined ? [] : [failure]);
      const { lastIndex } = machine.store;
      const found = new Machine(machine.disk.crash().content, machine.area.crash().content).store.lastIndex;
      expect(found).toBe(failure === undefined ? lastIndex : lastIndex - 1);
    }
  });

  it('is not synced on the disk, where it shows with its entry, or at once where it need not be synced', () => {
    const machine = written(1);
    const synced: boolean[] = [];
    const { write } = machine.disk;
    machine.disk.write = function (operations, sync, done) {
      synced.push(sync);
      write.call(this, operations, sync, done);
    };
    for (const mustSync of [true, false, true]) {
      machine.store.persist(batch(100 + synced.length, { hardState: hard(2 + synced.length), mustSync }));
      machine.run();
    }
    expect(synced).toEqual([false, false, false]);
    expect(machine.listener.marks.slice(-3)).toEqual([100, 101, 102]);
  });

  it('is synced on the disk where an entry holds no copy of it', () => {
    const machine = written(3);
    machine.store.persist(batch(100, { entries: [command(4, 1, 'x'.repeat(COPIED_BYTES_MAX))] }));
    machine.run();
    expect(machine.listener.marks).toContain(100);
    expect(new Machine(machine.disk.crash().content, machine.area.crash().content).store.lastIndex).toBe(4);
  });

  it('that is the first of a store comes after its area is made, and the disk names that', () => {
    const machine = new Machine();
    machine.store.persist(batch(1, { entries: commands(1, 1, 1) }));
    const steps: string[] = [];
    while (!machine.listener.marks.includes(1)) {
      if (machine.area.step()) steps.push('area');
      else if (machine.disk.step()) steps.push('disk');
    }
    expect(steps).toEqual(['area', 'disk', 'area']);
    expect(machine.disk.crash().content.has(PROMISED_KEY)).toBe(true);
  });

  /** Three entries that the journal has and the disk has not, nor is told to write before `postponed` is run. */
  function lagging() {
    const postponed = new Postponed();
    const machine = new Machine(undefined, undefined, undefined, postponed.later);
    machine.store.persist(batch(99, { hardState: hard(1) }));
    machine.run();
    for (let index = 1; index <= 3; index++) {
      machine.store.persist(batch(100 + index, { entries: commands(index, index, 1) }));
      machine.area.step();
    }
    expect(machine.listener.marks.at(-1)).toBe(103);
    expect([machine.disk.pendingWrites, machine.disk.keys('c')]).toEqual([0, []]);
    return { machine, postponed };
  }

  it('is done before the disk is told of it, which it is with those that came meanwhile, a while later', () => {
    const { machine, postponed } = lagging();
    expect(postponed.count).toBe(1);
    postponed.run();
    expect(machine.disk.pendingWrites).toBe(1);
    machine.disk.step();
    expect(machine.disk.keys('c')).toHaveLength(3);
    machine.store.persist(batch(104, { entries: commands(4, 4, 1) }));
    machine.area.step();
    expect([machine.disk.pendingWrites, postponed.count]).toEqual([0, 1]);
    // It shows as if the disk had it.
    expect(contentOf(machine.store)).toEqual(
      contentOf(new Machine(undefined, machine.area.content, machine.disk).store),
    );
  });

  it.each(['a snapshot', 'a large write', 'an unsynced write', 'the turn of the journal', 'closing'] as const)(
    'is taken to the disk by %s, however long the disk might wait',
    async (how) => {
      const { machine } = lagging();
      const { store } = machine;
      const add = (mark: number, data = '') =>
        store.persist(batch(mark, { entries: [command(store.lastIndex + 1, 1, data)] }));
      let closing: Promise<void> | undefined;
      if (how === 'a snapshot') store.storeSnapshot(snapshotAt(1, 1), 10);
      else if (how === 'a large write') add(104, 'x'.repeat(COPIED_BYTES_MAX));
      else if (how === 'an unsynced write') store.persist(batch(104, { hardState: hard(1, 0, 3), mustSync: false }));
      else if (how === 'closing') closing = store.close();
      else
        for (let mark = 104; machine.disk.pendingWrites === 0 && mark < 200; mark++) {
          add(mark);
          machine.area.step();
        }
      machine.run();
      await closing;
      expect(machine.disk.keys('c').slice(0, 3)).toEqual([1, 2, 3].map((index) => chunkKey(index, index + 1)));
      const isSynced = how !== 'an unsynced write' && how !== 'closing';
      expect(machine.disk.crash().keys('c').length).toBeGreaterThanOrEqual(isSynced ? 3 : 0);
    },
  );

  it('is found again where the disk never got it, and put there before anything new', () => {
    const { machine } = lagging();
    const whole = contentOf(machine.store);
    const again = new Machine(machine.disk.crash().content, machine.area.crash().content);
    expect(contentOf(again.store)).toEqual(whole);
    again.run();
    expect(again.disk.crash().keys('c')).toHaveLength(3);
  });

  it('is in no journal where it is large and the disk failed, and keeps nobody from closing the store', async () => {
    const machine = written(3);
    const before = machine.area.content;
    machine.disk.failure = new Error('full');
    machine.store.persist(batch(100, { entries: [command(4, 1, 'x'.repeat(COPIED_BYTES_MAX))] }));
    machine.run();
    expect(machine.area.content).toEqual(before);
    await machine.store.close();
  });

  it('is on the disk before that is closed', async () => {
    const machine = written(3);
    const closed: string[] = [];
    machine.disk.close = async () => void closed.push('disk');
    machine.area.close = async () => void closed.push('journal');
    const closing = machine.store.close();
    machine.area.step();
    await new Promise((resolve) => setImmediate(resolve));
    expect([closed, machine.disk.pendingWrites]).toEqual([[], 1]);
    machine.disk.step();
    await closing;
    expect(closed).toEqual(['journal', 'disk']);
  });

  it('that deletes what the journal gave back is seen, once that was settled and no sooner', () => {
    const before = written(3);
    before.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    before.area.step();
    const memory = new MemoryDisk('by-step', before.disk.content);
    const area = new MemoryPromisedArea('by-step', before.area.content);
    const { disk } = store(memory, area);
    const key = chunkKey(4, 7);
    const told: string[] = [];
    memory.failure = new Error('full');
    disk.settle((error) => told.push(error?.message ?? 'done'));
    while (memory.step() || area.step()) {}
    expect([told, disk.get(key) !== undefined]).toEqual([['full'], true]);
    memory.failure = undefined;
    disk.settle((error) => told.push(error?.message ?? 'done'));
    while (memory.step() || area.step()) {}
    memory.content.delete(key);
    expect([told, disk.get(key)]).toEqual([['full', 'done'], undefined]);
  });

  it('is closed with its journal first: with the disk goes the lock that keeps other processes away', async () => {
    const closed: string[] = [];
    const [memory, area] = [new MemoryDisk(), new MemoryPromisedArea()];
    memory.close = async () => void closed.push('disk');
    area.close = async () => void closed.push('journal');
    await store(memory, area).disk.close();
    expect(closed).toEqual(['journal', 'disk']);
  });
});

describe('data that are damaged where no entry has a copy that they lack', () => {
  it('are damaged, and did not lose their end', () => {
    const machine = new Machine();
    // More than the journal goes back.
    for (let index = 1; index <= 40; index++) {
      machine.store.persist(batch(index, { entries: commands(index, index, 1) }));
      machine.run();
    }
    void machine.store.close();
    machine.run();
    const again = new Machine(machine.disk.content, machine.area.content);
    again.run();
    const { content, promised } = again.copy();
    content.set(chunkKey(1, 1), flipped(content.get(chunkKey(1, 1))!, 20));
    expect(() => new Machine(content, promised)).toThrow(expect.objectContaining({ name: 'CorruptLogError' }));
  });
});

describe('a disk that is not there', () => {
  it('is missed where something was promised of it, and only bound to a start where nothing was', () => {
    const bound: unknown[] = [];
    const check = (area: PromisedArea) => throwIfPromised(area, '/log', (found) => void bound.push(found));
    const machine = new Machine();
    machine.store.persist(batch(1, { entries: commands(1, 1, 1) }));
    machine.area.step();
    // The area is made, and the crash comes before anything else.
    expect(entriesIn(machine.area.content!).map(({ sequence }) => sequence)).toEqual([0]);
    check(new MemoryPromisedArea('by-step', machine.area.content));
    check(new MemoryPromisedArea('by-step'));
    machine.run();
    expect(() => check(new MemoryPromisedArea('by-step', machine.area.content))).toThrow(LostWritesError);
    expect(bound).toEqual([undefined, undefined]);
  });
});
