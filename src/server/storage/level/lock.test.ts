import { mkdir, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { expect, it } from 'vitest';
import { ownFolder } from '../../../files/testing/ownFolder.ts';
import { isLocked } from './lock.ts';

let folder = '';
ownFolder('level-lock', (made) => {
  folder = made;
});

it('a folder is in use while a process has its lock, whoever has that of another one', async () => {
  const [used, unused] = [join(folder, 'used'), join(folder, 'unused')];
  const level = new Level(used);
  await level.open();
  await mkdir(unused);
  await writeFile(join(unused, 'LOCK'), '');
  expect([used, unused, join(folder, 'nowhere')].map(isLocked)).toEqual([platform() === 'linux', false, false]);
  await level.close();
  expect(isLocked(used)).toBe(false);
});
