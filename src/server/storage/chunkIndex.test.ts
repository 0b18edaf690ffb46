import { describe, expect, it } from 'vitest';
import { ChunkIndex } from './chunkIndex.ts';
import { randomFrom } from './testing.ts';

const RUNS = 100;
const STEPS = 200;

describe('the index of a log’s chunks', () => {
  it('answers at every step as a plain list does', () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const index = new ChunkIndex();
      let list: { firstIndex: number; sequence: number }[] = [];
      let lastIndex = 0;
      let base = 0;
      for (let step = 1; step <= STEPS; step++) {
        const draw = below(10);
        if (draw < 6) {
          list.push({ firstIndex: lastIndex + 1, sequence: step });
          index.push(lastIndex + 1, step);
          lastIndex += 1 + below(4);
        } else if (draw < 8) {
          const from = Math.max(base + 1, lastIndex - below(12));
          const kept = list.filter(({ firstIndex }) => firstIndex < from);
          expect(index.popFrom(from)).toEqual(list.slice(kept.length).reverse());
          list = kept;
          lastIndex = Math.min(lastIndex, from - 1);
        } else {
          base = Math.min(lastIndex, base + below(8));
          const isOver = (at: number) => (list[at + 1]?.firstIndex ?? lastIndex + 1) <= base + 1;
          const shifted = list.filter((_, at) => isOver(at));
          expect(index.shiftUpTo(base, lastIndex)).toEqual(shifted);
          list = list.slice(shifted.length);
        }
        expect(index.length).toBe(list.length);
        expect(list.map((_, at) => index.at(at))).toEqual(list);
        expect(list.map((_, at) => index.firstAt(at))).toEqual(list.map(({ firstIndex }) => firstIndex));
        expect(index.firstAt(list.length)).toBeUndefined();
        for (let at = Math.max(0, base - 2); at <= lastIndex + 2; at++) {
          expect(index.find(at)).toBe(list.findLastIndex(({ firstIndex }) => firstIndex <= at));
        }
      }
    }
  });
});
