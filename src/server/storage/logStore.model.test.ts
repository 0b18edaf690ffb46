import { describe, expect, it } from 'vitest';
import type { PersistBatch } from '../../consensus/contract.ts';
import { Entry } from '../../consensus/entry.ts';
import { InvalidBatchError, type LogStore } from './contract.ts';
import { MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { openMemoryLogStore } from './openLogStore.ts';
import { SimpleLogStore } from './simpleLogStore.ts';
import { command, contentOf, Listener, randomFrom, snapshotAt } from './testing.ts';

/** What became of it, as far as the caller sees. */
function outcome(act: () => void): string {
  try {
    act();
    return 'taken';
  } catch (error) {
    if (error instanceof InvalidBatchError) return 'refused';
    throw error;
  }
}

/** A batch that fits, or does not by a little. */
function drawnBatch(store: LogStore, mark: number, below: (limit: number) => number): PersistBatch {
  const near = (index: number) => index + (below(3) === 0 ? below(5) - 2 : 0);
  const snapshotIndex = store.snapshot()?.index ?? 0;
  // Terms never fall along a log.
  const term = Math.max(store.hardState.term, store.term(store.lastIndex) ?? 0) + below(2);
  const snapshot = below(5) === 0 ? snapshotAt(Math.max(0, near(snapshotIndex + below(4))), term) : undefined;
  const after = snapshot?.index ?? store.lastIndex;
  const truncateFrom = below(3) === 0 ? near(Math.max(snapshotIndex, after - below(4)) + 1) : undefined;
  const first = below(4) === 0 ? near(truncateFrom ?? after + 1) : (truncateFrom ?? after + 1);
  const gap = below(8) === 0 ? 1 : 0;
  const entries = Array.from({ length: below(4) }, (_, i) => command(Math.max(0, first + i + (i > 0 ? gap : 0)), term));
  const tooLarge = below(30) === 0 ? 2 ** 53 : term;
  return {
    mark: near(mark),
    snapshot,
    truncateFrom,
    entries,
    hardState: below(2) === 0 ? { term: tooLarge, vote: below(4), commit: 0 } : undefined,
    mustSync: below(3) > 0,
  };
}

function copyOf(batch: PersistBatch): PersistBatch {
  const entries = batch.entries.map(({ index, term, type, data }) => new Entry(index, term, type, data));
  return { ...batch, entries };
}

describe('the chunked store', () => {
  it('takes what the simple one takes, refuses what that one refuses, and shows the same after each', () => {
    const counts = { taken: 0, refused: 0 };
    for (let seed = 1; seed <= 80; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const disk = new MemoryDisk('by-step');
      const area = new MemoryPromisedArea('by-step');
      const options = {
        cacheEntries: 1 + below(20),
        writeBytesMax: 20 + below(100),
        writePartBytes: 5 + below(40),
        snapshotInMemoryBytesMax: below(8),
      };
      const { store } = openMemoryLogStore(new Listener(), options, disk, area);
      const model = new SimpleLogStore(new Listener());
      let mark = 1;
      for (let step = 0; step < 40; step++) {
        const draw = below(10);
        if (draw < 6) {
          const batch = drawnBatch(model, mark, below);
          const found = outcome(() => store.persist(copyOf(batch)));
          expect(found, JSON.stringify(batch)).toBe(outcome(() => model.persist(copyOf(batch))));
          counts[found as keyof typeof counts]++;
          if (found === 'taken') mark = batch.mark + 1;
        } else if (draw < 8) {
          const index = Math.max(model.firstIndex - 1, model.lastIndex + 1 - below(6));
          const trailing = below(5);
          const snapshot = snapshotAt(index, model.term(index) ?? 1);
          const found = outcome(() => store.storeSnapshot(snapshot, trailing));
          expect(found, `${index} ${trailing}`).toBe(outcome(() => model.storeSnapshot(snapshot, trailing)));
        } else if (!disk.step()) area.step();
        const [shown, expected] = [contentOf(store), contentOf(model)];
        if (JSON.stringify(shown) !== JSON.stringify(expected)) expect(shown, `seed ${seed}`).toEqual(expected);
      }
      while (disk.step() || area.step()) {}
      const again = openMemoryLogStore(
        new Listener(),
        options,
        new MemoryDisk('by-step', disk.content),
        new MemoryPromisedArea('by-step', area.content),
      );
      expect(contentOf(again.store)).toEqual(contentOf(model));
    }
    expect(Math.min(counts.taken, counts.refused)).toBeGreaterThan(300);
  });
});
