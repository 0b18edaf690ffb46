import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { recordSize, recordsSize } from '../../consensus/entryCodec.ts';
import { ChunkCache, type ChunkCacheLimits, LoadedChunk } from './chunkCache.ts';
import { CorruptLogError } from './contract.ts';
import { encodeRecord } from './record.ts';
import { command, randomFrom, recordFields } from './testing.ts';

const ALL = Number.MAX_SAFE_INTEGER;

/** A chunk as a write makes it, its entries as objects, too, where it is hot. */
function chunkOf(sequence: number, entries: readonly Entry[], isHot: boolean): LoadedChunk {
  const first = entries[0]!.index;
  const last = first + entries.length - 1;
  // Of their own: encoding leaves its mark on an entry.
  const own = entries.map(({ index, term, type, data }) => new Entry(index, term, type, data));
  const { value, entriesStart } = encodeRecord(recordFields(sequence, sequence - 1, last), own, recordsSize(own));
  return new LoadedChunk(sequence, first, last, value, entriesStart, isHot ? entries : null);
}

function plain(entries: readonly Entry[]): unknown[] {
  return entries.map(({ index, term, type, data }) => [index, term, type, Buffer.from(data).toString('latin1')]);
}

describe('a chunk in memory', () => {
  it.each([true, false])('reads what a plain list holds, wherever it read before (as objects: %s)', (isHot) => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const first = 1 + below(300);
      const entries = Array.from({ length: 1 + below(12) }, (_, i) =>
        command(first + i, 1 + below(200), 'x'.repeat(below(200))),
      );
      const chunk = chunkOf(seed, entries, isHot);
      expect(chunk.entryCount).toBe(entries.length);
      for (let read = 0; read < 30; read++) {
        const from = below(entries.length);
        const to = from + below(entries.length - from);
        const sizes = entries.slice(from, to + 1).map(recordSize);
        // Right at a bound, below it, or beyond all.
        const fitting = sizes.slice(0, below(sizes.length + 1)).reduce((sum, size) => sum + size, 0);
        const maxBytes = below(4) === 0 ? ALL : Math.max(0, fitting - below(2));
        const before = below(2) === 0 ? [] : [command(7, 1)];
        const expected: Entry[] = [...before];
        let bytes = 0;
        for (const [at, size] of sizes.entries()) {
          if (bytes + size > maxBytes && expected.length > 0) break;
          bytes += size;
          expected.push(entries[from + at]!);
        }
        const into = [...before];
        expect(chunk.read(first + from, first + to, maxBytes, into)).toBe(bytes);
        expect(plain(into)).toEqual(plain(expected));
      }
    }
  });

  it('refuses what does not hold the entries that it should, and says where', () => {
    const entries = [command(5, 1), command(6, 1), command(7, 1)];
    const { value, entriesStart } = chunkOf(9, entries, false);
    const second = entriesStart + recordSize(entries[0]!);
    const chunk = (bytes: Uint8Array, first = 5) => new LoadedChunk(9, first, first + 2, bytes, entriesStart, null);
    const damaged = (at: number, byte: number) => Uint8Array.from(value, (each, i) => (i === at ? byte : each));
    const cases: [LoadedChunk, number, RegExp][] = [
      [chunk(value, 4), 4, /entry 5, expected 4/],
      [chunk(damaged(entriesStart, 0x31)), 5, /no record/],
      // The first is passed over on the way to the second.
      [chunk(damaged(entriesStart, 0x31)), 6, /no record/],
      [chunk(damaged(second, 0x31)), 6, /no record/],
      [chunk(value.subarray(0, value.length - 1)), 7, /bytes/],
    ];
    for (const [each, from, cause] of cases) {
      const error = captured(() => each.read(from, from, ALL, []));
      expect(error).toBeInstanceOf(CorruptLogError);
      expect((error as Error).message).toMatch(/^chunk of write 9, entries \d to \d$/);
      expect(String((error as Error).cause)).toMatch(cause);
    }
  });

  it('is read on from where it was read to: what was read is passed over at no cost', () => {
    const entries = [command(5, 1), command(6, 1), command(7, 1)];
    const chunk = chunkOf(9, entries, false);
    chunk.read(5, 6, ALL, []);
    // Who looked at it again would find no record there.
    chunk.value[chunk.entriesStart] = 0x31;
    const into: Entry[] = [];
    chunk.read(7, 7, ALL, into);
    expect(plain(into)).toEqual(plain(entries.slice(2)));
    expect(() => chunk.read(6, 6, ALL, [])).toThrow(CorruptLogError);
  });

  it('hides no mistake that is not one of its bytes', () => {
    const into = Object.freeze([]) as unknown as Entry[];
    expect(() => chunkOf(1, [command(1, 1)], false).read(1, 1, ALL, into)).toThrow(TypeError);
  });
});

function captured(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The rule in its own words: one list in the order of use, one in the order of writing. */
class SlowCache {
  inUse: LoadedChunk[] = [];
  hot: LoadedChunk[] = [];
  private readonly limits: ChunkCacheLimits;

  constructor(limits: ChunkCacheLimits) {
    this.limits = limits;
  }

  get(sequence: number): LoadedChunk | undefined {
    const found = this.inUse.find((chunk) => chunk.sequence === sequence);
    if (found !== undefined) this.inUse = [...this.inUse.filter((chunk) => chunk !== found), found];
    return found;
  }

  add(chunk: LoadedChunk, isHot: boolean): void {
    const { entriesMax, bytesMax, hotEntriesMax, hotBytesMax } = this.limits;
    this.inUse.push(chunk);
    if (isHot) this.hot.push(chunk);
    while (isHot && this.hot.length > 1 && isOver(this.hot, hotEntriesMax, hotBytesMax)) this.hot.shift();
    while (this.inUse.length > 1 && isOver(this.inUse, entriesMax, bytesMax)) this.delete(this.inUse[0]!.sequence);
  }

  delete(sequence: number): void {
    this.inUse = this.inUse.filter((chunk) => chunk.sequence !== sequence);
    this.hot = this.hot.filter((chunk) => chunk.sequence !== sequence);
  }
}

function isOver(chunks: readonly LoadedChunk[], entriesMax: number, bytesMax: number): boolean {
  return sum(chunks, 'entryCount') > entriesMax || sum(chunks, 'costBytes') > bytesMax;
}

function sum(chunks: readonly LoadedChunk[], what: 'entryCount' | 'costBytes'): number {
  return chunks.reduce((total, chunk) => total + chunk[what], 0);
}

describe('the chunks kept in memory', () => {
  const makers = [1, 2, 3, 4, 9].map((count) => Array.from({ length: count }, (_, i) => command(i + 1, 1)));

  /** Everything that is kept, by both; what is as objects is so by both. */
  function compare(cache: ChunkCache, slow: SlowCache, all: readonly LoadedChunk[]): void {
    const found = [cache.entryCount, cache.byteCount];
    const expected = [sum(slow.inUse, 'entryCount'), sum(slow.inUse, 'costBytes')];
    expect(found).toEqual(expected);
    expect(all.filter(({ hotEntries }) => hotEntries !== null)).toEqual(slow.hot);
  }

  it('are those that the slow twin keeps', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const byEntries = below(2) === 0;
      const limits: ChunkCacheLimits = {
        entriesMax: byEntries ? 5 + below(20) : ALL,
        bytesMax: byEntries ? ALL : 1000 + below(4000),
        hotEntriesMax: below(2) === 0 ? below(12) : ALL,
        hotBytesMax: below(2) === 0 ? below(2500) : ALL,
      };
      const cache = new ChunkCache(limits);
      const slow = new SlowCache(limits);
      const all: LoadedChunk[] = [];
      for (let step = 1; step <= 80; step++) {
        const draw = below(10);
        const sequence = Math.max(1, all.length - below(12));
        if (draw < 5) {
          const isHot = below(4) > 0;
          const chunk = chunkOf(all.length + 1, makers[below(makers.length)]!, isHot);
          all.push(chunk);
          cache.add(chunk);
          slow.add(chunk, isHot);
        } else if (draw < 9) expect(cache.get(sequence)).toBe(slow.get(sequence));
        else {
          cache.delete(sequence);
          slow.delete(sequence);
        }
        compare(cache, slow, all);
      }
      // The order of use decides who goes next.
      for (let count = 0; count < 12; count++) {
        const chunk = chunkOf(all.length + 1, makers[4]!, false);
        all.push(chunk);
        cache.add(chunk);
        slow.add(chunk, false);
        compare(cache, slow, all);
      }
      for (const { sequence } of all) expect(cache.get(sequence)).toBe(slow.get(sequence));
    }
  });

  it('go on being cooled in the order of writing after very many', () => {
    const limits = { entriesMax: 20, bytesMax: ALL, hotEntriesMax: 5, hotBytesMax: ALL };
    const cache = new ChunkCache(limits);
    const chunks = Array.from({ length: 2600 }, (_, i) => chunkOf(i + 1, makers[0]!, true));
    for (const [at, chunk] of chunks.entries()) {
      cache.add(chunk);
      const hot = chunks.slice(Math.max(0, at - 4), at + 1);
      if (hot.some(({ hotEntries }) => hotEntries === null))
        expect.unreachable(`one of the last five is cold at ${at}`);
      const cooled = chunks[at - 5];
      if (cooled !== undefined && cooled.hotEntries !== null) expect.unreachable(`chunk ${at - 4} is still hot`);
    }
    expect(chunks.slice(-5).every(({ hotEntries }) => hotEntries !== null)).toBe(true);
    expect(cache.entryCount).toBe(20);
    // Each of the others would be held with its bytes.
    expect((Reflect.get(cache, 'hot') as readonly LoadedChunk[]).length).toBeLessThan(2000);
  });

  it('stay as objects up to the very bound in bytes', () => {
    const chunks = [1, 2, 3].map((sequence) => chunkOf(sequence, makers[0]!, true));
    const hotBytesMax = chunks[0]!.costBytes + chunks[1]!.costBytes;
    const cache = new ChunkCache({ entriesMax: ALL, bytesMax: ALL, hotEntriesMax: ALL, hotBytesMax });
    const hotOf = () => chunks.map(({ hotEntries }) => hotEntries !== null);
    for (const chunk of chunks.slice(0, 2)) cache.add(chunk);
    expect(hotOf()).toEqual([true, true, true]);
    cache.add(chunks[2]!);
    expect(hotOf()).toEqual([false, true, true]);
  });
});

it('entries of every type are read as they were written', () => {
  const types = Object.values(EntryType);
  const entries = types.map((type, i) => new Entry(i + 1, 3, type, Uint8Array.of(i)));
  const into: Entry[] = [];
  chunkOf(1, entries, false).read(1, types.length, ALL, into);
  expect(plain(into)).toEqual(plain(entries));
});
