import { describe, expect, it } from 'vitest';
import type { DiskOperation } from './contract.ts';
import { LAG_BYTES, LAG_OPERATIONS, LaggingDisk } from './laggingDisk.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { Postponed, randomFrom } from './testing.ts';

const put = (key: string, ...value: number[]): DiskOperation => ({ key, value: Uint8Array.from(value) });
const gone = (key: string): DiskOperation => ({ key, value: null });

/** On a disk that notes what is written to it. */
function setUp() {
  const memory = new MemoryDisk('by-step');
  const writes: [number, boolean][] = [];
  const { write } = memory;
  memory.write = (operations, sync, done) => {
    writes.push([operations.length, sync]);
    write.call(memory, operations, sync, done);
  };
  const failures: Error[] = [];
  const postponed = new Postponed();
  const disk = new LaggingDisk(memory, postponed.later, (error) => failures.push(error));
  return { memory, writes, failures, postponed, disk };
}

describe('a disk that lags', () => {
  it('shows at once what is put on it, and deleted, and writes it when it is told to, as one', () => {
    const { memory, writes, disk } = setUp();
    disk.put([put('a', 1), put('b', 2)]);
    disk.put([gone('a'), put('c', 3)]);
    const shown = () => ['a', 'b', 'c', 'd'].map((key) => disk.get(key)?.[0]);
    expect([shown(), writes]).toEqual([[undefined, 2, 3, undefined], []]);
    disk.flush();
    expect(writes).toEqual([[4, false]]);
    disk.put([gone('b'), put('d', 4)]);
    disk.flush();
    disk.flush();
    expect([shown(), writes]).toEqual([[undefined, undefined, 3, 4], [[4, false]]]);
    memory.step();
    // What was put meanwhile goes then, and still shows.
    expect([shown(), writes]).toEqual([
      [undefined, undefined, 3, 4],
      [
        [4, false],
        [2, false],
      ],
    ]);
    memory.step();
    expect([...memory.content.keys()].sort()).toEqual(['c', 'd']);
    memory.content.delete('d');
    expect(shown()).toEqual([undefined, undefined, 3, undefined]);
    disk.flush();
    expect(memory.pendingWrites).toBe(0);
  });

  it('writes by itself when much waits', () => {
    const { writes, disk } = setUp();
    for (let i = 1; i < LAG_OPERATIONS; i++) disk.put([gone('a')]);
    expect(writes).toEqual([]);
    disk.put([gone('a')]);
    expect(writes).toEqual([[LAG_OPERATIONS, false]]);
    const other = setUp();
    other.disk.put([{ key: 'a', value: new Uint8Array(LAG_BYTES - 1) }]);
    expect(other.writes).toEqual([]);
    other.disk.put([put('a', 1)]);
    expect(other.writes).toEqual([[2, false]]);
  });

  it('asks once to be told when what was put has waited long enough, and writes then all that waits', () => {
    const { memory, writes, postponed, disk } = setUp();
    expect(postponed.count).toBe(0);
    disk.put([put('a', 1)]);
    disk.put([put('b', 1)]);
    expect([postponed.count, writes]).toEqual([1, []]);
    postponed.run();
    expect([postponed.count, writes]).toEqual([0, [[2, false]]]);
    // While that is being written, too.
    disk.put([put('c', 1)]);
    expect(postponed.count).toBe(1);
    postponed.run();
    expect(writes).toHaveLength(1);
    memory.step();
    expect(writes).toEqual([
      [2, false],
      [1, false],
    ]);
    // What went with another write does not wait any more.
    disk.put([put('d', 1)]);
    disk.write([], true, () => {});
    while (memory.step());
    postponed.run();
    expect([memory.pendingWrites, postponed.count]).toEqual([0, 0]);
  });

  it('writes nothing that it was not told to, whatever was written before', () => {
    const { memory, writes, disk } = setUp();
    disk.put([{ key: 'a', value: new Uint8Array(LAG_BYTES - 1) }]);
    disk.flush();
    disk.put([put('b', 1)]);
    memory.step();
    expect(writes).toEqual([[1, false]]);
    disk.flush();
    disk.put([put('c', 1)]);
    disk.flush();
    memory.step();
    memory.step();
    const before = writes.length;
    disk.put([put('d', 1)]);
    disk.write([put('e', 1)], false, () => {});
    disk.put([put('f', 1)]);
    memory.step();
    expect([writes.slice(before), memory.pendingWrites]).toEqual([[[2, false]], 0]);
  });

  it('puts what waits before what is written now, and says how that went', () => {
    const { memory, writes, disk } = setUp();
    const told: unknown[] = [];
    disk.put([put('a', 1)]);
    disk.write([put('a', 2)], true, (error) => told.push(error, disk.get('a')?.[0]));
    disk.write([], true, (error) => told.push(error));
    expect(writes).toEqual([
      [2, true],
      [0, true],
    ]);
    while (memory.step());
    expect(told).toEqual([null, 2, null]);
    expect(memory.crash().content.get('a')).toEqual(Uint8Array.of(2));
  });

  it('says when nothing is being written any more', () => {
    const { memory, disk } = setUp();
    const told: string[] = [];
    disk.whenAtRest(() => told.push('at once'));
    disk.put([put('a', 1)]);
    disk.flush();
    disk.put([put('b', 2)]);
    disk.flush();
    disk.whenAtRest(() => told.push('later'));
    memory.step();
    expect(told).toEqual(['at once']);
    memory.step();
    disk.write([put('c', 3)], true, () => {});
    memory.step();
    expect(told).toEqual(['at once', 'later']);
  });

  it('fails for good: what was put before may be missing, and still shows', () => {
    const { memory, disk, failures } = setUp();
    const failure = new Error('full');
    const told: unknown[] = [];
    disk.put([put('a', 1)]);
    memory.failure = failure;
    disk.flush();
    memory.step();
    expect([disk.failure, disk.get('a')]).toEqual([failure, Uint8Array.of(1)]);
    memory.failure = undefined;
    disk.put([put('b', 1)]);
    disk.flush();
    expect(memory.pendingWrites).toBe(0);
    for (const sync of [true, false]) disk.write([put('c', 1)], sync, (error) => told.push(error));
    while (memory.step());
    expect([told, failures]).toEqual([[failure, failure], [failure]]);
    // Of writes that were under way together only the first is told of.
    const other = setUp();
    for (const key of ['a', 'b']) other.disk.write([put(key, 1)], false, () => {});
    other.memory.failure = failure;
    while (other.memory.step());
    expect(other.failures).toEqual([failure]);
  });

  it('shows what a disk shows that does not lag, whatever comes', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const { memory, postponed, disk } = setUp();
      const twin = new Map<string, number>();
      for (let step = 0; step < 60; step++) {
        const operations = Array.from({ length: below(3) }, (_, i) => {
          const key = 'abcd'[below(4)]!;
          return below(3) === 0 ? gone(key) : put(key, 4 * step + i);
        });
        const what = below(4);
        if (what <= 1) disk.put(operations);
        else if (what === 2) {
          disk.write(operations, below(2) === 0, () => {});
          // Such a write shows when it is done.
          while (memory.step());
        }
        if (what <= 2)
          for (const { key, value } of operations) value === null ? twin.delete(key) : twin.set(key, value[0]!);
        else if (below(3) === 0) disk.flush();
        else if (below(2) === 0) postponed.run();
        else memory.step();
        for (const key of 'abcd') expect(disk.get(key)?.[0], `seed ${seed}`).toBe(twin.get(key));
      }
    }
  });
});
