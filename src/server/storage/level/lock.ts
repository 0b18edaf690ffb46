import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whether a process holds LevelDB's lock on this folder, as far as the system tells (Linux does); false elsewhere. For where
 * LevelDB cannot be asked, because what it would find might end this process.
 */
export function isLocked(location: string): boolean {
  try {
    const { ino } = statSync(join(location, 'LOCK'));
    const locks = readFileSync('/proc/locks', 'utf8').split('\n');
    // 1: POSIX  ADVISORY  WRITE 4711 fe:00:1234567 0 EOF
    return locks.some((line) => !line.includes('->') && line.includes(`:${ino} `));
  } catch {
    return false;
  }
}
