import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeFence, NO_FENCES } from '../../wire/fence.ts';
import { fencesInForce, passes, stillCounts } from './fences.ts';
import { blankIdentity, type Identity, introductionOf } from './identity.ts';

const fence = (index: number, id: number, instance: string) =>
  new Entry(index, 1, EntryType.Normal, encodeFence({ id, instance }));
const OWN: Identity = { ...blankIdentity(1, 'etcd', 'own', 'member'), cluster: 'c' };

describe('the fences in force', () => {
  it('are those of the applied state and of the log, the later one of each server', () => {
    const applied = new Map([[2, { index: 5, instance: 'b' }]]);
    expect(fencesInForce(applied, [])).toBe(applied);
    expect(fencesInForce(NO_FENCES, [fence(3, 2, 'a'), fence(9, 2, 'c'), fence(10, 3, 'd')])).toEqual(
      new Map([
        [2, { index: 9, instance: 'c' }],
        [3, { index: 10, instance: 'd' }],
      ]),
    );
    // What is still in the log of what was applied tells nothing new.
    expect(fencesInForce(applied, [fence(3, 2, 'a'), fence(5, 2, 'b')])).toEqual(applied);
    expect(fencesInForce(applied, [fence(4, 2, 'a')])).toEqual(applied);
    expect(applied).toEqual(new Map([[2, { index: 5, instance: 'b' }]]));
  });

  it('are not made of what only begins like one', () => {
    const torn = encodeFence({ id: 2, instance: 'a' }).subarray(0, 4);
    expect(fencesInForce(NO_FENCES, [new Entry(3, 1, EntryType.Normal, torn)])).toEqual(new Map());
  });

  it('let through the folder that they name, and those that were admitted later', () => {
    const named = { index: 9, instance: 'b' };
    expect(passes(undefined, { instance: 'a', admitted: 0 })).toBe(true);
    expect(passes(named, { instance: 'a', admitted: 0 })).toBe(false);
    expect(passes(named, { instance: 'a', admitted: 8 })).toBe(false);
    // Given by an earlier fence of the same folder: it asked twice.
    expect(passes(named, { instance: 'b', admitted: 7 })).toBe(true);
    expect(passes(named, { instance: 'c', admitted: 9 })).toBe(true);
  });

  it('end a connection that was begun before, and so does meeting the folder that was admitted', () => {
    const earlier = { ...introductionOf({ ...OWN, id: 2, instance: 'a' }), isMember: true };
    const known = (admitted: number) => ({ instance: 'b', boots: 1, life: 'l', admitted, ran: true });
    expect(stillCounts(OWN, NO_FENCES, earlier)).toBe(true);
    expect(stillCounts(OWN, new Map([[2, { index: 4, instance: 'b' }]]), earlier)).toBe(false);
    expect(stillCounts(OWN, new Map([[3, { index: 4, instance: 'b' }]]), earlier)).toBe(true);
    expect(stillCounts({ ...OWN, known: new Map([[2, known(4)]]) }, NO_FENCES, earlier)).toBe(false);
    const later = { ...earlier, instance: 'b', admitted: 4 };
    expect(stillCounts({ ...OWN, known: new Map([[2, known(4)]]) }, NO_FENCES, later)).toBe(true);
  });
});
