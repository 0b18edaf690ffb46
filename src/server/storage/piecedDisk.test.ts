import { describe, expect, it } from 'vitest';
import { WRITE_BYTES_MAX } from './chunkedLogStore.ts';
import { type DiskOperation, UnknownFormatError } from './contract.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { PIECED_DISK_LIMITS, PiecedDisk } from './piecedDisk.ts';
import { decodeRecordHeader, seal } from './record.ts';
import { randomFrom } from './testing.ts';

const LIMITS = { wholeBytesMax: 25, pieceBytes: 10 };

const bytesOf = (length: number, first = 0) => Uint8Array.from({ length }, (_, at) => (first + at) % 256);
const put = (key: string, length: number, first = 0): DiskOperation => ({ key, value: bytesOf(length, first) });
const remove = (key: string): DiskOperation => ({ key, value: null });
const keysOf = (below: MemoryDisk) => [...below.content.keys()].sort();
const PIECES_OF_C = ['lc/000000', 'lc/000001', 'lc/000002', 'lc/000003'];

/** Writes, and has the disk below finish all that it was asked for. Returns what was said of the write. */
function written(disk: PiecedDisk, below: MemoryDisk, operations: readonly DiskOperation[], sync = true) {
  let said: Error | null | undefined;
  disk.write(operations, sync, (error) => {
    said = error;
  });
  while (below.step());
  return said;
}

function opened<T extends MemoryDisk = MemoryDisk>(below = new MemoryDisk('by-step') as T) {
  return { below, disk: new PiecedDisk(below, LIMITS) };
}

/** Notes of each write whether it was to be synced, and how much it deleted. */
class Counted extends MemoryDisk {
  readonly writes: { readonly sync: boolean; readonly deletions: number }[] = [];

  override write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    this.writes.push({ sync, deletions: operations.filter(({ value }) => value === null).length });
    super.write(operations, sync, done);
  }
}

describe('a disk that takes large values in pieces', () => {
  it('gives back what was put, whole or in pieces, also when it is opened again', () => {
    const { below, disk } = opened();
    const sizes = [0, 1, 25, 26, 30, 31, 400];
    const operations = sizes.map((size, i) => put(`c${i}`, size, i));
    expect(written(disk, below, operations)).toBeNull();
    for (const again of [disk, new PiecedDisk(below, LIMITS), new PiecedDisk(below)]) {
      expect(sizes.map((_, i) => again.get(`c${i}`))).toEqual(operations.map(({ value }) => value));
    }
    expect([...below.content].every(([, value]) => value.length <= LIMITS.wholeBytesMax)).toBe(true);
  });

  it('wrote all of a large value at once, with everything else waiting', () => {
    const { below, disk } = opened();
    let isDone = false;
    disk.write([put('c', 40), put('h', 1)], true, () => {
      isDone = true;
    });
    disk.write([put('h2', 2)], false, () => expect(isDone).toBe(true));
    for (const piece of PIECES_OF_C) {
      expect(below.pendingWrites).toBe(1);
      below.step();
      expect(keysOf(below).at(-1)).toBe(piece);
    }
    expect([isDone, below.pendingWrites, disk.get('c')]).toEqual([false, 2, undefined]);
    below.step();
    expect([isDone, keysOf(below)]).toEqual([true, ['c', 'h', ...PIECES_OF_C]]);
    below.step();
    expect(disk.get('h2')).toEqual(bytesOf(2));
  });

  it('has each piece durable before the head is written', () => {
    const { below, disk } = opened();
    disk.write([put('c', 40)], false, () => {});
    for (const _ of PIECES_OF_C) below.step();
    expect(keysOf(below.crash())).toEqual(PIECES_OF_C);
  });

  it('leaves no value where a crash comes between the pieces, and deletes them later', () => {
    const { below, disk } = opened();
    written(disk, below, [put('h', 1)]);
    disk.write([put('c', 40)], true, () => {});
    below.step();
    below.step();
    const again = opened(below.crash());
    expect(keysOf(again.below)).toEqual(['h', 'lc/000000', 'lc/000001']);
    expect(again.disk.get('c')).toBeUndefined();
    expect(again.disk.keys('c')).toEqual([]);
    written(again.disk, again.below, [put('h2', 1)], false);
    expect(keysOf(again.below)).toContain('lc/000000');
    written(again.disk, again.below, [put('h3', 1)]);
    written(again.disk, again.below, [put('h4', 1)]);
    expect(keysOf(again.below)).toEqual(['h', 'h2', 'h3', 'h4']);
  });

  it('deleted the pieces of an interrupted write that were another value of the same key by then', () => {
    const { below, disk } = opened();
    disk.write([put('c', 40)], true, () => {});
    below.step();
    below.step();
    const again = opened(below.crash());
    written(again.disk, again.below, [put('c', 28, 7)]);
    for (let i = 0; i < 3; i++) written(again.disk, again.below, [put(`h${i}`, 1)]);
    expect(again.disk.get('c')).toEqual(bytesOf(28, 7));
    expect(keysOf(again.below).filter((key) => key.startsWith('l'))).toEqual(PIECES_OF_C.slice(0, 3));
  });

  it('deletes the pieces of a deleted value once nothing can bring back its head', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', 40)]);
    const again = opened(below);
    written(again.disk, below, [remove('c')], false);
    expect([again.disk.get('c'), keysOf(below)]).toEqual([undefined, PIECES_OF_C]);
    written(again.disk, below, [put('h', 1)], false);
    expect(keysOf(below)).toEqual(['h']);
  });

  it('has a deleted value back whole where a crash undoes the deletion', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', 40)]);
    disk.write([remove('c')], false, () => {});
    disk.write([put('h', 1)], false, () => {});
    expect(opened(below.crash()).disk.get('c')).toEqual(bytesOf(40));
  });

  it('has a deletion durable that was not to be synced: pieces may go into a later file of LevelDB, which is synced without it', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', 40)]);
    written(disk, below, [remove('c')], false);
    expect(keysOf(below.crash())).toEqual(PIECES_OF_C);
  });

  it('says what of a value is left where something of it is missing or damaged, and never makes up the rest', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', 40)]);
    below.content.delete('lc/000002');
    expect(disk.get('c')).toEqual(bytesOf(20));
    below.content.set('lc/000002', bytesOf(100));
    expect(disk.get('c')).toEqual(bytesOf(20));
    for (const piece of PIECES_OF_C) below.content.delete(piece);
    expect(disk.get('c')).toEqual(new Uint8Array(0));
    const head = below.content.get('c')!;
    for (let bit = 0; bit < head.length * 8; bit++) {
      const flipped = head.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      below.content.set('c', flipped);
      expect(disk.get('c'), `bit ${bit}`).toEqual(flipped);
      expect(decodeRecordHeader('c', disk.get('c')).damage, `bit ${bit}`).toBeDefined();
    }
  });

  it('is refused by versions of the program that know no pieces', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', 40)]);
    expect(() => decodeRecordHeader('c', below.get('c'))).toThrow(UnknownFormatError);
  });

  it('says that a piece could not be written, and writes no head then', () => {
    const { below, disk } = opened();
    below.failure = new Error('no room');
    expect(written(disk, below, [put('c', 40)])).toBe(below.failure);
    expect(written(disk, below, [put('h', 1)])).toBe(below.failure);
    expect(keysOf(below)).toEqual([]);
  });

  it('shows each value whole as it was put last, a later one, or none, after crashes that tear what was not synced', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      let at = opened();
      /** What may be found under each key: what was there when all was last known to be durable, and everything since. */
      let possible = new Map<string, (number | undefined)[]>();
      let last = new Map<string, number | undefined>();
      for (let step = 0; step < 40; step++) {
        const key = `c${below(3)}`;
        const isThere = last.get(key) !== undefined;
        const length = isThere ? undefined : 20 + below(60);
        const operation = length === undefined ? remove(key) : put(key, length, length);
        const sync = below(2) === 0;
        at.disk.write([operation, put('h', 1)], sync, (error) => {
          expect(error).toBeNull();
          if (sync) possible = new Map();
        });
        possible.set(key, [...(possible.get(key) ?? [last.get(key)]), length]);
        last.set(key, length);
        const isCrash = below(8) === 0;
        for (let steps = isCrash ? below(4) : 100; steps > 0 && at.below.step(); steps--);
        if (!isCrash) continue;
        at = opened(at.below.crash(random));
        last = new Map([...last].map(([each, length]) => [each, found(at.disk, each, possible.get(each) ?? [length])]));
        possible = new Map([...last].map(([each, length]) => [each, [length]]));
      }
    }
  });

  it('keeps whole what is as long as it may be, and nothing longer', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', LIMITS.wholeBytesMax)]);
    expect(keysOf(below)).toEqual(['c']);
    written(disk, below, [put('d', LIMITS.wholeBytesMax + 1)]);
    expect(keysOf(below)).toEqual(['c', 'd', 'ld/000000', 'ld/000001', 'ld/000002']);
  });

  it('carries out what came meanwhile in its order, be it large or small', () => {
    const { below, disk } = opened();
    const done: string[] = [];
    for (const [key, length] of [
      ['a', 40],
      ['b', 1],
      ['c', 40],
      ['d', 1],
      ['e', 1],
    ] as const) {
      disk.write([put(key, length)], true, () => done.push(key));
    }
    while (below.step());
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('syncs what it was asked to, and a deletion of a value that is in pieces', () => {
    const { below, disk } = opened(new Counted('by-step'));
    const synced = (operation: DiskOperation, sync: boolean) => {
      written(disk, below, [operation], sync);
      return below.writes.at(-1)!.sync;
    };
    expect([synced(put('a', 1), false), synced(put('a', 1), true)]).toEqual([false, true]);
    synced(put('c', 40), true);
    expect([synced(remove('a'), false), synced(remove('c'), false), synced(remove('c'), false)]).toEqual([
      false,
      true,
      false,
    ]);
    // While pieces wait to be deleted, too.
    below.content.set('lx/000000', bytesOf(1));
    const again = opened(below);
    written(again.disk, below, [put('a', 1)], false);
    expect(below.writes.at(-1)!.sync).toBe(false);
  });

  it('deletes each piece once, and no more of them with one write than that may', () => {
    const { below, disk } = opened(new Counted('by-step'));
    written(disk, below, [put('c', 2000)]);
    const deletions = (operation: DiskOperation) => {
      written(disk, below, [operation]);
      return below.writes.at(-1)!.deletions;
    };
    expect(deletions(remove('c'))).toBe(1);
    expect(Array.from({ length: 4 }, (_, i) => deletions(put(`h${i}`, 1)))).toEqual([128, 72, 0, 0]);
    expect(keysOf(below)).toEqual(['h0', 'h1', 'h2', 'h3']);
  });

  it('deletes pieces after the write that made them useless, not after one before it', () => {
    const { below, disk } = opened(new Counted('by-step'));
    written(disk, below, [put('c', 40), put('d', 30)]);
    below.content.set('lx/000000', bytesOf(1));
    const again = opened(below).disk;
    again.write([put('h1', 1)], true, () => {});
    again.write([remove('c')], true, () => {});
    below.step();
    // What was useless before the first is deleted with this one; the second is not durable yet.
    again.write([put('h2', 1)], true, () => {});
    again.write([remove('d')], true, () => {});
    while (below.step());
    for (let i = 3; i < 6; i++) written(again, below, [put(`h${i}`, 1)]);
    expect(keysOf(below)).toEqual(['h1', 'h2', 'h3', 'h4', 'h5']);
    expect(below.writes.map(({ deletions }) => deletions).slice(-7)).toEqual([0, 1, 1, 1, 7, 0, 0]);
  });

  it('takes no value for a head that is as long and not of its version, or of its kind', () => {
    const { below, disk } = opened();
    written(disk, below, [put('c', 40)]);
    const head = below.content.get('c')!;
    for (const at of [4, 5]) {
      const value = head.slice();
      value[at]! ^= 1;
      seal(value);
      written(disk, below, [{ key: 'other', value }]);
      expect(disk.get('other')).toEqual(value);
    }
  });

  it('keeps whole what the log store gathers for one write', () => {
    expect(PIECED_DISK_LIMITS.wholeBytesMax).toBeGreaterThan(WRITE_BYTES_MAX + 64 * 1024);
  });
});

/** The length of the value, which is the one that was put; undefined where there is none, or a damaged one, as a checksum tells. */
function found(disk: PiecedDisk, key: string, possible: readonly (number | undefined)[]): number | undefined {
  const value = disk.get(key);
  const isWhole = value !== undefined && Buffer.compare(value, bytesOf(value.length, value.length)) === 0;
  const length = isWhole && possible.includes(value.length) ? value.length : undefined;
  if (length === undefined) expect(possible.length > 1 || possible[0] === undefined, `nothing of ${key}`).toBe(true);
  return length;
}
