import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from './porcupine.ts';
import { captureRuns, folder, stderr, stdout } from './testing/capture.ts';

const SHARED = join(import.meta.dirname, '../../../shared/conformance/porcupine');
const STALE_READ = [
  ':process 0, :type :invoke, :f :put, :key "k", :value "a"',
  ':process 0, :type :ok, :f :put, :key "k", :value "a"',
  ':process 0, :type :invoke, :f :get, :key "k", :value nil',
  ':process 0, :type :ok, :f :get, :key "k", :value ""',
].map((entries) => `{${entries}}\n`);

captureRuns();

async function write(name: string, text: string): Promise<void> {
  await mkdir(join(folder, 'histories'), { recursive: true });
  await writeFile(join(folder, 'histories', name), text);
}

describe('porcupine histories', () => {
  it.skipIf(!existsSync(SHARED))('get their verdicts (skipped where ../shared is absent)', async () => {
    const { passed, failed } = await run(SHARED);
    expect({ failed, lines: stdout.filter((line) => line.startsWith('FAIL')) }).toEqual({ failed: 0, lines: [] });
    expect(passed).toBeGreaterThanOrEqual(56);
  });

  it('pass or fail by verdicts.json, wherever below the folder they lie', async () => {
    await write('stale.txt', STALE_READ.join(''));
    await writeFile(join(folder, 'verdicts.json'), '{"stale.txt": false}');
    expect(await run(folder)).toEqual({ passed: 1, failed: 0 });
    await writeFile(join(folder, 'verdicts.json'), '{"stale.txt": true}');
    expect(await run(folder)).toEqual({ passed: 0, failed: 1 });
    expect(stdout.at(-1)).toMatch(/^FAIL stale\.txt: illegal, expected ok/);
  });

  it('fail where the file is missing or a line is malformed, and say which', async () => {
    await write('bad.txt', `${STALE_READ[0]}{:process 0, :type :done}\n`);
    await writeFile(join(folder, 'verdicts.json'), '{"bad.txt": false, "gone.log": true}');
    expect(await run(folder)).toEqual({ passed: 0, failed: 2 });
    expect(stdout[0]).toMatch(/bad\.txt:2: expected/);
    expect(stdout[1]).toContain('no such file below the folder');
  });

  it('are named when no verdict was given for them', async () => {
    await write('other.txt', '');
    await writeFile(join(folder, 'verdicts.json'), '{}');
    await run(folder);
    expect(stderr).toEqual(['not run, as verdicts.json does not name them: other.txt']);
  });

  it('need a verdicts.json that maps names to booleans', async () => {
    await expect(run(folder)).rejects.toThrow('verdicts.json cannot be read');
    await writeFile(join(folder, 'verdicts.json'), '{');
    await expect(run(folder)).rejects.toThrow('is not JSON');
    await writeFile(join(folder, 'verdicts.json'), '{"a.log": "yes"}');
    await expect(run(folder)).rejects.toThrow('expected file names mapped to booleans');
  });
});
