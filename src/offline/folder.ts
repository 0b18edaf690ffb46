import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IDENTITY_FILE } from '../server/identity/identityFile.ts';
import { irregularFile } from '../server/storage/level/checkFiles.ts';
import { isLocked } from '../server/storage/level/lock.ts';
import { promisedFile } from '../server/storage/openLogStore.ts';
import { OfflineError } from './errors.ts';

/** The folder that was named cannot be looked at as one that a server of ours left. Nothing was changed. */
export class FolderError extends OfflineError {
  override readonly name: string = 'FolderError';
}

/** A server that runs has it. */
export class FolderInUseError extends FolderError {
  override readonly name = 'FolderInUseError';
  constructor(location: string) {
    super(`${location} is in use by a server that runs: stop that one first`);
  }
}

/** What LevelDB leaves, and rkvd. */
const OURS = new RegExp(`^(CURRENT|MANIFEST-\\d+|\\d+\\.(ldb|sst|log)|${IDENTITY_FILE.replace('.', '\\.')})$`);
/** Below a `-datadir`, as rkvd names it. */
const SERVER_FOLDER = /^rkvd-\d+$/;

/** Throws FolderError where this is no folder of a server's, and FolderInUseError. */
export async function expectServerFolder(location: string): Promise<void> {
  const entries = await readdir(location, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new FolderError(`there is no folder ${location}`);
    if (error.code === 'ENOTDIR') throw new FolderError(`${location} is no folder: expected that of a server`);
    throw error;
  });
  const irregular = await irregularFile(location);
  if (irregular !== undefined)
    throw new FolderError(
      `${location} holds ${irregular}, which is a link, a pipe or a device: expected regular files`,
    );
  if (entries.some(({ name }) => OURS.test(name))) return;
  const servers = entries.filter((entry) => entry.isDirectory() && SERVER_FOLDER.test(entry.name));
  if (servers.length > 0) {
    const hints = servers.map(({ name }) => join(location, name)).join(', ');
    throw new FolderError(`${location} holds the folders of servers, expected one of these: ${hints}`);
  }
  if (existsSync(promisedFile(location))) return;
  throw new FolderError(
    `${location} is no folder of a server's: expected one that rkvd wrote, with ${IDENTITY_FILE} in it`,
  );
}

/** Throws FolderInUseError; only where the system tells of locks, as Linux does of those in the same container. */
export function expectUnused(location: string): void {
  if (isLocked(location)) throw new FolderInUseError(location);
}
