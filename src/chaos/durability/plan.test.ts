import { describe, expect, it } from 'vitest';
import { drawDurability } from './plan.ts';

const plans = Array.from({ length: 300 }, (_, seed) => drawDurability(seed, false));
const blows = plans.flatMap((plan) => plan.blows);
const share = (of: (typeof blows)[number]['victim']) =>
  blows.filter(({ victim }) => victim === of).length / blows.length;

describe('a plan of durability', () => {
  it('is what its seed says', () => {
    expect(drawDurability(7, false)).toEqual(plans[7]);
    expect(drawDurability(8, false).blows).not.toEqual(plans[7]!.blows);
  });

  it('hits the leader half of the time, everybody sometimes, and each server', () => {
    expect(share('leader')).toBeGreaterThan(0.45);
    expect(share('leader')).toBeLessThan(0.55);
    expect(share('all')).toBeGreaterThan(0.1);
    for (const id of [1, 2, 3]) expect(share(id)).toBeGreaterThan(0.08);
  });

  it('fills disks where it was asked to, and only there', () => {
    expect(blows.some(({ kind }) => kind === 'fill')).toBe(false);
    const filling = plans.flatMap(({ seed }) => drawDurability(seed, true).blows);
    const fills = filling.filter(({ kind }) => kind === 'fill');
    expect(fills.length / filling.length).toBeGreaterThan(0.45);
    expect(fills.some(({ freeBytes }) => freeBytes === 0) && fills.some(({ freeBytes }) => freeBytes > 0)).toBe(true);
  });
});
