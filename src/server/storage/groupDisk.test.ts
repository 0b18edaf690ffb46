import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { UnknownFormatError } from './contract.ts';
import { diskOfGroup, throwIfOtherGroups } from './groupDisk.ts';
import { LevelDisk } from './levelDisk.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { openLevelLogStore } from './openLogStore.ts';
import { Listener } from './testing.ts';

const VALUE = Uint8Array.of(1);

it('a group has its keys to itself, and group 0 those that were there before there were groups', () => {
  const whole = new MemoryDisk('by-step', new Map([['version', VALUE]]));
  expect(diskOfGroup(whole, 0)).toBe(whole);
  diskOfGroup(whole, 7).write([{ key: 'h1', value: VALUE }], true, () => {});
  diskOfGroup(whole, 4_294_967_295).write([{ key: 'h1', value: VALUE }], true, () => {});
  while (whole.step());
  expect([...whole.content.keys()]).toEqual(['version', 'g0000000007/h1', 'g4294967295/h1']);
  expect(diskOfGroup(whole, 7).keys('h')).toEqual(['h1']);
  expect(diskOfGroup(whole, 7).get('h1')).toEqual(VALUE);
  expect(diskOfGroup(whole, 7).get('version')).toBeUndefined();
  expect(diskOfGroup(whole, 8).keys('')).toEqual([]);
});

it('who serves one group refuses data with another one', async () => {
  const own = diskOfGroup(new MemoryDisk(), 0);
  throwIfOtherGroups(own, 0);
  const shared = new MemoryDisk('automatic', new Map([['g0000000007/version', VALUE]]));
  throwIfOtherGroups(shared, 7);
  expect(() => throwIfOtherGroups(shared, 0)).toThrow('these data hold the log of group 7');

  const folder = await mkdtemp(join(tmpdir(), 'rkv-groups-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const location = join(folder, 'log');
  const disk = await LevelDisk.open(location);
  await new Promise((resolve) => diskOfGroup(disk, 12).write([{ key: 'version', value: VALUE }], true, resolve));
  await disk.close();
  for (let i = 0; i < 2; i++) {
    const opened = openLevelLogStore(location, new Listener(), { cacheEntries: 1 });
    await expect(opened).rejects.toThrow(UnknownFormatError);
    await expect(opened).rejects.toThrow('the log of group 12 (key "g0000000012/version")');
  }
});
