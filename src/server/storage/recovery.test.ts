import { describe, expect, it } from 'vitest';
import { recordsSize } from '../../consensus/entryCodec.ts';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import { CorruptLogError, InvalidBatchError, LogStoreClosedError, UnknownFormatError } from './contract.ts';
import { chunkKey, sequenceOf, stateKey, VERSION_KEY } from './keys.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { encodeRecord, seal } from './record.ts';
import { batch, commands, contentOf, hard, Listener, randomFrom, recordFields, snapshotAt } from './testing.ts';
import { encodeVersion } from './version.ts';

const OPTIONS = { cacheEntries: 1000 };

function open(disk: MemoryDisk, listener = new Listener()) {
  return { listener, ...ChunkedLogStore.open(disk, listener, OPTIONS) };
}

function run(disk: MemoryDisk): void {
  while (disk.step()) {}
}

/** Three durable chunks of three entries each; a clean end unless the test goes on. */
function threeChunks() {
  const disk = new MemoryDisk('by-step');
  const { store, listener } = open(disk);
  for (let mark = 1; mark <= 3; mark++) {
    store.persist(batch(mark, { entries: commands(mark * 3 - 2, mark * 3, mark), hardState: hard(mark) }));
    run(disk);
  }
  return { disk, store, listener };
}

function flipBit(disk: MemoryDisk, key: string, at = -1): void {
  const value = disk.content.get(key)!.slice();
  const position = at < 0 ? value.length + at : at;
  value[position] = value[position]! ^ 1;
  disk.content.set(key, value);
}

describe('opening a log store', () => {
  it('drops a damaged last write that nothing says was durable, and reports it', () => {
    const { disk } = threeChunks();
    flipBit(disk, chunkKey(7, 3));
    const { store, report } = open(disk);
    expect(store.lastIndex).toBe(6);
    expect(store.hardState).toEqual(hard(2));
    expect(report.dropped).toHaveLength(1);
    expect(report.dropped[0]).toMatchObject({ key: chunkKey(7, 3), sequence: 3, firstIndex: 7 });
    expect(report.dropped[0]!.reason).toMatch(/checksum expected 0x[0-9a-f]{8}, found 0x[0-9a-f]{8}/);
  });

  it('refuses a damaged write that a later one says was durable, naming key, range and checksums', () => {
    const { disk } = threeChunks();
    flipBit(disk, chunkKey(4, 2));
    expect(() => open(disk)).toThrow(CorruptLogError);
    expect(() => open(disk)).toThrow(
      /c0000000000000004-0000000000000002 .*entries 4 to 6.*expected 0x[0-9a-f]{8}, found 0x[0-9a-f]{8}/,
    );
  });

  it('finds a flipped bit wherever it is', () => {
    const { disk } = threeChunks();
    const length = disk.content.get(chunkKey(1, 1))!.length;
    for (let at = 0; at < length; at++) {
      const copy = new MemoryDisk('by-step', disk.content);
      flipBit(copy, chunkKey(1, 1), at);
      expect(() => open(copy)).toThrow(CorruptLogError);
    }
  });

  it('refuses a gap', () => {
    const { disk } = threeChunks();
    disk.content.delete(chunkKey(1, 1));
    expect(() => open(disk)).toThrow(
      'log entries 1 to 3 are missing: no chunk holds them, but the record of write 3 says that the log runs from 1 to 9',
    );
  });

  it('refuses a gap at the end, which a record without entries tells of', () => {
    const { disk, store } = threeChunks();
    for (let mark = 4; mark <= 5; mark++) {
      store.persist(batch(mark, { hardState: hard(mark) }));
      run(disk);
    }
    disk.content.delete(chunkKey(7, 3));
    expect(() => open(disk)).toThrow(/log entries 7 to 9 are missing.*from 1 to 9/);
  });

  it('names the range of a damaged write, and not that of one that replaced it from the same entry on', () => {
    const { disk, store } = threeChunks();
    const replaced = disk.content.get(chunkKey(7, 3))!;
    store.persist(batch(4, { truncateFrom: 7, entries: commands(7, 8, 4) }));
    store.persist(batch(5, { entries: commands(9, 9, 4) }));
    run(disk);
    disk.content.set(chunkKey(7, 3), replaced);
    flipBit(disk, chunkKey(7, 3));
    expect(() => open(disk)).toThrow(/c0+7-0+3 \(write 3, entries 7 to 8\)/);
  });

  it('accepts no write that names the right checksum and another number as the one before', () => {
    const { disk } = threeChunks();
    const entries = commands(1, 3, 1);
    const { value, checksum } = encodeRecord(
      { ...recordFields(1, 0, 3), previousTerm: 0 },
      entries,
      recordsSize(entries),
    );
    const fields = { ...recordFields(3, 0, 3), previousSequence: 2, previousChecksum: checksum };
    const content = new Map([
      [VERSION_KEY, disk.content.get(VERSION_KEY)!],
      [chunkKey(1, 1), value],
      [stateKey(3), encodeRecord(fields, [], 0).value],
    ]);
    expect(open(new MemoryDisk('by-step', content)).report.dropped).toMatchObject([{ sequence: 3 }]);
    content.set(stateKey(3), encodeRecord({ ...fields, previousSequence: 1 }, [], 0).value);
    expect(open(new MemoryDisk('by-step', content)).report.dropped).toEqual([]);
  });

  it('refuses to start where the last durable write is missing', () => {
    const { disk } = threeChunks();
    disk.content.delete(chunkKey(4, 2));
    expect(() => open(disk)).toThrow(/the record of write 2, which was durable, is missing/);
  });

  it('does not take replaced entries for those of a lost chunk', () => {
    const { disk, store } = threeChunks();
    const replaced = disk.content.get(chunkKey(7, 3))!;
    store.persist(batch(4, { truncateFrom: 7, entries: commands(7, 9, 4) }));
    run(disk);
    store.persist(batch(5, { entries: commands(10, 10, 4) }));
    run(disk);
    store.persist(batch(6, { entries: commands(11, 11, 4) }));
    run(disk);
    disk.content.set(chunkKey(7, 3), replaced);
    disk.content.delete(chunkKey(7, 4));
    expect(() => open(disk)).toThrow(/log entry 9 has term 3, but the record of write \d+ says 4/);
  });

  it('refuses a damaged or missing snapshot that was durable', () => {
    const { disk, store } = threeChunks();
    store.storeSnapshot(snapshotAt(5, 2), 0);
    run(disk);
    const key = disk.keys('s')[0]!;
    const intact = new MemoryDisk('by-step', disk.content);
    expect(open(intact).store.snapshot()).toMatchObject({ index: 5, term: 2 });
    flipBit(disk, key);
    expect(() => open(disk)).toThrow(/the snapshot that the record of write/);
    disk.content.delete(key);
    expect(() => open(disk)).toThrow(CorruptLogError);
  });

  it('refuses a record of the same write of another server', () => {
    const { disk } = threeChunks();
    const other = new MemoryDisk('by-step');
    open(other).store.persist(batch(1, { entries: commands(1, 3, 1), hardState: hard(1, 2) }));
    run(other);
    disk.content.set(chunkKey(1, 1), other.content.get(chunkKey(1, 1))!);
    expect(() => open(disk)).toThrow(/0001-0+1 is not the record that c0+4-0+2 was written after/);
  });

  it('refuses another format version, of the store or of a record', () => {
    const { disk } = threeChunks();
    const other = new MemoryDisk('by-step', disk.content);
    other.content.set('version', encodeVersion(2));
    expect(() => open(other)).toThrow(UnknownFormatError);
    const record = disk.content.get(chunkKey(1, 1))!.slice();
    record[4] = 9;
    seal(record);
    disk.content.set(chunkKey(1, 1), record);
    expect(() => open(disk)).toThrow(/c0000000000000001-0000000000000001 has format version 9; this program reads 1/);
  });

  it('refuses keys and records that are not where they belong', () => {
    const { disk } = threeChunks();
    const foreign = new MemoryDisk('by-step', disk.content);
    foreign.content.set('c1', new Uint8Array(9));
    expect(() => open(foreign)).toThrow(/the key "c1" is not one of the log store's/);
    const misnamed = new MemoryDisk('by-step', disk.content);
    misnamed.content.set(chunkKey(1, 9), disk.content.get(chunkKey(1, 1))!);
    expect(() => open(misnamed)).toThrow(/the key says write 9 from index 1/);
    disk.content.set(chunkKey(2, 1), disk.content.get(chunkKey(1, 1))!);
    expect(() => open(disk)).toThrow(/the record of write 1 from index 1; the key says write 1 from index 2/);
  });

  it('knows after a clean close that everything was durable', async () => {
    const { disk, store } = threeChunks();
    const closed = store.close();
    run(disk);
    await closed;
    flipBit(disk, chunkKey(7, 3));
    expect(() => open(disk)).toThrow(CorruptLogError);
  });

  it('answers any damage with an error of its own or a shorter log, never with other entries', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = randomFrom(seed);
      const { disk, store } = threeChunks();
      const whole = JSON.stringify(contentOf(store));
      const keys = [...disk.content.keys()];
      const key = keys[Math.floor(random() * keys.length)]!;
      const value = disk.content.get(key)!.slice();
      for (let i = 0; i < 1 + random() * 3; i++)
        value[Math.floor(random() * value.length)] = Math.floor(random() * 256);
      disk.content.set(key, random() < 0.3 ? value.slice(0, Math.floor(random() * value.length)) : value);
      try {
        const { store: found, report } = open(disk);
        if (report.dropped.length === 0) expect(JSON.stringify(contentOf(found))).toBe(whole);
        else expect(found.lastIndex).toBe(6);
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptLogError);
      }
    }
  });
});

describe('crashes that leave a record and undo what stood beside it, again and again', () => {
  /** Writes a vote, and crashes so that only the write's record is left of it; `damage` spoils that too. */
  function crashWithRecordOnly(disk: MemoryDisk, term: number, damage = false): MemoryDisk {
    const before = new Map(disk.content);
    const { store } = open(disk);
    store.persist(batch(1, { hardState: hard(term) }));
    disk.step();
    for (const [key, value] of disk.content) {
      if (before.has(key) || key === VERSION_KEY) continue;
      before.set(key, damage ? value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte)) : value);
    }
    return new MemoryDisk('by-step', before);
  }

  it('do not make the remains of a dropped write look durable (simulator: etcd, seed 103 of an election storm)', () => {
    let { disk } = threeChunks();
    disk = crashWithRecordOnly(disk, 4, true);
    for (let term = 5; term <= 8; term++) disk = crashWithRecordOnly(disk, term);
    const { store, report } = open(disk);
    expect(store.hardState).toEqual(hard(8));
    expect(report.dropped).toHaveLength(1);
  });

  it('do not make a version that was never written look lost', () => {
    let disk = new MemoryDisk('by-step');
    for (let term = 1; term <= 4; term++) disk = crashWithRecordOnly(disk, term);
    expect(open(disk).store.hardState).toEqual(hard(4));
  });
});

describe('the chunked store', () => {
  it('gathers what arrives during a write into one value', () => {
    const disk = new MemoryDisk('by-step');
    const { store, listener } = open(disk);
    for (let mark = 1; mark <= 50; mark++) store.persist(batch(mark, { entries: commands(mark, mark, 1) }));
    expect(disk.pendingWrites).toBe(1);
    disk.step();
    disk.step();
    expect(listener.marks).toEqual([1, 50]);
    expect(disk.keys('c')).toEqual([chunkKey(1, 1), chunkKey(2, 2)]);
  });

  it('splits what passes the bytes of one write, and reports marks only when all of theirs is written', () => {
    const disk = new MemoryDisk('by-step');
    const listener = new Listener();
    const { store } = ChunkedLogStore.open(disk, listener, { cacheEntries: 9, writeBytesMax: 50 });
    store.persist(batch(1, { entries: commands(1, 1, 1) }));
    store.persist(batch(2, { entries: commands(2, 9, 1), hardState: hard(1, 0, 9) }));
    store.persist(batch(3, { entries: commands(10, 10, 1) }));
    const seen: number[][] = [];
    while (disk.step()) seen.push([...listener.marks]);
    expect(seen.length).toBeGreaterThan(3);
    expect(seen[1]).toEqual([1]);
    expect(listener.marks.at(-1)).toBe(3);
    expect(store.entries(1, 10, 1e9)).toHaveLength(10);
  });

  it('never has a snapshot on the disk beyond the end of its log, wherever a crash comes', () => {
    // The first write is under way while entries of several writes gather, and a snapshot is taken of what others committed.
    const begin = () => {
      const disk = new MemoryDisk('by-step');
      const { store } = ChunkedLogStore.open(disk, new Listener(), { cacheEntries: 9, writeBytesMax: 50 });
      store.persist(batch(1, { entries: commands(1, 1, 1) }));
      store.persist(batch(2, { entries: commands(2, 12, 1) }));
      store.storeSnapshot(snapshotAt(10, 1), 100);
      return disk;
    };
    const found: [number, number][] = [];
    for (let steps = 0; ; steps++) {
      const disk = begin();
      let done = 0;
      while (done < steps && disk.step()) done++;
      const { store } = ChunkedLogStore.open(disk.crash(), new Listener(), { cacheEntries: 9 });
      found.push([store.snapshot()?.index ?? 0, store.lastIndex]);
      if (done < steps) break;
    }
    expect(found.at(-1)).toEqual([10, 12]);
    for (const [snapshotIndex, lastIndex] of found) expect(lastIndex).toBeGreaterThanOrEqual(snapshotIndex);
  });

  it('writes what waits in parts of whole batches while there is little of it, and reports each as it is durable', () => {
    const disk = new MemoryDisk('by-step');
    const listener = new Listener();
    const { store } = ChunkedLogStore.open(disk, listener, { cacheEntries: 9, writePartBytes: 60 });
    store.persist(batch(1, { entries: commands(1, 1, 1) }));
    for (let mark = 2; mark <= 5; mark++)
      store.persist(batch(mark, { entries: commands(2 * mark - 2, 2 * mark - 1, 1) }));
    const seen: number[][] = [];
    while (disk.step()) seen.push([...listener.marks]);
    expect(seen).toEqual([[1], [1, 3], [1, 3, 5]]);
    expect(store.entries(1, 9, 1e9)).toHaveLength(9);
  });

  it('stops at a failed write and says so once', async () => {
    const { disk, store, listener } = threeChunks();
    disk.failure = new Error('disk full');
    store.persist(batch(4, { entries: commands(10, 10, 3) }));
    store.persist(batch(5, { entries: commands(11, 11, 3) }));
    run(disk);
    expect(listener.failures.map((error) => error.message)).toEqual(['disk full']);
    expect(listener.marks).toEqual([1, 2, 3]);
    expect(() => store.persist(batch(6, { entries: commands(12, 12, 3) }))).toThrow(LogStoreClosedError);
    await store.close();
  });

  it('deletes the state record that it was opened with once later ones are anchored', () => {
    const disk = new MemoryDisk('by-step');
    let last = 0;
    for (let life = 1; life <= 3; life++) {
      const { store } = open(disk);
      for (let mark = 1; mark <= 4; mark++) {
        store.persist(batch(mark, { hardState: hard(++last) }));
        run(disk);
      }
      // The last one, the one before it, and the one that replaced what may be deleted next.
      const numbers = disk.keys('h').map(sequenceOf);
      const newest = numbers[numbers.length - 1]!;
      expect(numbers).toEqual([newest - 2, newest - 1, newest]);
    }
  });

  it('has its version on the disk with its first write, and writes it no more', () => {
    const disk = new MemoryDisk('by-step');
    const { store } = open(disk);
    store.persist(batch(1, { hardState: hard(1) }));
    run(disk);
    const version = disk.content.get(VERSION_KEY);
    expect(version).toEqual(encodeVersion());
    store.persist(batch(2, { hardState: hard(2) }));
    run(disk);
    expect(disk.content.get(VERSION_KEY)).toBe(version);
  });

  it('never truncates what a snapshot holds', () => {
    const { store } = threeChunks();
    store.storeSnapshot(snapshotAt(7, 3), 5);
    expect(() => store.persist(batch(4, { truncateFrom: 7 }))).toThrow(InvalidBatchError);
    store.persist(batch(4, { truncateFrom: 8 }));
    expect(store.lastIndex).toBe(7);
  });

  it('deletes compacted chunks in bounded portions until none is left', () => {
    const disk = new MemoryDisk('by-step');
    const { store } = open(disk);
    for (let mark = 1; mark <= 1000; mark++) {
      store.persist(batch(mark, { entries: commands(mark, mark, 1) }));
      run(disk);
    }
    store.storeSnapshot(snapshotAt(1000, 1), 3);
    let most = 0;
    for (let before = disk.content.size; disk.step(); before = disk.content.size) {
      most = Math.max(most, before - disk.content.size);
    }
    expect(most).toBeLessThanOrEqual(128);
    expect(disk.keys('c')).toEqual([chunkKey(998, 998), chunkKey(999, 999), chunkKey(1000, 1000)]);
    expect(disk.content.size).toBeLessThan(10);
    expect(open(disk).store.firstIndex).toBe(998);
  });

  it('leaves nothing behind that is of no use, whatever was replaced and in how many lives', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const disk = new MemoryDisk('by-step');
      let term = 1;
      for (let life = 1; life <= 6; life++) {
        const { store } = open(disk);
        for (let i = 0; i < 12; i++) {
          const mark = store.durableMark + 1 + i;
          const { firstIndex, lastIndex } = store;
          const draw = below(10);
          const lowest = (store.snapshot()?.index ?? 0) + 1;
          if (draw < 3 && lastIndex >= lowest) {
            const from = lowest + below(lastIndex - lowest + 1);
            store.persist(batch(mark, { truncateFrom: from, entries: commands(from, from + below(3), ++term) }));
          } else if (draw < 5) store.persist(batch(mark, { hardState: hard(++term) }));
          else if (draw === 5 && lastIndex >= firstIndex) {
            store.storeSnapshot(snapshotAt(lastIndex, store.term(lastIndex)!), below(4));
          } else store.persist(batch(mark, { entries: commands(lastIndex + 1, lastIndex + 1 + below(3), term) }));
          run(disk);
        }
      }
      const { store, report } = open(disk);
      // What a write made useless goes with the one after the next.
      for (let mark = 1; mark <= 3; mark++) {
        store.persist(batch(store.durableMark + mark, { hardState: hard(term + mark) }));
        run(disk);
      }
      const { chunks } = open(disk).report;
      expect(disk.keys('c').length, `seed ${seed}, which began with ${report.chunks} chunks`).toBe(chunks);
      expect(disk.keys('h').length).toBeLessThanOrEqual(3);
      expect(disk.keys('s').length).toBeLessThanOrEqual(1);
    }
  });

  it('keeps no more in memory than it may, and reads the rest back', () => {
    const disk = new MemoryDisk('by-step');
    const options = { cacheEntries: 100, hotEntriesMax: 10 };
    const { store } = ChunkedLogStore.open(disk, new Listener(), options);
    for (let mark = 1; mark <= 200; mark++) {
      store.persist(batch(mark, { entries: commands(mark * 10 - 9, mark * 10, 1) }));
      run(disk);
      expect(store.cached.entries).toBeLessThanOrEqual(100);
    }
    for (let from = 1; from <= 2000; from += 7) {
      const found = store.entries(from, from + 24, 1e9).map((entry) => entry.index);
      expect(found).toEqual(Array.from({ length: Math.min(25, 2001 - from) }, (_, i) => from + i));
      expect(store.cached.entries).toBeLessThanOrEqual(100);
    }
  });
});
