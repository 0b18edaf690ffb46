import { describe, expect, it } from 'vitest';
import { ChunkIndex } from './chunkIndex.ts';
import { randomFrom } from './testing.ts';

const RUNS = 60;
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
        const places = Array.from({ length: lastIndex + 5 - base }, (_, i) => Math.max(0, base - 2 + i));
        const found = [
          index.length,
          list.map((_, at) => index.at(at)),
          list.map((_, at) => index.firstAt(at)),
          index.firstAt(list.length) ?? 'none',
          places.map((at) => index.find(at)),
        ];
        const expected = [
          list.length,
          list,
          list.map(({ firstIndex }) => firstIndex),
          'none',
          places.map((at) => list.findLastIndex(({ firstIndex }) => firstIndex <= at)),
        ];
        if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
      }
    }
  });

  it('answers as a plain list does when it is longer than its first arrays, wherever in them it stands', () => {
    for (const shifts of [0, 1, 900, 1500]) {
      const index = new ChunkIndex();
      let list: { firstIndex: number; sequence: number }[] = [];
      const push = (count: number) => {
        for (; count > 0; count--) {
          const last = list[list.length - 1]?.sequence ?? 0;
          list.push({ firstIndex: 2 * last + 1, sequence: last + 1 });
          index.push(2 * last + 1, last + 1);
        }
      };
      const compare = () => {
        const found = Array.from({ length: index.length }, (_, at) => index.at(at));
        expect(found).toEqual(list);
        const places = list.map(({ firstIndex }) => index.find(firstIndex));
        expect(places).toEqual(list.map((_, at) => at));
        expect(index.find(list[0]!.firstIndex - 1)).toBe(-1);
      };
      push(1024);
      for (const more of [1, 1023, 1, 2500]) {
        const base = 2 * Math.min(shifts, list.length - 2);
        const shifted = index.shiftUpTo(list[0]!.firstIndex - 1 + base, 10 ** 6);
        expect(shifted).toEqual(list.slice(0, shifted.length));
        expect(shifted).toHaveLength(base / 2);
        list = list.slice(shifted.length);
        push(more);
        compare();
      }
      expect(index.popFrom(0)).toEqual([...list].reverse());
      expect([index.length, index.find(10 ** 9)]).toEqual([0, -1]);
    }
  });

  it('copies itself only when its arrays are full', () => {
    const index = new ChunkIndex();
    const arrays = new Set<unknown>();
    for (let sequence = 1; sequence <= 10_000; sequence++) {
      index.push(sequence, sequence);
      arrays.add(Reflect.get(index, 'firsts'));
    }
    expect(arrays.size).toBeLessThanOrEqual(5);
  });
});
