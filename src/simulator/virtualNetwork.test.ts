import { describe, expect, it } from 'vitest';
import { Census } from './census.ts';
import type { NetworkPlan } from './plan.ts';
import { Random } from './random.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';
import { VirtualNetwork } from './virtualNetwork.ts';

const PLAN: NetworkPlan = {
  delayMinUs: 10,
  delayMeanUs: 1000,
  tailChance: 0,
  tailMeanUs: 1,
  lossChance: 0,
  duplicateChance: 0,
  reorders: false,
};

function setUp(plan: Partial<NetworkPlan> = {}) {
  const timeline = new Timeline();
  const census = new Census();
  const network = new VirtualNetwork(timeline, new Random(5), census, new Trace(timeline), { ...PLAN, ...plan });
  const arrived: number[] = [];
  const sendMany = (count: number, from = 1, to = 2) => {
    for (let i = 0; i < count; i++) network.send(from, to, () => arrived.push(i));
    while (timeline.step());
  };
  return { timeline, census, network, arrived, sendMany };
}

const ascending = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('the virtual network', () => {
  it('keeps the order of a link, unless it reorders', () => {
    const orderly = setUp();
    orderly.sendMany(100);
    expect(orderly.arrived).toEqual(ascending(100));
    const unruly = setUp({ reorders: true });
    unruly.sendMany(100);
    expect(unruly.arrived).not.toEqual(ascending(100));
    expect(unruly.arrived.sort((a, b) => a - b)).toEqual(ascending(100));
    expect(unruly.census.of('message overtaken')).toBeGreaterThan(0);
  });

  it('loses and duplicates as often as planned, and counts it', () => {
    const { sendMany, arrived, census } = setUp({ lossChance: 0.2, duplicateChance: 0.1 });
    sendMany(1000);
    const lost = census.of('message lost');
    const duplicated = census.of('message duplicated');
    expect(arrived.length).toBe(1000 - lost + duplicated);
    expect(lost).toBeGreaterThan(150);
    expect(duplicated).toBeGreaterThan(50);
  });

  it('stops what a partition cuts, in that direction, until it is mended', () => {
    const { network, sendMany, arrived, census } = setUp();
    const mend = network.cut({ kind: 'one-way partition', pairs: [[1, 2]] });
    sendMany(3);
    expect(arrived).toEqual([]);
    expect(census.of('one-way partition')).toBe(1);
    sendMany(1, 2, 1);
    expect(arrived).toEqual([0]);
    mend();
    sendMany(2);
    expect(arrived).toEqual([0, 0, 1]);
  });

  it('holds back a clogged link and later delivers everything', () => {
    const { network, timeline, sendMany, arrived } = setUp();
    const release = network.clog(1, 2);
    sendMany(5);
    expect(arrived).toEqual([]);
    release();
    while (timeline.step());
    expect(arrived).toEqual(ascending(5));
  });

  it('has no faults once it is healed', () => {
    const { network, sendMany, arrived } = setUp({ lossChance: 0.5, reorders: true });
    network.cut({ kind: 'symmetric partition', pairs: [[1, 2]] });
    network.clog(1, 2);
    network.heal();
    sendMany(50);
    expect(arrived).toEqual(ascending(50));
  });
});
