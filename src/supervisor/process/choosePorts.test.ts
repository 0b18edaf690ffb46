import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownFolder } from '../../files/testing/ownFolder.ts';
import { choosePorts, ephemeralRange } from './choosePorts.ts';

let folder: string;
ownFolder('ports', (made) => {
  folder = made;
});

const isFree = async () => true;

it('keeps below the ports that the system gives away, and to those that are free and nobody else has', async () => {
  const choice = { ephemeral: { first: 32_768, last: 60_999 }, random: () => 0 };
  const taken = new Set([10_001]);
  const ports = await choosePorts(3, { ...choice, taken, isFree: async (port) => port !== 10_002 });
  expect(ports).toEqual([10_000, 10_003, 10_004]);
  expect(await choosePorts(2, { ...choice, isFree, random: () => 0.999_99 })).toEqual([32_767, 10_000]);
});

it('takes those above where there is no room below, and says so where there is none at all', async () => {
  expect(await choosePorts(2, { ephemeral: { first: 1024, last: 60_000 }, isFree, random: () => 0 })).toEqual([
    60_001, 60_002,
  ]);
  await expect(choosePorts(1, { ephemeral: { first: 1024, last: 65_535 }, isFree })).rejects.toThrow(
    'no 1 free ports outside the range of outgoing connections (1024 to 65535): name them in the cluster file',
  );
});

it('reads the range that the system has, or takes the usual one', () => {
  const path = join(folder, 'range');
  writeFileSync(path, '20000\t40000\n');
  expect(ephemeralRange(path)).toEqual({ first: 20_000, last: 40_000 });
  writeFileSync(path, 'none');
  expect(ephemeralRange(path)).toEqual({ first: 49_152, last: 65_535 });
  expect(ephemeralRange(join(folder, 'nowhere'))).toEqual({ first: 49_152, last: 65_535 });
});
