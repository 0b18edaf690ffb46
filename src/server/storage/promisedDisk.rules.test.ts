import { describe, expect, it } from 'vitest';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import { LostWritesError, type PromisedArea } from './contract.ts';
import { chunkKey, stateKey } from './keys.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { PromisedDisk, throwIfPromised } from './promisedDisk.ts';
import { COPIED_BYTES_MAX, COPIED_RECORDS_MAX, decodeSlot } from './promisedSlot.ts';
import { encodeRecord } from './record.ts';
import { batch, command, commands, flipped, hard, Listener, Machine, recordFields, written } from './testing.ts';

const OPTIONS = { cacheEntries: 1000 };

describe('what a slot copies', () => {
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
      /** Returns what was said of it. */
      write: (sync: boolean, bytes = 0) => {
        sequence++;
        const { value } = encodeRecord(recordFields(sequence, 0, 0), [], 0);
        const padded = new Uint8Array(Math.max(bytes, value.length));
        padded.set(value);
        let said: Error | null | undefined;
        const operations = [{ key: stateKey(sequence), value: padded }];
        promised.write(operations, sync, (error) => {
          said = error;
        });
        run();
        return { said, bytes: padded.length };
      },
      /** How many records the slot of the last write holds. */
      copied: () => {
        const slots = area.content!.map((slot) => decodeSlot(slot));
        return slots.find((slot) => slot?.sequence === sequence)?.records.length;
      },
    };
  }

  it('is every write since the synced one before it, whatever was written before that', () => {
    const { write, copied } = disk();
    for (let i = 0; i < 3; i++) {
      write(true);
      expect(copied()).toBe(1);
    }
    write(false);
    write(false);
    write(true);
    expect(copied()).toBe(3);
  });

  it('is nothing of more records than its header has room for', () => {
    for (const count of [COPIED_RECORDS_MAX, COPIED_RECORDS_MAX + 1]) {
      const { write, copied } = disk();
      write(true);
      for (let i = 1; i < count; i++) write(false);
      write(true);
      expect(copied()).toBe(count === COPIED_RECORDS_MAX ? count : 0);
      write(true);
      expect(copied()).toBe(1);
    }
  });

  it('is nothing of more bytes than it has room for, by themselves or together, and of later ones again', () => {
    for (const tooMany of [0, 1]) {
      const { write, area } = disk();
      write(true);
      const first = write(false).bytes;
      write(true, COPIED_BYTES_MAX - first + tooMany);
      const lengths = () => area.content!.map((slot) => slot.length);
      expect(Math.max(...lengths()) > COPIED_BYTES_MAX).toBe(tooMany === 0);
      for (let i = 0; i < 4; i++) write(true, COPIED_BYTES_MAX / 2);
      expect(Math.min(...lengths())).toBeGreaterThan(COPIED_BYTES_MAX / 2);
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

  it('failed where either the disk or the slot did, and a large one where the disk did', () => {
    for (const failing of ['disk', 'slot', 'large'] as const) {
      const machine = written(3);
      const failure = new Error('full');
      if (failing === 'slot') {
        machine.area.write = (_slot, _pieces, done) => done(failure);
      } else machine.disk.failure = failure;
      const data = failing === 'large' ? 'x'.repeat(COPIED_BYTES_MAX) : '';
      machine.store.persist(batch(100, { entries: [command(4, 1, data)] }));
      machine.run();
      expect([machine.listener.failures, machine.listener.marks.includes(100)], failing).toEqual([[failure], false]);
    }
  });

  it('is not synced where it need not be, also not for what follows it', () => {
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
    expect(synced).toEqual([true, false, true]);
  });

  it('is synced on the disk also where a slot holds no copy of it', () => {
    const machine = written(3);
    machine.store.persist(batch(100, { entries: [command(4, 1, 'x'.repeat(COPIED_BYTES_MAX))] }));
    machine.run();
    expect(machine.listener.marks).toContain(100);
    expect(new Machine(machine.disk.crash().content, machine.area.crash().content).store.lastIndex).toBe(4);
  });

  it('that is the first of a store is the second thing that its disk does: the first names its slots', () => {
    const machine = new Machine();
    machine.store.persist(batch(1, { entries: commands(1, 1, 1) }));
    let steps = 0;
    for (; !machine.listener.marks.includes(1); steps++) {
      machine.area.step();
      machine.disk.step();
      expect(steps).toBeLessThan(10);
    }
    expect([steps, machine.disk.pendingWrites]).toEqual([2, 0]);
  });

  it('that deletes what a slot gave back is seen, once that was settled and no sooner', () => {
    const before = written(3);
    before.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    while (before.area.step()) {}
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

  it('is closed with its slots first: with the disk goes the lock that keeps other processes away', async () => {
    const closed: string[] = [];
    const [memory, area] = [new MemoryDisk(), new MemoryPromisedArea()];
    memory.close = async () => void closed.push('disk');
    area.close = async () => void closed.push('slots');
    await store(memory, area).disk.close();
    expect(closed).toEqual(['slots', 'disk']);
  });
});

describe('data that are damaged where no slot has a copy that they lack', () => {
  it('are damaged, and did not lose their end', () => {
    const machine = new Machine();
    for (let index = 1; index <= 4; index++) {
      machine.store.persist(batch(index, { entries: commands(index, index, 1) }));
      machine.run();
    }
    const { content, slots } = machine.copy();
    content.set(chunkKey(1, 1), flipped(content.get(chunkKey(1, 1))!, 20));
    expect(() => new Machine(content, slots)).toThrow(expect.objectContaining({ name: 'CorruptLogError' }));
  });
});

describe('a disk that is not there', () => {
  it('is missed where something was promised of it, and only bound to a start where nothing was', () => {
    const bound: unknown[] = [];
    const check = (area: PromisedArea) => throwIfPromised(area, '/log', (found) => void bound.push(found));
    const machine = new Machine();
    machine.store.persist(batch(1, { entries: commands(1, 1, 1) }));
    machine.area.step();
    // The slots are made, and the crash comes before anything else.
    const named = decodeSlot(machine.area.content![0])!;
    expect(named.sequence).toBe(0);
    check(new MemoryPromisedArea('by-step', machine.area.content));
    check(new MemoryPromisedArea('by-step'));
    machine.run();
    expect(() => check(new MemoryPromisedArea('by-step', machine.area.content))).toThrow(LostWritesError);
    expect(bound).toEqual([undefined, undefined]);
  });
});
