import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const TIMEOUT_MS = 120_000;

/** Runs the command as a person would, without seeds: on a file that few tests depend on. */
function mutants(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile('node', ['dist/mutants/main.js', ...args], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

describe('npm run mutants', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-mutants-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'makes mistakes, says which were noticed and by whom, and goes on where it was ended',
    async () => {
      const record = join(folder, 'record');
      const sample = ['--file', 'identity/objections.ts', '--sample', '12', '--seeds', '0', '--record', record];
      const { code, out, err } = await mutants(...sample);
      expect(err).toContain('12 of 12');
      expect(out.trimEnd().split('\n').at(-1)).toBe('12 of 12 killed (100.0 %)');
      expect(code).toBe(0);
      const noted = readFileSync(record, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
      expect(noted).toHaveLength(12);
      const again = await mutants(...sample);
      expect(again.out).toBe(out);
      expect(again.err).not.toContain('min left');
    },
    TIMEOUT_MS,
  );

  it('names a part that there is not', async () => {
    const { code, err } = await mutants('--engine', 'paxos');
    expect(err).toContain('no part paxos: expected gorums, etcd, hashicorp');
    expect(code).toBe(1);
  });
});
