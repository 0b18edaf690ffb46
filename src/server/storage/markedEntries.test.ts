import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeFence } from '../../wire/fence.ts';
import { isMarked, MarkedEntries } from './markedEntries.ts';
import { command, randomFrom } from './testing.ts';

const fence = (index: number) => new Entry(index, 1, EntryType.Normal, encodeFence({ id: 2, instance: 'a' }));
const reconf = (index: number) => new Entry(index, 1, EntryType.Reconf, Uint8Array.of(1));

describe('the entries that count from where they stand in the log', () => {
  it('are fences and changes of the membership, and nothing else', () => {
    // What only looks like a fence by its first byte, in an entry of another type.
    const internal = new Entry(3, 1, EntryType.Internal, encodeFence({ id: 2, instance: 'a' }));
    const joint = new Entry(4, 1, EntryType.JointReconf, Uint8Array.of(1));
    expect([fence(1), reconf(2), joint, command(5, 1), internal].map(isMarked)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('are at every step those of a plain list, in the same array until they change', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const marked = new MarkedEntries();
      let list: Entry[] = [];
      let [base, last] = [0, 0];
      for (let step = 0; step < 60; step++) {
        const before = { fences: marked.fences, configurations: marked.configurations };
        const draw = below(10);
        if (draw < 5) {
          const added = Array.from({ length: below(4) }, () => (below(2) === 0 ? fence(++last) : reconf(++last)));
          last += below(2);
          marked.append(added);
          list.push(...added);
        } else if (draw < 7) {
          const from = Math.max(base + 1, last + 1 - below(5));
          marked.truncateFrom(from);
          list = list.filter(({ index }) => index < from);
          last = Math.min(last, from - 1);
        } else if (draw < 9) {
          base = Math.min(last, base + below(4));
          marked.dropUpTo(base);
          list = list.filter(({ index }) => index > base);
        } else if (below(4) === 0) {
          marked.clear();
          list = [];
        }
        const found = { fences: marked.fences, configurations: marked.configurations };
        const isFence = ({ type }: Entry) => type === EntryType.Normal;
        const expected = { fences: list.filter(isFence), configurations: list.filter((each) => !isFence(each)) };
        expect(found).toEqual(expected);
        for (const kind of ['fences', 'configurations'] as const) {
          const isSame = before[kind].length === found[kind].length && found[kind].length > 0;
          if (isSame && before[kind].every((each, at) => each === found[kind][at]))
            expect(found[kind]).toBe(before[kind]);
        }
      }
    }
  });
});
