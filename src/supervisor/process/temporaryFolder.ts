import { lstatSync, type Stats, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newPrivateFile } from '../../files/privateFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { identify, isRunning, type ProcessIdentity, processIdentitySchema } from './identity.ts';

/** In each such folder: the process that made it and will remove it. */
const OWNER_FILE = 'owner.json';
const OWNER_BYTES_MAX = 256;
/** mkdtemp's. */
const RANDOM_NAME = /^[A-Za-z0-9]{6}$/;

/**
 * Makes a folder in `parent` whose name begins with `prefix`, for whoever removes it at its end. Nobody can at SIGKILL: what a process
 * that is no more left there under the same prefix goes now. Throws the file system's error.
 */
export async function makeTemporaryFolder(parent: string, prefix: string): Promise<string> {
  await removeAbandoned(parent, prefix);
  const folder = await mkdtemp(join(parent, prefix));
  writeFileSync(join(folder, OWNER_FILE), JSON.stringify(identify(process.pid)), newPrivateFile);
  return folder;
}

async function removeAbandoned(parent: string, prefix: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !RANDOM_NAME.test(name.slice(prefix.length))) continue;
    const folder = join(parent, name);
    const owner = ownerOf(folder);
    if (owner === undefined || isRunning(owner)) continue;
    // Servers may be ending in it yet: the next one removes what is left.
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Undefined where the folder is not ours, or none of these. */
function ownerOf(folder: string): ProcessIdentity | undefined {
  try {
    const path = join(folder, OWNER_FILE);
    if (![folder, path].every((each) => isOurs(lstatSync(each)))) return undefined;
    return processIdentitySchema.parse(JSON.parse(readTextFile(path, OWNER_BYTES_MAX)));
  } catch {
    return undefined;
  }
}

/** Nobody else may have put anything there. */
function isOurs({ uid, mode }: Stats): boolean {
  return uid === process.geteuid?.() && (mode & 0o022) === 0;
}
