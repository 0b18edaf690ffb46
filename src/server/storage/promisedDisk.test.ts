import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import {
  LostWritesError,
  type PromisedArea,
  type PromisedSlots,
  RefusedDataError,
  UnknownFormatError,
  UnknownPromiseError,
} from './contract.ts';
import { chunkKey, PROMISED_KEY, VERSION_KEY } from './keys.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { PromisedDisk } from './promisedDisk.ts';
import { COPIED_BYTES_MAX, decodeSlot } from './promisedSlot.ts';
import {
  batch,
  command,
  commands,
  contentOf,
  flipped,
  hard,
  Listener,
  Machine,
  randomFrom,
  snapshotAt,
  written,
} from './testing.ts';

const OPTIONS = { cacheEntries: 1000 };

/** With the checksum of its header put right. */
function resealed(slot: Uint8Array): Uint8Array {
  const view = new DataView(slot.buffer);
  view.setUint32(0, crc32(slot.subarray(4, view.getUint16(4, true))), true);
  return slot;
}

describe('a disk that remembers what was promised of it', () => {
  it('refuses every older copy of the disk beside the newest slots', () => {
    const machine = new Machine();
    const copies: Map<string, Uint8Array>[] = [];
    for (let i = 0; i < 6; i++) copies.push(written(1, machine).copy().content);
    const { content, slots } = machine.copy();
    expect(new Machine(content, slots).store.lastIndex).toBe(6);
    for (const older of copies.slice(0, 3)) expect(() => new Machine(older, slots)).toThrow(LostWritesError);
    expect(() => new Machine(undefined, slots)).toThrow(/write 11 was promised .* do not lead up to it/);
    // The slots hold all that came after these.
    for (const recent of copies.slice(3)) expect(new Machine(recent, slots).store.lastIndex).toBe(6);
  });

  it('refuses a disk whose last writes are gone, whatever is left of them', () => {
    const { content, slots } = written(6).copy();
    const keys = [...content.keys()].filter((key) => ![VERSION_KEY, PROMISED_KEY].includes(key));
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomFrom(seed);
      const damaged = new Map(content);
      const lost = keys.filter(() => random() < 0.3);
      for (const key of lost) {
        if (random() < 0.5) damaged.delete(key);
        else damaged.set(key, flipped(content.get(key)!, Math.floor(random() * content.get(key)!.length)));
      }
      let store: ChunkedLogStore | undefined;
      try {
        store = new Machine(damaged, slots).store;
      } catch (error) {
        expect(error).toBeInstanceOf(RefusedDataError);
      }
      if (store !== undefined) {
        expect(store.entries(1, 6, 1e9).map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
        expect(store.hardState.commit).toBeGreaterThanOrEqual(5);
      }
    }
  });

  it('puts back what only the slots held, before anything else is written', () => {
    const machine = written(3);
    machine.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    while (machine.area.step()) {}
    // The slot is durable, the disk is not: neither is the write, and both outcomes would be right.
    expect(machine.listener.marks).not.toContain(100);
    const again = new Machine(machine.disk.crash().content, machine.area.crash().content);
    expect(again.store.lastIndex).toBe(4);
    again.store.persist(batch(1, { entries: commands(5, 5, 1) }));
    again.disk.step();
    expect(again.disk.keys('c')).toContain(chunkKey(4, 7));
    expect(again.disk.keys('c')).toHaveLength(4);
    again.run();
    expect(again.disk.keys('c')).toHaveLength(5);
  });

  /** A fourth entry that was never reported durable; what a crash leaves of it, and what there was before it. */
  function ahead(how: 'on the disk' | 'in a slot' | 'not synced') {
    const machine = written(3);
    const before = machine.copy();
    if (how === 'not synced') {
      machine.store.persist(batch(100, { hardState: hard(1, 1, 3), mustSync: false }));
      machine.disk.step();
    } else {
      machine.store.persist(batch(100, { entries: commands(4, 4, 1), hardState: hard(2, 3) }));
      while ((how === 'in a slot' ? machine.area : machine.disk).step()) {}
    }
    expect(machine.listener.marks).not.toContain(how === 'not synced' ? 101 : 100);
    const found = machine.copy();
    return { before, found, shown: contentOf(machine.store) };
  }

  it.each(['on the disk', 'in a slot', 'not synced'] as const)(
    'promises what it found beyond the promised, %s, before it says that it is open: it is missed from then on',
    (how) => {
      const { before, found, shown } = ahead(how);
      const shows = (content: Map<string, Uint8Array>, slots: PromisedSlots) => {
        try {
          return contentOf(new Machine(content, slots).store);
        } catch (error) {
          expect(error).toBeInstanceOf(LostWritesError);
          return 'refused';
        }
      };
      const machine = new Machine(found.content, found.slots);
      expect(contentOf(machine.store)).toEqual(shown);
      expect(machine.settled).toEqual([]);
      machine.run();
      expect(machine.settled).toEqual([null]);
      const { content, slots } = machine.copy();
      expect(contentOf(new Machine(content, slots).store)).toEqual(shown);
      // Nothing was written since: the disk loses its end.
      expect([shown, 'refused']).toContainEqual(shows(before.content, slots));
      if (how !== 'in a slot') expect(shows(before.content, slots)).toBe('refused');
    },
  );

  it.each(['on the disk', 'in a slot', 'not synced'] as const)(
    'finds the same again where a crash interrupts that, %s',
    (how) => {
      const { found, shown } = ahead(how);
      for (let steps = 0; steps <= 3; steps++) {
        for (let seed = 1; seed <= 50; seed++) {
          const machine = new Machine(found.content, found.slots);
          for (let step = 0; step < steps; step++) if (!machine.disk.step()) machine.area.step();
          const random = randomFrom(seed);
          const again = new Machine(machine.disk.crash(random).content, machine.area.crash(random).content);
          expect(contentOf(again.store)).toEqual(shown);
          again.run();
          expect(again.settled).toEqual([null]);
        }
      }
    },
  );

  it('takes to the disk what an ended process had left in memory only', () => {
    const { disk, area, store } = written(3);
    store.persist(batch(100, { hardState: hard(1, 1, 3), mustSync: false }));
    while (disk.step()) {}
    const machine = new Machine(undefined, area.content, disk);
    const shown = contentOf(machine.store);
    machine.run();
    expect(machine.settled).toEqual([null]);
    const again = new Machine(machine.disk.crash().content, machine.area.crash().content);
    expect(contentOf(again.store)).toEqual(shown);
  });

  it('promises what it found once more where that is what was promised: after the end of a process its slot may be in memory only', () => {
    const before = written(3);
    before.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    before.run();
    const { content, slots } = before.copy();
    const sequences = (of: PromisedSlots) => of.map((slot) => decodeSlot(slot)!.sequence);
    const last = Math.max(...sequences(slots));
    expect(sequences(slots)).not.toEqual([last, last]);
    const machine = new Machine(content, slots);
    machine.run();
    expect(sequences(machine.area.content!)).toEqual([last, last]);
  });

  it('writes nothing where nothing was found', () => {
    const machine = new Machine();
    expect(machine.settled).toEqual([null]);
    expect(machine.disk.step() || machine.area.step()).toBe(false);
  });

  it('says that it could not promise what it found', () => {
    const { content, slots } = written(3).copy();
    const machine = new Machine(content, slots);
    machine.disk.failure = new Error('no space');
    machine.run();
    expect(machine.settled).toEqual([machine.disk.failure]);
  });

  it('goes on where a crash tore the slot of the last write', () => {
    const torn = written(2);
    torn.store.persist(batch(100, { entries: commands(3, 3, 1) }));
    torn.run();
    const { content, slots } = torn.copy();
    const last = decodeSlot(slots[0])!.sequence > decodeSlot(slots[1])!.sequence ? 0 : 1;
    const length = decodeSlot(slots[last])!.records.reduce((sum, { value }) => sum + value.length, 0);
    for (let at = 0; at < length; at++) {
      const found = slots.map((slot, i) => (i === last ? flipped(slot, at) : slot)) as unknown as PromisedSlots;
      const machine = new Machine(content, found);
      expect(machine.store.lastIndex).toBe(3);
      written(1, machine);
      expect(new Machine(machine.disk.content, machine.area.content).store.lastIndex).toBe(4);
    }
  });

  it('refuses slots that are damaged both, gone, older than the disk, or of another store', () => {
    const machine = written(3);
    const older = machine.copy().slots;
    written(3, machine);
    const { content, slots } = machine.copy();
    const damaged: PromisedSlots = [flipped(slots[0], 9), flipped(slots[1], 40)];
    const cases: [PromisedSlots | undefined, RegExp][] = [
      [damaged, /is damaged: what these data must hold cannot be told without it/],
      [[new Uint8Array(0), new Uint8Array(0)], /is damaged/],
      [undefined, /is missing/],
      [older, /ends with write 5, these data know that write \d+ was promised: it is damaged, or older than they are/],
      [written(6).copy().slots, /they do not belong together/],
      [[slots[0], written(6).copy().slots[1]], /they do not belong together/],
    ];
    for (const [found, message] of cases) {
      expect(() => new Machine(content, found)).toThrow(UnknownPromiseError);
      expect(() => new Machine(content, found)).toThrow(message);
    }
  });

  it('refuses slots of another version', () => {
    const { content, slots } = written(2).copy();
    const other = Uint8Array.from(slots[0]);
    other[10] = 9;
    expect(() => new Machine(content, [resealed(other), resealed(other)])).toThrow(UnknownFormatError);
  });

  it('takes on data that were written before there were slots, and guards them from then on', () => {
    const disk = new MemoryDisk('by-step');
    const { store } = ChunkedLogStore.open(disk, new Listener(), OPTIONS);
    store.persist(batch(1, { entries: commands(1, 3, 1), hardState: hard(1) }));
    while (disk.step()) {}
    const old = new Map(disk.content);
    const machine = new Machine(old);
    expect(machine.store.lastIndex).toBe(3);
    machine.store.persist(batch(2, { entries: commands(4, 4, 1) }));
    machine.run();
    expect(machine.disk.get(PROMISED_KEY)).toBeDefined();
    written(2, machine);
    expect(() => new Machine(old, machine.area.content)).toThrow(LostWritesError);
  });

  it('makes durable what it takes on before it names it, whatever an earlier process left in memory only', () => {
    for (let steps = 0; steps <= 5; steps++) {
      const disk = new MemoryDisk('by-step');
      const { store } = ChunkedLogStore.open(disk, new Listener(), OPTIONS);
      store.persist(batch(1, { entries: commands(1, 3, 1), hardState: hard(1) }));
      disk.step();
      store.persist(batch(2, { hardState: hard(1, 1, 3), mustSync: false }));
      disk.step();
      const machine = new Machine(undefined, undefined, disk);
      expect(machine.store.hardState.commit).toBe(3);
      for (let step = 0; step < steps; step++) if (!machine.area.step()) machine.disk.step();
      const again = new Machine(machine.disk.crash().content, machine.area.crash().content);
      expect(again.store.lastIndex).toBe(3);
      if (machine.area.content !== undefined) expect(again.store.hardState.commit).toBe(3);
    }
  });

  it('says which records it put back, and whether it takes on data that had no slots', () => {
    const opened = (content?: ReadonlyMap<string, Uint8Array>, slots?: PromisedSlots) => {
      const area = new MemoryPromisedArea('by-step', slots);
      const disk = PromisedDisk.open(new MemoryDisk('by-step', content), area, () => new Uint8Array(16));
      disk.recover((whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS));
      return [disk.isAdopted, [...disk.restored].sort()];
    };
    const machine = written(3);
    machine.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    while (machine.area.step()) {}
    const { content, slots } = machine.copy();
    expect(opened()).toEqual([false, []]);
    expect(opened(content, slots)).toEqual([false, [chunkKey(4, 7)]]);
    const old = new MemoryDisk('by-step');
    ChunkedLogStore.open(old, new Listener(), OPTIONS).store.persist(batch(1, { entries: commands(1, 3, 1) }));
    while (old.step()) {}
    expect(opened(old.content)).toEqual([true, []]);
  });

  it('says that it could not bind what it found, and is closed only when nothing is being bound', async () => {
    const { content, slots } = written(3).copy();
    const memory = new MemoryDisk('by-step', content);
    const area = new MemoryPromisedArea('by-step', slots);
    const disk = PromisedDisk.open(memory, area, () => new Uint8Array(16));
    disk.recover((whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS));
    const told: string[] = [];
    const bind = (life: string) =>
      disk.bind({ boots: 1, life, previous: '' }, (error) => told.push(`${life} ${error?.message ?? 'done'}`));
    const run = () => {
      while (memory.step() || area.step()) {}
    };
    memory.failure = new Error('full');
    bind('one');
    run();
    memory.failure = undefined;
    expect(area.content!.map((slot) => decodeSlot(slot)!.binding)).toEqual([undefined, undefined]);
    bind('two');
    const closed = disk.close().then(() => told.push('closed'));
    await new Promise((resolve) => setImmediate(resolve));
    run();
    await closed;
    expect(told).toEqual(['one full', 'two done', 'closed']);
    const bindings = area.content!.map((slot) => decodeSlot(slot)!.binding);
    expect(bindings).toContainEqual({ count: 1, boots: 1, life: 'two', previous: '' });
    expect(bindings).toContain(undefined);
  });

  it('writes to one slot at a time while it is bound, and again to the one that it could not write', () => {
    const { content, slots } = written(3).copy();
    const memory = new MemoryDisk('by-step', content);
    const area = new MemoryPromisedArea('by-step', slots);
    const under: { write?: (error: Error | null) => void; slot?: number } = {};
    const one: PromisedArea = {
      name: 'one slot at a time',
      found: slots,
      create: (made, done) => area.create(made, done),
      write: (slot, pieces, done) => {
        expect(under.write).toBeUndefined();
        under.slot = slot;
        under.write = (error) => {
          delete under.write;
          if (error === null) {
            area.write(slot, pieces, done);
            area.step();
          } else done(error);
        };
      },
      close: () => area.close(),
    };
    const disk = PromisedDisk.open(memory, one, () => new Uint8Array(16));
    const listener = new Listener();
    const { store } = disk.recover((whole) => ChunkedLogStore.open(whole, listener, OPTIONS));
    const finish = (error: Error | null = null) => {
      while (memory.step()) {}
      under.write!(error);
    };
    const told: string[] = [];
    const bind = (life: string) =>
      disk.bind({ boots: 1, life, previous: '' }, (error) => told.push(`${life} ${error?.message ?? 'done'}`));
    bind('one');
    finish();
    const bound = under.slot;
    finish(new Error('torn'));
    bind('two');
    expect(under.slot).toBe(bound);
    store.persist(batch(100, { entries: commands(4, 4, 1) }));
    expect(memory.step()).toBe(false);
    finish();
    expect(under.slot).toBe(1 - bound!);
    finish();
    expect([told, listener.marks]).toEqual([['one torn', 'two done'], [100]]);
    const found = area.content!.map((slot) => decodeSlot(slot)!);
    expect(found.map(({ binding }) => binding?.life)).toEqual(['two', 'two']);
    expect(found[bound!]!.sequence).toBeLessThan(found[1 - bound!]!.sequence);
  });

  it('tells everybody who waits once, also where it could not settle before, and serves nothing of the slots any more', () => {
    const before = written(3);
    before.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    while (before.area.step()) {}
    const memory = new MemoryDisk('by-step', before.disk.content);
    const area = new MemoryPromisedArea('by-step', before.area.content);
    const disk = PromisedDisk.open(memory, area, () => new Uint8Array(16));
    const defect = () => {
      throw new TypeError('a defect');
    };
    expect(() => disk.recover(defect)).toThrow(TypeError);
    disk.recover((whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS));
    const told: string[] = [];
    const settle = (name: string) => disk.settle((error) => told.push(`${name} ${error?.message ?? 'done'}`));
    const run = () => {
      while (memory.step() || area.step()) {}
    };
    memory.failure = new Error('full');
    settle('first');
    run();
    memory.failure = undefined;
    settle('second');
    run();
    settle('third');
    expect(told).toEqual(['first full', 'second done', 'third done']);
    expect(memory.pendingWrites).toBe(0);
    memory.content.delete(chunkKey(4, 7));
    expect(disk.get(chunkKey(4, 7))).toBeUndefined();
    expect(() => disk.write([{ key: 'x', value: null }], true, () => {})).toThrow('a write without a record');
  });

  it('has a large write and a snapshot on the disk before their slot is begun', () => {
    for (const isSnapshot of [true, false]) {
      const machine = written(3);
      if (isSnapshot) machine.store.storeSnapshot(snapshotAt(2, 1), 0);
      else machine.store.persist(batch(100, { entries: [command(4, 1, 'x'.repeat(COPIED_BYTES_MAX))] }));
      expect(machine.area.step()).toBe(false);
      machine.disk.step();
      expect(machine.listener.marks).not.toContain(100);
      const { content, slots } = machine.copy();
      expect(new Machine(content, slots).store.lastIndex).toBe(isSnapshot ? 3 : 4);
      machine.run();
      const older = written(3).copy().content;
      expect(() => new Machine(older, machine.area.content)).toThrow(UnknownPromiseError);
      for (const key of machine.disk.content.keys()) if (!content.has(key)) machine.disk.content.delete(key);
      expect(new Machine(machine.disk.content, machine.area.content).store.lastIndex).toBe(isSnapshot ? 3 : 4);
    }
  });
});
