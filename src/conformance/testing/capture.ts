import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import { processTerminal } from '../../cli/terminal.ts';

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
    vi.spyOn(processTerminal, 'out').mockImplementation((line: string) => void stdout.push(line));
    vi.spyOn(processTerminal, 'err').mockImplementation((line: string) => void stderr.push(line));
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  });
}
