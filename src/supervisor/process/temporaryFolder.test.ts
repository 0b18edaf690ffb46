import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identify } from './identity.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'rkv-temporary-test-'));
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** A folder with something in it, whose owner is told by `owner`. */
function left(name: string, owner: string | undefined): string {
  const folder = join(parent, name);
  mkdirSync(folder, { mode: 0o700 });
  mkdirSync(join(folder, 'server-1'));
  writeFileSync(join(folder, 'server-1', 'data'), 'kept');
  if (owner !== undefined) writeFileSync(join(folder, 'owner.json'), owner, { mode: 0o600 });
  return folder;
}

async function endedProcess(): Promise<string> {
  const child = execa(process.execPath, ['-e', 'process.stdin.resume()']);
  const identity = JSON.stringify(identify(child.pid!));
  child.stdin!.end();
  await child;
  return identity;
}

it('goes when its owner is no more, at the next one of its kind', async () => {
  const ended = await endedProcess();
  const abandoned = left('rkv-bench-abc123', ended);
  const others = [
    left('rkv-bench-live01', JSON.stringify(identify(process.pid))),
    left('rkv-bench-older1', undefined),
    left('rkv-bench-longer-name', ended),
    left('rkv-cluster-abc123', ended),
    ...[
      '',
      '{',
      'null',
      '[]',
      '{"pid":0,"startTicks":"1"}',
      '{"pid":"1","startTicks":"1"}',
      '{"pid":1,"startTicks":2}',
    ].map((owner, at) => left(`rkv-bench-wrong${at}`, owner)),
    left('rkv-bench-large1', ended.padEnd(300)),
  ];
  const made = await makeTemporaryFolder(parent, 'rkv-bench-');
  expect(existsSync(abandoned)).toBe(false);
  expect(others.filter((folder) => !existsSync(join(folder, 'server-1', 'data')))).toEqual([]);
  const next = await makeTemporaryFolder(parent, 'rkv-bench-');
  expect([made, next].map((folder) => existsSync(folder))).toEqual([true, true]);
});

it('is left alone where others may write to it', async () => {
  const open = left('rkv-bench-open01', await endedProcess());
  chmodSync(open, 0o777);
  await makeTemporaryFolder(parent, 'rkv-bench-');
  expect(existsSync(open)).toBe(true);
});

it('that cannot be made says what the file system says', async () => {
  await expect(makeTemporaryFolder(join(parent, 'missing'), 'rkv-')).rejects.toThrow('ENOENT');
});
