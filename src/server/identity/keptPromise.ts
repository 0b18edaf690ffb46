import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../../files/durableFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { StorageOpenError } from '../storage/levelDisk.ts';

/** Beside LevelDB's files, as the identity is. There only once reads went by a lease. */
export const KEPT_PROMISE_FILE = 'promised.json';
const BYTES_MAX = 1024;

const content = z.strictObject({ format: z.literal(1), longestMs: z.number().int().positive() });

/**
 * For how long this server may have promised a leader, in any process before this one, to elect nobody; ms, 0: it never did. What this
 * process may promise, `ownMs`, counts with it from now on, and is on disk when this returns: a later one is bound by it whatever
 * its flags say. It never becomes less. Throws StorageOpenError where what is there cannot be read or written.
 */
export function keptPromiseMs(location: string, ownMs: number): number {
  const path = join(location, KEPT_PROMISE_FILE);
  try {
    const beforeMs = existsSync(path) ? content.parse(JSON.parse(readTextFile(path, BYTES_MAX))).longestMs : 0;
    if (ownMs > beforeMs) writeDurably(path, `${JSON.stringify({ format: 1, longestMs: ownMs })}\n`);
    return Math.max(ownMs, beforeMs);
  } catch (cause) {
    const what = `expected ${KEPT_PROMISE_FILE} to say for how long this server promised to elect nobody, as it wrote it`;
    throw new StorageOpenError(location, what, cause);
  }
}
