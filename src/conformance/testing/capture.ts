import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';

/** A folder of the present test's own. */
export let folder = '';
/** What the present test's runner printed, a line each. */
export let stdout: string[] = [];
export let stderr: string[] = [];

/** Gives every test of the file that calls this a folder, and keeps what is printed from the terminal. */
export function captureRuns(): void {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-conformance-'));
    stdout = [];
    stderr = [];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void stdout.push(line));
    vi.spyOn(console, 'error').mockImplementation((line: string) => void stderr.push(line));
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  });
}
