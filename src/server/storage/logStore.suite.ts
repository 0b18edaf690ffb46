import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogCompactedError } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeEntries, recordSize } from '../../consensus/entryCodec.ts';
import { encodeFence } from '../../wire/fence.ts';
import { InvalidBatchError, type LogStore, LogStoreClosedError } from './contract.ts';
import { batch, command, commands, contentOf, hard, Listener, snapshotAt } from './testing.ts';

/** How the suite makes, settles and reopens a kind of store. */
export interface StoreKind {
  open(listener: Listener): Promise<LogStore>;
  /** Makes what was accepted durable, or lets it become so. */
  settle(store: LogStore): void;
  /** Opens again what the closed store left; undefined where the kind forgets with its process. */
  readonly reopen: ((listener: Listener) => Promise<LogStore>) | undefined;
  destroy(): Promise<void>;
}

const ALL = Number.MAX_SAFE_INTEGER;

/** What every implementation of LogStore must do; run unmodified on each. */
export function logStoreSuite(name: string, kindOf: () => StoreKind): void {
  describe(`${name} as a log store`, () => {
    let kind: StoreKind;
    let listener: Listener;
    let store: LogStore;

    beforeEach(async () => {
      kind = kindOf();
      listener = new Listener();
      store = await kind.open(listener);
    });

    afterEach(async () => {
      await store.close();
      await kind.destroy();
    });

    const settled = async (mark: number) => {
      kind.settle(store);
      await listener.until(() => listener.marks.includes(mark) || listener.failures.length > 0);
      expect(listener.failures).toEqual([]);
      expect(store.durableMark).toBe(mark);
    };
    const indexes = (from: number, to: number, maxBytes = ALL) => store.entries(from, to, maxBytes).map((e) => e.index);

    it('begins empty', () => {
      expect([store.firstIndex, store.lastIndex]).toEqual([1, 0]);
      expect([store.term(0), store.term(1)]).toEqual([0, undefined]);
      expect(store.hardState).toEqual(hard(0));
      expect(store.snapshot()).toBeUndefined();
      expect(store.configurationEntries()).toEqual([]);
      expect(store.durableMark).toBe(0);
    });

    it('shows a batch at once and reports it durable in a later turn', async () => {
      store.persist(batch(1, { entries: commands(1, 3, 1), hardState: hard(1, 2) }));
      expect(indexes(1, 3)).toEqual([1, 2, 3]);
      expect(store.hardState).toEqual(hard(1, 2));
      expect(listener.marks).toEqual([]);
      await settled(1);
    });

    it('reports marks in order and the last one in the end', async () => {
      for (let mark = 1; mark <= 20; mark++) store.persist(batch(mark, { entries: commands(mark, mark, 1) }));
      await settled(20);
      expect(listener.marks).toEqual([...listener.marks].sort((a, b) => a - b));
      expect(new Set(listener.marks).size).toBe(listener.marks.length);
    });

    it('knows that a batch is durable when it says so', async () => {
      const known: [number, number][] = [];
      listener.durable = (mark) => {
        known.push([mark, store.durableMark]);
        Listener.prototype.durable.call(listener, mark);
      };
      for (let mark = 1; mark <= 3; mark++) {
        store.persist(batch(mark, { entries: commands(mark, mark, 1) }));
        await settled(mark);
      }
      expect(known).toEqual([1, 2, 3].map((mark) => [mark, mark]));
    });

    it('reports a batch durable that need not be synced', async () => {
      store.persist(batch(1, { entries: commands(1, 1, 1), hardState: hard(1) }));
      await settled(1);
      store.persist(batch(2, { hardState: hard(1, 0, 1), mustSync: false }));
      await settled(2);
      expect(store.hardState).toEqual(hard(1, 0, 1));
    });

    it('bounds a read by index and by bytes, but returns at least one entry', async () => {
      store.persist(batch(1, { entries: commands(1, 4, 1) }));
      await settled(1);
      store.persist(batch(2, { entries: commands(5, 9, 1) }));
      const size = recordSize(command(1, 1));
      expect(indexes(2, 6)).toEqual([2, 3, 4, 5, 6]);
      expect(indexes(2, 99)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
      expect(indexes(2, 9, 0)).toEqual([2]);
      expect(indexes(2, 9, size)).toEqual([2]);
      expect(indexes(2, 9, 2 * size - 1)).toEqual([2]);
      expect(indexes(3, 9, 3 * size)).toEqual([3, 4, 5]);
      expect(indexes(5, 4)).toEqual([]);
    });

    it('refuses reads outside the log', () => {
      store.persist(batch(1, { entries: commands(1, 2, 1) }));
      expect(() => store.entries(3, 3, ALL)).toThrow(RangeError);
      expect(() => store.entries(0, 1, ALL)).toThrow(LogCompactedError);
    });

    it('returns entries whose records encode to the same bytes again', async () => {
      const data = new Uint8Array(300).fill(7);
      const written = [
        new Entry(1, 2 ** 40, EntryType.Normal, data),
        new Entry(2, 2 ** 53 - 1, EntryType.JointReconf, data),
      ];
      const expected = Array.from(encodeEntries(written));
      store.persist(batch(1, { entries: written }));
      await settled(1);
      expect(Array.from(encodeEntries(store.entries(1, 2, ALL)))).toEqual(expected);
    });

    it('replaces a suffix', async () => {
      store.persist(batch(1, { entries: commands(1, 6, 1) }));
      await settled(1);
      store.persist(batch(2, { truncateFrom: 4, entries: commands(4, 5, 2), hardState: hard(2) }));
      expect(store.entries(1, 9, ALL).map((e) => e.term)).toEqual([1, 1, 1, 2, 2]);
      expect([3, 4, 5, 6].map((i) => store.term(i))).toEqual([1, 2, 2, undefined]);
      await settled(2);
      expect(store.lastIndex).toBe(5);
    });

    it('truncates what is queued, what is in flight and what is written', async () => {
      store.persist(batch(1, { entries: commands(1, 3, 1) }));
      await settled(1);
      store.persist(batch(2, { entries: commands(4, 6, 1) }));
      store.persist(batch(3, { entries: commands(7, 9, 1) }));
      store.persist(batch(4, { truncateFrom: 8, entries: commands(8, 8, 2) }));
      store.persist(batch(5, { truncateFrom: 5, entries: commands(5, 5, 3) }));
      store.persist(batch(6, { truncateFrom: 2 }));
      store.persist(batch(7, { entries: commands(2, 3, 4) }));
      expect(store.entries(1, 9, ALL).map((e) => e.term)).toEqual([1, 4, 4]);
      await settled(7);
      expect(store.entries(1, 9, ALL).map((e) => e.term)).toEqual([1, 4, 4]);
    });

    it('truncates to nothing and begins again', async () => {
      store.persist(batch(1, { entries: commands(1, 3, 1) }));
      store.persist(batch(2, { truncateFrom: 1 }));
      expect([store.firstIndex, store.lastIndex]).toEqual([1, 0]);
      store.persist(batch(3, { entries: commands(1, 1, 2) }));
      await settled(3);
      expect(store.entries(1, 1, ALL).map((e) => e.term)).toEqual([2]);
    });

    it('knows the membership entries', async () => {
      const reconf = (index: number) => new Entry(index, 1, EntryType.Reconf, new Uint8Array([index]));
      const joint = (index: number) => new Entry(index, 1, EntryType.JointReconf, new Uint8Array([index]));
      store.persist(batch(1, { entries: [reconf(1), command(2, 1), joint(3), command(4, 1), reconf(5)] }));
      expect(store.configurationEntries().map((e) => e.index)).toEqual([1, 3, 5]);
      store.persist(batch(2, { truncateFrom: 4, entries: [reconf(4), command(5, 1)] }));
      expect(store.configurationEntries().map((e) => e.index)).toEqual([1, 3, 4]);
      store.storeSnapshot(snapshotAt(3, 1), 0);
      expect(store.configurationEntries().map((e) => e.index)).toEqual([4]);
      await settled(2);
    });

    it('knows the fences, apart from the membership entries', async () => {
      const fence = (index: number) => new Entry(index, 1, EntryType.Normal, encodeFence({ id: 2, instance: 'a' }));
      const reconf = (index: number) => new Entry(index, 1, EntryType.Reconf, new Uint8Array([index]));
      const marked = () => [store.fenceEntries(), store.configurationEntries()].map((all) => all.map((e) => e.index));
      store.persist(batch(1, { entries: [fence(1), command(2, 1), reconf(3), fence(4), fence(5)] }));
      expect(marked()).toEqual([[1, 4, 5], [3]]);
      store.persist(batch(2, { truncateFrom: 5, entries: [command(5, 1), fence(6), reconf(7)] }));
      expect(marked()).toEqual([
        [1, 4, 6],
        [3, 7],
      ]);
      store.storeSnapshot(snapshotAt(3, 1), 0);
      expect(marked()).toEqual([[4, 6], [7]]);
      await settled(2);
      if (kind.reopen !== undefined) {
        await store.close();
        listener = new Listener();
        store = await kind.reopen(listener);
        expect(marked()).toEqual([[4, 6], [7]]);
      }
      store.persist(batch(store.durableMark + 1, { snapshot: snapshotAt(9, 2) }));
      expect(marked()).toEqual([[], []]);
      await settled(store.durableMark + 1);
    });

    it('stores a snapshot beside the log and compacts up to the trailing entries', async () => {
      for (let mark = 1; mark <= 5; mark++) {
        store.persist(batch(mark, { entries: commands(mark * 4 - 3, mark * 4, mark) }));
        await settled(mark);
      }
      store.storeSnapshot(snapshotAt(15, 4), 5);
      expect([store.firstIndex, store.lastIndex]).toEqual([11, 20]);
      expect([store.term(9), store.term(10), store.term(11), store.term(13)]).toEqual([undefined, 3, 3, 4]);
      expect(() => store.entries(10, 12, ALL)).toThrow(LogCompactedError);
      expect(indexes(11, 20)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
      kind.settle(store);
      await listener.until(() => listener.snapshots.includes(15));
      expect(store.snapshot()?.index).toBe(15);
      store.storeSnapshot(snapshotAt(14, 4), 0);
      expect(store.snapshot()?.index).toBe(15);
      expect(() => store.storeSnapshot(snapshotAt(21, 5), 0)).toThrow(InvalidBatchError);
    });

    it('says once that a snapshot is stored, whatever is written afterwards', async () => {
      store.persist(batch(1, { entries: commands(1, 4, 1) }));
      await settled(1);
      store.storeSnapshot(snapshotAt(3, 1), 0);
      kind.settle(store);
      await listener.until(() => listener.snapshots.length > 0);
      for (let mark = 2; mark <= 4; mark++) {
        store.persist(batch(mark, { entries: commands(mark + 3, mark + 3, 1) }));
        await settled(mark);
      }
      expect(listener.snapshots).toEqual([3]);
    });

    it('compacts the whole log, also what is not yet written', async () => {
      store.persist(batch(1, { entries: commands(1, 3, 1) }));
      store.persist(batch(2, { entries: commands(4, 6, 2) }));
      store.storeSnapshot(snapshotAt(6, 2), 0);
      expect([store.firstIndex, store.lastIndex, store.term(6)]).toEqual([7, 6, 2]);
      store.persist(batch(3, { entries: commands(7, 7, 2) }));
      await settled(3);
      expect(indexes(7, 7)).toEqual([7]);
    });

    it('lets an installed snapshot replace the whole log', async () => {
      store.persist(batch(1, { entries: commands(1, 5, 1) }));
      await settled(1);
      store.persist(batch(2, { entries: commands(6, 8, 1) }));
      store.persist(
        batch(3, { snapshot: snapshotAt(100, 7), hardState: hard(7, 0, 100), entries: commands(101, 102, 7) }),
      );
      expect([store.firstIndex, store.lastIndex]).toEqual([101, 102]);
      expect([store.term(99), store.term(100), store.term(101)]).toEqual([undefined, 7, 7]);
      await settled(3);
      expect(indexes(101, 102)).toEqual([101, 102]);
      expect(store.snapshot()).toMatchObject({
        index: 100,
        term: 7,
        configuration: { voters: [1, 2, 3], learners: [4] },
      });
    });

    it('refuses batches that do not fit, and takes nothing of them', async () => {
      store.persist(batch(1, { entries: commands(1, 3, 1), hardState: hard(1) }));
      const before = contentOf(store);
      const refused = [
        batch(1, { hardState: hard(2) }),
        batch(2, { hardState: hard(2), entries: commands(5, 6, 1) }),
        batch(2, { hardState: hard(2), entries: [command(4, 1), command(6, 1)] }),
        batch(2, { hardState: hard(2), truncateFrom: 0 }),
        batch(2, { hardState: hard(Number.MAX_SAFE_INTEGER + 1) }),
        batch(2, { hardState: hard(2), truncateFrom: 5 }),
        batch(2, { hardState: hard(2), truncateFrom: 2, entries: commands(3, 3, 2) }),
      ];
      for (const each of refused) expect(() => store.persist(each)).toThrow(InvalidBatchError);
      expect(contentOf(store)).toEqual(before);
      store.persist(batch(2, { entries: commands(4, 4, 1) }));
      await settled(2);
    });

    it('finishes what was accepted when it is closed, then takes nothing', async () => {
      store.persist(batch(1, { entries: commands(1, 2, 1) }));
      store.persist(batch(2, { entries: commands(3, 4, 1) }));
      kind.settle(store);
      await store.close();
      expect(listener.marks).toContain(2);
      expect(() => store.persist(batch(3, { entries: commands(5, 5, 1) }))).toThrow(LogStoreClosedError);
      expect(() => store.storeSnapshot(snapshotAt(1, 1), 0)).toThrow(LogStoreClosedError);
    });

    it('shows after reopening what it showed when it was closed', async () => {
      if (kind.reopen === undefined) return;
      store.persist(batch(1, { entries: commands(1, 10, 1), hardState: hard(1, 1, 3) }));
      store.persist(batch(2, { truncateFrom: 6, entries: [new Entry(6, 2, EntryType.Reconf, new Uint8Array([9]))] }));
      await settled(2);
      store.persist(batch(3, { entries: commands(7, 30, 3), hardState: hard(3, 2, 9) }));
      store.storeSnapshot(snapshotAt(8, 3), 6);
      await settled(3);
      store.persist(batch(4, { hardState: hard(3, 2, 20), mustSync: false }));
      const before = contentOf(store);
      kind.settle(store);
      await store.close();
      listener = new Listener();
      store = await kind.reopen(listener);
      expect(contentOf(store)).toEqual(before);
      store.persist(batch(1, { truncateFrom: 20, entries: commands(20, 22, 4), hardState: hard(4) }));
      const after = contentOf(store);
      await settled(1);
      await store.close();
      store = await kind.reopen(new Listener());
      expect(contentOf(store)).toEqual(after);
    });
  });
}
