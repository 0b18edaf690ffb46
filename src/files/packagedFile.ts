import { existsSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From src/ as from dist/, the package begins two folders up. */
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

/** The file that `file` means: where it is not there and is said to be in this folder, the one of that name that comes with the package. */
export function packagedFile(folder: 'configs' | 'scenarios', file: string): string {
  if (existsSync(file) || dirname(normalize(file)) !== folder) return file;
  const packaged = join(PACKAGE, folder, basename(file));
  return existsSync(packaged) ? packaged : file;
}
