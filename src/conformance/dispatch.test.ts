import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dispatch } from './dispatch.ts';
import { captureRuns, folder, stderr, stdout } from './testing/capture.ts';

captureRuns();

describe('the conformance command line', () => {
  it.each([
    ['nothing at all', [], 'a kind and a folder are needed'],
    ['a kind alone', ['porcupine'], 'a kind and a folder are needed'],
    ['an unknown kind', ['hedgehog', '.'], 'unknown kind "hedgehog"'],
    ['a kind named like a method of every object', ['toString', '.'], 'unknown kind "toString"'],
    ['a folder that is not there', ['porcupine', '/no/such/folder'], 'no such folder: /no/such/folder'],
    ['one argument too many', ['porcupine', '.', '--fast'], 'unexpected argument "--fast"'],
  ])('refuses %s with its reason and the usage, and exits 1', async (_, args, reason) => {
    expect(await dispatch(args)).toBe(1);
    expect(stderr.join('\n')).toContain(`conformance: ${reason}\nusage: npm run conformance -- <`);
    expect(stdout).toEqual([]);
  });

  it('closes with the counts alone, and exits 0 when every verdict is right', async () => {
    await writeFile(join(folder, 'verdicts.json'), '{"a.log": true}');
    await writeFile(
      join(folder, 'a.log'),
      'INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n',
    );
    expect(await dispatch(['porcupine', folder])).toBe(0);
    expect(stdout.at(-1)).toBe('1 passed, 0 failed');
  });

  it('exits 1 when a case fails, and when there is no case', async () => {
    await writeFile(join(folder, 'verdicts.json'), '{"absent.log": true}');
    expect(await dispatch(['porcupine', folder])).toBe(1);
    expect(stdout.at(-1)).toBe('0 passed, 1 failed');
    await writeFile(join(folder, 'verdicts.json'), '{}');
    expect(await dispatch(['porcupine', folder])).toBe(1);
    expect(stdout.at(-1)).toBe('0 passed, 0 failed');
  });
});
