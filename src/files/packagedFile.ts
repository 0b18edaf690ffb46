import { existsSync } from 'node:fs';
import { basename, dirname, normalize } from 'node:path';
import { packagePath } from '../cli/packagePath.ts';

/** The file that `file` means: where it is not there and is said to be in this folder, the one of that name that comes with the package. */
export function packagedFile(folder: 'configs' | 'scenarios' | 'experiments', file: string): string {
  if (existsSync(file) || dirname(normalize(file)) !== folder) return file;
  const packaged = packagePath(folder, basename(file));
  return existsSync(packaged) ? packaged : file;
}
