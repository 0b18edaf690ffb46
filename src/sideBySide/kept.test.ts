import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { KeptPlays } from './kept.ts';

let folder: string;
ownFolder('kept', (made) => {
  folder = made;
});

it('waited for ever for a pipe in the place of its file', () => {
  const path = join(folder, 'plays.json');
  execFileSync('mkfifo', [path]);
  expect(() => new KeptPlays(path)).toThrow('is a pipe or a device: expected a regular file');
});
