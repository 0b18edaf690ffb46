import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import {
  LostWritesError,
  type PromisedArea,
  RefusedDataError,
  UnknownFormatError,
  UnknownPromiseError,
} from './contract.ts';
import { SLOT_BYTES } from './journalEntry.ts';
import { chunkKey, PROMISED_KEY, VERSION_KEY } from './keys.ts';
import { MEMORY_AREA, MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { PromisedDisk } from './promisedDisk.ts';
import {
  batch,
  command,
  commands,
  contentOf,
  encodeSlot,
  entriesIn,
  flipped,
  hard,
  Listener,
  Machine,
  randomFrom,
  snapshotAt,
  written,
} from './testing.ts';

const OPTIONS = { cacheEntries: 1000 };
const { halfBytes, blockBytes } = MEMORY_AREA;
const ENTRIES_OF_HALF = halfBytes / blockBytes;

/** What a store shows that is opened on these, or 'refused' where something was lost. */
function shows(content: ReadonlyMap<string, Uint8Array>, promised: Uint8Array): object | string {
  try {
    return contentOf(new Machine(content, promised).store);
  } catch (error) {
    expect(error).toBeInstanceOf(LostWritesError);
    return 'refused';
  }
}

/** `count` writes, and one more, so that nothing is left that is not synced. */
function promisedAll(count: number, machine = new Machine()): Machine {
  written(count, machine);
  machine.store.persist(batch(MARK, { hardState: hard(1, 1, machine.store.lastIndex) }));
  machine.run();
  return machine;
}

/** After any of those. */
const MARK = 100_000;

describe('a disk that remembers what was promised of it', () => {
  it('puts back what an older copy of the disk lacks as far as the journal goes back, and refuses one from before that', () => {
    const machine = new Machine();
    const copies: Map<string, Uint8Array>[] = [];
    // The area begins with an entry of its own.
    for (let i = 0; i < 4 * ENTRIES_OF_HALF - 2; i++) copies.push(written(1, machine).copy().content);
    const { content, promised } = promisedAll(0, machine).copy();
    const whole = contentOf(machine.store);
    const found = copies.map((older) => shows(older, promised));
    const firstWhole = found.findIndex((each) => each !== 'refused');
    expect(found.slice(firstWhole)).toEqual(copies.slice(firstWhole).map(() => whole));
    // The half that is written to, which is full.
    expect(copies.length - firstWhole).toBe(ENTRIES_OF_HALF);
    expect(() => new Machine(copies[0], promised)).toThrow(LostWritesError);
    expect(() => new Machine(undefined, promised)).toThrow(/write \d+ was promised .* do not lead up to it/);
    expect(shows(content, promised)).toEqual(whole);
  });

  it('refuses a disk some of whose writes are gone, or has everything, whatever is left of them', () => {
    const machine = promisedAll(3 * ENTRIES_OF_HALF);
    const { content, promised } = machine.copy();
    const whole = contentOf(machine.store);
    const keys = [...content.keys()].filter((key) => ![VERSION_KEY, PROMISED_KEY].includes(key));
    let refusals = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomFrom(seed);
      const damaged = new Map(content);
      // The last ones, or any.
      const from = seed % 2 === 0 ? 0 : keys.length - 20;
      for (const key of keys.slice(from).filter(() => random() < 0.05)) {
        if (random() < 0.5) damaged.delete(key);
        else damaged.set(key, flipped(content.get(key)!, Math.floor(random() * content.get(key)!.length)));
      }
      try {
        expect(contentOf(new Machine(damaged, promised).store)).toEqual(whole);
      } catch (error) {
        if (!(error instanceof RefusedDataError)) throw error;
        refusals++;
      }
    }
    expect(refusals).toBeGreaterThan(50);
    expect(refusals).toBeLessThan(190);
  });

  it('puts back what only the journal held, before anything else is written', () => {
    const machine = written(3);
    machine.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    machine.area.step();
    // That is what it waits for; the disk gets it later.
    expect(machine.listener.marks).toContain(100);
    expect(machine.disk.keys('c')).toHaveLength(3);
    const again = new Machine(machine.disk.crash().content, machine.area.crash().content);
    expect(again.store.lastIndex).toBe(4);
    again.store.persist(batch(1, { entries: commands(5, 5, 1) }));
    again.disk.step();
    expect(again.disk.keys('c')).toContain(chunkKey(4, 7));
    expect(again.disk.keys('c')).toHaveLength(4);
    again.run();
    expect(again.disk.keys('c')).toHaveLength(5);
  });

  it('carries out again what a write deleted, though it is no record', () => {
    const machine = written(3 * ENTRIES_OF_HALF);
    machine.store.storeSnapshot(snapshotAt(40, 1), 0);
    machine.run();
    promisedAll(4, machine);
    // What went to the disk since it was last synced is lost.
    const { content } = machine.disk.crash();
    const again = new Machine(content, machine.area.crash().content);
    const deleted = [...content.keys()].filter((key) => !machine.disk.content.has(key));
    expect(deleted.length).toBeGreaterThan(0);
    expect(contentOf(again.store)).toEqual(contentOf(machine.store));
    again.run();
    expect(deleted.filter((key) => again.disk.content.has(key))).toEqual([]);
  });

  /** Something that was never reported durable; what a crash leaves of it, and what there was before it. */
  function ahead(how: 'in the journal' | 'not synced') {
    const machine = written(3);
    const before = machine.copy();
    if (how === 'not synced') {
      machine.store.persist(batch(100, { hardState: hard(1, 1, 3), mustSync: false }));
      machine.disk.step();
    } else {
      machine.store.persist(batch(100, { entries: commands(4, 4, 1), hardState: hard(2, 3) }));
      machine.listener.durable = () => {};
      while (machine.area.step());
    }
    return { before, found: machine.copy(), shown: contentOf(machine.store) };
  }

  it.each(['in the journal', 'not synced'] as const)(
    'promises what it found beyond the promised, %s, before it says that it is open: it is missed from then on',
    (how) => {
      const { before, found, shown } = ahead(how);
      const machine = new Machine(found.content, found.promised);
      expect(contentOf(machine.store)).toEqual(shown);
      expect(machine.settled).toEqual([]);
      machine.run();
      expect(machine.settled).toEqual([null]);
      const { content, promised } = machine.copy();
      expect(contentOf(new Machine(content, promised).store)).toEqual(shown);
      // Nothing was written since: the disk loses its end.
      expect(shows(before.content, promised)).toBe('refused');
    },
  );

  it.each(['in the journal', 'not synced'] as const)(
    'finds the same again where a crash interrupts that, %s',
    (how) => {
      const { found, shown } = ahead(how);
      for (let steps = 0; steps <= 3; steps++) {
        for (let seed = 1; seed <= 50; seed++) {
          const machine = new Machine(found.content, found.promised);
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

  it('promises what it found once more where that is what was promised, in the other half: after the end of a process its entry may be in memory only', () => {
    const { content, promised } = written(3).copy();
    const before = entriesIn(promised).at(-1)!;
    const machine = new Machine(content, promised);
    machine.run();
    const { sequence, number, covered } = entriesIn(machine.area.content!).at(-1)!;
    // What was unsynced came after it.
    expect(sequence).toBe(before.sequence + 1);
    expect([number, covered]).toEqual([before.number + 1, before.number]);
    expect(entriesIn(machine.area.content!.subarray(halfBytes)).at(-1)!.number).toBe(number);
    expect(machine.area.content!.subarray(0, halfBytes)).toEqual(promised.subarray(0, halfBytes));
  });

  it('writes nothing where nothing was found', () => {
    const machine = new Machine();
    expect(machine.settled).toEqual([null]);
    expect(machine.disk.step() || machine.area.step()).toBe(false);
  });

  it('says that it could not promise what it found', () => {
    const { content, promised } = written(3).copy();
    const machine = new Machine(content, promised);
    machine.disk.failure = new Error('no space');
    machine.run();
    expect(machine.settled).toEqual([machine.disk.failure]);
  });

  it('goes on where a crash tore the entry of the last write, and the disk has it or not', () => {
    const torn = written(2);
    const before = torn.copy();
    torn.store.persist(batch(100, { entries: commands(3, 3, 1) }));
    torn.run();
    const { content, promised } = torn.copy();
    const first = promised.findIndex((byte, at) => byte !== before.promised[at]);
    const start = first - (first % blockBytes);
    const { bytes } = entriesIn(promised).at(-1)!;
    for (let at = start; at < start + bytes; at++) {
      for (const disk of [content, before.content]) {
        const machine = new Machine(disk, flipped(promised, at));
        const found = machine.store.lastIndex;
        expect(found).toBe(disk === content ? 3 : 2);
        written(1, machine);
        expect(new Machine(machine.disk.content, machine.area.content).store.lastIndex).toBe(found + 1);
      }
    }
  });

  it('has everything, or is refused, whichever of its entries is damaged', () => {
    const machine = promisedAll(3 * ENTRIES_OF_HALF);
    const { content, promised } = machine.copy();
    const whole = contentOf(machine.store);
    for (let at = 9; at < promised.length; at += blockBytes / 2) {
      expect(shows(content, flipped(promised, at)), `byte ${at}`).toEqual(whole);
    }
  });

  it('refuses a journal that is damaged, gone, older than the disk, or of another store', () => {
    const machine = written(3);
    const older = machine.copy().promised;
    written(3, machine);
    const { content, promised } = machine.copy();
    const damaged = promised.slice();
    for (let at = 0; at < damaged.length; at += blockBytes) damaged[at]! ^= 1;
    const another = written(6).copy().promised;
    const mixed = promised.slice();
    mixed.set(another.subarray(0, halfBytes), halfBytes);
    const cases: [Uint8Array | undefined, RegExp][] = [
      [damaged, /is damaged: what these data must hold cannot be told without it/],
      [new Uint8Array(0), /is damaged/],
      [undefined, /is missing/],
      [older, /ends with write 5, these data know that write \d+ was promised: it is damaged, or older than they are/],
      [another, /they do not belong together/],
      [mixed, /they do not belong together/],
    ];
    for (const [found, message] of cases) {
      expect(() => new Machine(content, found)).toThrow(UnknownPromiseError);
      expect(() => new Machine(content, found)).toThrow(message);
    }
  });

  it('refuses a journal of another version, and takes nothing for one that was a value once', () => {
    const { content, promised } = written(2).copy();
    const later = promised.slice();
    later[10] = 9;
    const length = later[4]! | (later[5]! << 8);
    new DataView(later.buffer).setUint32(0, crc32(later.subarray(4, length)), true);
    expect(() => new Machine(content, later)).toThrow(UnknownFormatError);
    const inside = promised.slice();
    const at = halfBytes - 4 * blockBytes;
    inside.set(later.subarray(0, length), at);
    // Another store's, of whatever number.
    inside.set(
      written(9)
        .copy()
        .promised.subarray(4 * blockBytes, 5 * blockBytes),
      at + blockBytes,
    );
    expect(new Machine(content, inside).store.lastIndex).toBe(2);
  });

  it('makes an area anew that was cut short, when the disk has everything', () => {
    const machine = written(3);
    const { content, promised } = machine.copy();
    for (const length of [2 * halfBytes - 1, halfBytes]) {
      const again = new Machine(content, promised.subarray(0, length));
      expect(contentOf(again.store)).toEqual(contentOf(machine.store));
      again.disk.step();
      expect(again.area.content).toHaveLength(length);
      again.run();
      expect(again.area.content).toHaveLength(2 * halfBytes);
      const [last] = entriesIn(again.area.content!);
      expect(last!.number).toBe(entriesIn(promised).at(-1)!.number + 1);
      written(3, again);
      // The first half, whichever the end was found in.
      expect(entriesIn(again.area.content!.subarray(halfBytes))).toEqual([]);
      expect(new Machine(again.disk.content, again.area.content).store.lastIndex).toBe(6);
    }
  });

  it('takes on an area of two slots: the later one counts, the records of both are put back, and it is a journal from then on', () => {
    const machine = written(4);
    const { content, promised } = machine.copy();
    const { storeId } = entriesIn(promised)[0]!;
    const records = entriesIn(promised).slice(-2);
    const area = (boots: readonly [number, number]) => {
      const found = new Uint8Array(2 * SLOT_BYTES);
      records.forEach(({ sequence, checksum, operations }, i) => {
        const binding = { count: boots[i]!, boots: boots[i]!, life: `life ${i}`, previous: '' };
        const values = operations.flatMap(({ value }) => (value === null ? [] : [{ value }]));
        found.set(encodeSlot(storeId, binding, sequence, checksum, values), (1 - i) * SLOT_BYTES);
      });
      return found;
    };
    for (const { operations } of records) for (const { key } of operations) content.delete(key);
    const again = new Machine(content, area([2, 1]));
    expect(again.store.lastIndex).toBe(4);
    again.run();
    expect(again.area.content).toHaveLength(2 * halfBytes);
    expect(entriesIn(again.area.content!)).toEqual([
      expect.objectContaining({ number: 1, sequence: 8, binding: expect.objectContaining({ life: 'life 1' }) }),
    ]);
    expect(new Machine(again.disk.content, again.area.content).store.lastIndex).toBe(4);
    // Of two slots of one write, as a start left that bound it, the one that was bound later.
    const found = area([1, 2]);
    const [{ sequence, checksum }] = [records[1]!];
    const values = records.flatMap(({ operations }) =>
      operations.flatMap(({ value }) => (value === null ? [] : [{ value }])),
    );
    for (const later of [0, 1]) {
      for (const slot of [0, 1]) {
        const binding = { count: slot === later ? 2 : 1, boots: 1, life: `slot ${slot}`, previous: '' };
        found.set(encodeSlot(storeId, binding, sequence, checksum, values), slot * SLOT_BYTES);
      }
      const bound: unknown[] = [];
      PromisedDisk.open(
        new MemoryDisk('by-step', content),
        new MemoryPromisedArea('by-step', found),
        () => storeId,
      ).recover(
        (whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS),
        (binding) => bound.push(binding?.life),
      );
      expect(bound).toEqual([`slot ${later}`]);
    }
  });

  it('takes on data that were written before anything was promised, and guards them from then on', () => {
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
    expect(shows(old, machine.area.content!)).toEqual(contentOf(machine.store));
    written(2 * ENTRIES_OF_HALF, machine);
    expect(shows(old, machine.area.content!)).toBe('refused');
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

  it('says which records it put back, and whether it takes on data of which nothing was promised', () => {
    const opened = (content?: ReadonlyMap<string, Uint8Array>, promised?: Uint8Array) => {
      const area = new MemoryPromisedArea('by-step', promised);
      const disk = PromisedDisk.open(new MemoryDisk('by-step', content), area, () => new Uint8Array(16));
      disk.recover((whole) => ChunkedLogStore.open(whole, new Listener(), OPTIONS));
      return [disk.isAdopted, [...disk.restored].sort()];
    };
    const machine = written(3);
    machine.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    machine.area.step();
    const { content, promised } = machine.copy();
    expect(opened()).toEqual([false, []]);
    expect(opened(content, promised)).toEqual([false, [chunkKey(4, 7)]]);
    const old = new MemoryDisk('by-step');
    ChunkedLogStore.open(old, new Listener(), OPTIONS).store.persist(batch(1, { entries: commands(1, 3, 1) }));
    while (old.step()) {}
    expect(opened(old.content)).toEqual([true, []]);
  });

  it('does not keep the whole area in memory for an entry that was put back', () => {
    const machine = new Machine();
    const reconf = new Entry(1, 1, EntryType.Reconf, Uint8Array.of(1));
    machine.store.persist(batch(1, { entries: [reconf], hardState: hard(1) }));
    machine.run();
    const { content, promised } = machine.copy();
    content.delete(chunkKey(1, 1));
    const again = new Machine(content, promised);
    expect(again.store.configurationEntries()[0]!.data.buffer.byteLength).toBeLessThan(blockBytes);
  });

  it('says that it could not bind what it found, and is closed only when nothing is being bound', async () => {
    const { content, promised } = written(3).copy();
    const memory = new MemoryDisk('by-step', content);
    const area = new MemoryPromisedArea('by-step', promised);
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
    expect(area.content).toEqual(promised);
    bind('two');
    const closed = disk.close().then(() => told.push('closed'));
    await new Promise((resolve) => setImmediate(resolve));
    run();
    await closed;
    expect(told).toEqual(['one full', 'two done', 'closed']);
    const bindings = entriesIn(area.content!).slice(-2);
    expect(bindings.map(({ binding }) => binding)).toEqual([
      undefined,
      { count: 1, boots: 1, life: 'two', previous: '' },
    ]);
  });

  it('writes one entry at a time while it is bound, and again where it could not write', () => {
    const { content, promised } = written(3).copy();
    const memory = new MemoryDisk('by-step', content);
    const area = new MemoryPromisedArea('by-step', promised);
    const under: { write?: (error: Error | null) => void; at?: number } = {};
    const one: PromisedArea = {
      name: 'one entry at a time',
      ...MEMORY_AREA,
      found: promised,
      create: (made, done) => area.create(made, done),
      write: (at, pieces, done) => {
        expect(under.write).toBeUndefined();
        under.at = at;
        under.write = (error) => {
          delete under.write;
          if (error === null) {
            area.write(at, pieces, done);
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
    const bound = under.at!;
    expect(bound).toBe(halfBytes + blockBytes);
    finish(new Error('torn'));
    bind('two');
    expect(under.at).toBe(bound);
    store.persist(batch(100, { entries: commands(4, 4, 1) }));
    expect(memory.step()).toBe(false);
    finish();
    expect(under.at).toBe(bound + blockBytes);
    finish();
    expect([told, listener.marks]).toEqual([['one torn', 'two done'], [100]]);
    const found = entriesIn(area.content!).slice(-2);
    expect(found.map(({ binding }) => binding?.life)).toEqual(['two', 'two']);
    expect(found[0]!.sequence).toBeLessThan(found[1]!.sequence);
  });

  it('tells everybody who waits once, also where it could not settle before, and serves nothing of the journal any more', () => {
    const before = written(3);
    before.store.persist(batch(100, { entries: commands(4, 4, 1) }));
    before.area.step();
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

  it('has a large write and a snapshot on the disk, with everything before them, before their entry is begun', () => {
    for (const isSnapshot of [true, false]) {
      const machine = written(3);
      machine.store.persist(batch(99, { entries: commands(4, 4, 1) }));
      machine.area.step();
      if (isSnapshot) machine.store.storeSnapshot(snapshotAt(2, 1), 0);
      else machine.store.persist(batch(100, { entries: [command(5, 1, 'x'.repeat(halfBytes / 4))] }));
      expect(machine.area.step()).toBe(false);
      machine.disk.step();
      expect(machine.disk.keys('c')).toContain(chunkKey(4, 7));
      while (machine.disk.step());
      expect(machine.listener.marks).not.toContain(100);
      const { content, promised } = machine.copy();
      expect(new Machine(content, promised).store.lastIndex).toBe(isSnapshot ? 4 : 5);
      machine.run();
      const last = entriesIn(machine.area.content!).findLast(({ operations }) => operations.length === 0)!;
      expect([last.sequence, last.covered]).toEqual([8, last.number - 1]);
      expect(new Machine(machine.disk.crash().content, machine.area.content).store.lastIndex).toBe(isSnapshot ? 4 : 5);
      // Without what was on the disk before it, it is nothing.
      expect(() => new Machine(written(3).copy().content, machine.area.content)).toThrow(UnknownPromiseError);
    }
  });
});
