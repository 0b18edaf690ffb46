import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeDurably } from './durableFile.ts';
import { durabilityCalls } from './testing/durabilityCalls.ts';
import { ownFolder } from './testing/ownFolder.ts';

let folder: string;
ownFolder('durable-file', (made) => {
  folder = made;
});

describe('writeDurably', () => {
  it('has the text on the platter before it has its name, and the name before it returns', async () => {
    const path = join(folder, 'state');
    const expected = ['write state.new', 'sync state.new', 'rename state.new state', `sync ${basename(folder)}`];
    for (const text of ['one', 'two']) {
      expect(await durabilityCalls(() => writeDurably(path, text))).toEqual(expected);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });
});
