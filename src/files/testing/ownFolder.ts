import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** Gives each test a folder of its own, which is removed after it, and after what was to be ended later than this was called. */
export function ownFolder(name: string, take: (folder: string) => void): void {
  let made: string;
  beforeEach(() => {
    made = mkdtempSync(join(tmpdir(), `rkv-${name}-`));
    take(made);
  });
  afterEach(() => rmSync(made, { recursive: true, force: true, maxRetries: 10 }));
}
