import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder } from './durableFile.ts';

/**
 * Makes the folder `path` and those above it that are missing, durably: what is kept in a folder is lost with its name. Throws the
 * file system's error. Node's own `recursive` turns for
 * ever where a folder's parent is there and a new one in it is said to be missing, as below /proc (seen in Node 20).
 */
export function makeFolders(path: string, mode?: number): void {
  try {
    makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    makeFolders(above, mode);
    makeOne(path, mode);
  }
}

function makeOne(path: string, mode: number | undefined): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Some systems say of a folder that is there that it cannot be made here, such as on a disk that is only read.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
    return;
  }
  try {
    syncFolder(dirname(path));
  } catch (error) {
    // Where one may make folders and not list them, there is no way to.
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
  }
}
