import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeType, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { applyChange, encodeChange } from './membership.ts';

const reconf = (...data: number[]) => new Entry(5, 1, EntryType.Reconf, Uint8Array.from(data));
const before = simpleConfiguration([1, 2, 3]);

describe('membership entries', () => {
  it('are the marshalled rkvpb.ReconfRequest', () => {
    expect([...encodeChange({ type: ChangeType.AddVoter, id: 4 })]).toEqual([0x08, 4]);
    expect([...encodeChange({ type: ChangeType.Remove, id: 300 })]).toEqual([0x08, 0xac, 0x02, 0x10, 1]);
  });

  it('add and remove one server', () => {
    expect(applyChange(before, reconf(0x08, 4)).voters).toEqual([1, 2, 3, 4]);
    expect(applyChange(before, reconf(0x08, 2, 0x10, 1)).voters).toEqual([1, 3]);
    expect(applyChange(before, reconf(0x10, 0, 0x08, 4)).voters).toEqual([1, 2, 3, 4]);
  });

  it('change nothing where they say nothing new', () => {
    expect(applyChange(before, reconf(0x08, 2))).toEqual(before);
    expect(applyChange(before, reconf(0x08, 9, 0x10, 1))).toEqual(before);
  });

  it('change nothing, and do not throw, where they cannot be read', () => {
    expect(applyChange(before, reconf())).toBe(before);
    expect(applyChange(before, reconf(0x08))).toBe(before);
    expect(applyChange(before, reconf(0x10, 1))).toBe(before);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (garbage) => {
        const { voters } = applyChange(before, reconf(...garbage));
        expect([...voters].sort((a, b) => a - b)).toEqual(voters);
        expect(Math.abs(voters.length - before.voters.length)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('are undone by the opposite change', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (ids) => {
        const changed = simpleConfiguration(ids);
        const add = new Entry(6, 1, EntryType.Reconf, encodeChange({ type: ChangeType.AddVoter, id: 12 }));
        const remove = new Entry(7, 1, EntryType.Reconf, encodeChange({ type: ChangeType.Remove, id: 12 }));
        expect(applyChange(applyChange(changed, add), remove)).toEqual(changed);
      }),
    );
  });
});
