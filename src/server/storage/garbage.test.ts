import { describe, expect, it } from 'vitest';
import { Garbage } from './garbage.ts';
import { randomFrom } from './testing.ts';

describe('keys that later writes made useless', () => {
  it('are taken as from a plain list: in order, only what is anchored, no more than asked for', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const garbage = new Garbage();
      let list: { key: string; replacedBy: number }[] = [];
      let [replacedBy, anchored, keys] = [1, 0, 0];
      for (let step = 0; step < 200; step++) {
        if (below(2) === 0) {
          replacedBy += below(3);
          // Once so many were taken, the front of the queue is cut.
          for (let count = below(seed === 1 ? 60 : 4); count > 0; count--) {
            list.push({ key: `k${++keys}`, replacedBy });
            garbage.add(`k${keys}`, replacedBy);
          }
        } else {
          anchored = Math.min(replacedBy, anchored + below(4));
          const max = below(seed === 1 ? 80 : 5);
          const isReady = list.findIndex((each) => each.replacedBy > anchored);
          const expected = list.slice(0, Math.min(max, isReady < 0 ? list.length : isReady));
          const taken: string[] = [];
          expect(garbage.take(anchored, max, (key) => taken.push(key))).toBe(expected.length);
          expect(taken).toEqual(expected.map(({ key }) => key));
          list = list.slice(expected.length);
        }
        expect(garbage.nextReplacedBy).toBe(list[0]?.replacedBy);
      }
      if (seed === 1) expect(keys - list.length).toBeGreaterThan(2000);
    }
  });
});
