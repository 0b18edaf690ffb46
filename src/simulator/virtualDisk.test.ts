import { describe, expect, it } from 'vitest';
import type { Disk } from '../server/storage/contract.ts';
import { Census } from './census.ts';
import type { DiskPlan } from './plan.ts';
import { Random } from './random.ts';
import { Timeline } from './timeline.ts';
import { VirtualDisk, VirtualDiskError } from './virtualDisk.ts';

const PLAN: DiskPlan = {
  syncMinUs: 100,
  syncMeanUs: 50,
  tears: false,
  flips: false,
  survivalChance: 0,
  inPieces: false,
  journal: { halfBytes: 2048, blockBytes: 64 },
  lagUs: 0,
};
const WATCHER = { syncBegun: () => {}, syncDone: () => {} };
const bytes = (text: string) => new TextEncoder().encode(text);

function setUp(plan: Partial<DiskPlan> = {}, seed = 1) {
  const timeline = new Timeline();
  const census = new Census();
  const machine = new VirtualDisk(timeline, new Random(seed), census, { ...PLAN, ...plan });
  const settle = () => {
    while (timeline.step());
  };
  return { timeline, census, machine, settle, disk: machine.open(WATCHER) };
}

function put(disk: Disk, key: string, value: string, sync: boolean, done: string[] = []): void {
  disk.write([{ key, value: bytes(value) }], sync, (error) => done.push(`${key}: ${error?.message ?? 'done'}`));
}

describe('the virtual disk', () => {
  it('completes writes one after the other, and shows them then', () => {
    const { disk, settle } = setUp();
    const done: string[] = [];
    put(disk, 'a', '1', true, done);
    put(disk, 'b', '2', false, done);
    expect(disk.get('a')).toBeUndefined();
    expect(done).toEqual([]);
    settle();
    expect(done).toEqual(['a: done', 'b: done']);
    expect(disk.keys('')).toEqual(['a', 'b']);
  });

  it('begins a write that is asked for when another is reported once only', () => {
    const { disk, settle } = setUp();
    const done: string[] = [];
    disk.write([{ key: 'a', value: bytes('1') }], true, () => {
      put(disk, 'b', '2', true, done);
      put(disk, 'c', '3', true, done);
    });
    settle();
    expect(done).toEqual(['b: done', 'c: done']);
  });

  it('keeps through a crash what was synced, and nothing else where nothing survives', () => {
    const { machine, disk, settle } = setUp();
    put(disk, 'a', '1', true);
    settle();
    put(disk, 'a', '2', false);
    settle();
    put(disk, 'b', '3', true);
    machine.crash();
    const reopened = machine.open(WATCHER);
    expect(reopened.get('a')).toEqual(bytes('1'));
    expect(reopened.keys('')).toEqual(['a']);
  });

  it('tears and flips only what was not synced', () => {
    let damaged = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const { machine, disk, settle, census } = setUp({ tears: true, flips: true, survivalChance: 0.2 }, seed);
      put(disk, 'a', 'synced', true);
      settle();
      put(disk, 'b', 'not synced', true);
      machine.crash();
      const reopened = machine.open(WATCHER);
      expect(reopened.get('a')).toEqual(bytes('synced'));
      damaged += census.of('write torn') + census.of('bits flipped');
    }
    expect(damaged).toBeGreaterThan(10);
  });

  it('keeps everything when only the process ends', () => {
    const { machine, disk } = setUp();
    put(disk, 'a', '1', true);
    machine.settle();
    expect(machine.open(WATCHER).get('a')).toEqual(bytes('1'));
  });

  it('reports a full disk and leaves the write out', () => {
    const { machine, disk, settle } = setUp();
    machine.isFull = true;
    const done: string[] = [];
    put(disk, 'a', '1', true, done);
    settle();
    expect(done).toEqual(['a: no space left on device']);
    expect(disk.get('a')).toBeUndefined();
  });

  it('fails reads, and stalls', () => {
    const { machine, disk, timeline, settle } = setUp();
    machine.readErrorChance = 1;
    expect(() => disk.get('a')).toThrow(VirtualDiskError);
    machine.heal();
    machine.stalledUntilUs = 1_000_000;
    put(disk, 'a', '1', true);
    settle();
    expect(timeline.nowUs).toBe(1_000_000);
    expect(disk.get('a')).toEqual(bytes('1'));
  });
});
