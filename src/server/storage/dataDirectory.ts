import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { keepFolderPrivate } from '../../files/privateFile.ts';
import { StorageOpenError } from './levelDisk.ts';
import { promisedFile } from './openLogStore.ts';

/** Names tried for data moved aside within the same second. */
const ASIDE_NAMES_MAX = 1000;

export interface PreparedDirectory {
  /** The server's own directory, to be opened by `openLevelLogStore`. */
  readonly location: string;
  /** Whether data of an earlier run is there to continue from. */
  readonly existing: boolean;
  /** Where the data of an earlier run was moved, if it was. */
  readonly movedTo: string | undefined;
}

/** The directory of server `id` under `dataDirectory`. */
export function serverDirectory(dataDirectory: string, id: number): string {
  return join(dataDirectory, `rkvd-${id}`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

async function isThere(location: string): Promise<boolean> {
  try {
    await stat(location);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** `2026-01-31T10-20-30Z`: an instant that may stand in a file name everywhere. */
function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d+/, '').replaceAll(':', '-');
}

/** Moves the folder and the promise file beside it. */
async function moveAside(location: string, nowMs: number): Promise<string> {
  const base = `${location}.old-${stamp(nowMs)}`;
  for (let attempt = 1; attempt <= ASIDE_NAMES_MAX; attempt++) {
    const target = attempt === 1 ? base : `${base}.${attempt}`;
    if ((await isThere(target)) || (await isThere(promisedFile(target)))) continue;
    // Either may be there without the other. The pair stays a pair, under names that belong together.
    if (await isThere(location)) await rename(location, target);
    if (await isThere(promisedFile(location))) await rename(promisedFile(location), promisedFile(target));
    return target;
  }
  throw new Error(`${base} and ${ASIDE_NAMES_MAX - 1} names like it are taken`);
}

/**
 * Prepares the directory of server `id`. With `recover` existing data stays, and a missing directory means that the server
 * starts empty. Without it existing data is moved aside, never deleted. The caller makes sure that no other process has
 * the data open: a rename would not stop it. Throws StorageOpenError where the directory cannot be listed, made or moved.
 */
export async function prepareDataDirectory(
  dataDirectory: string,
  id: number,
  recover: boolean,
  nowMs: number,
): Promise<PreparedDirectory> {
  const location = serverDirectory(dataDirectory, id);
  try {
    await mkdir(dataDirectory, { recursive: true });
    const there = await isThere(location);
    // Every value that was ever put is in there, and another user could put there what we take for ours.
    if (there) keepFolderPrivate(location);
    const hasData = there && (await readdir(location)).length > 0;
    const isNew = !hasData && !(await isThere(promisedFile(location)));
    if (recover || isNew) return { location, existing: hasData, movedTo: undefined };
    return { location, existing: false, movedTo: await moveAside(location, nowMs) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StorageOpenError(location, `expected a directory that can be listed, made and moved (${reason})`, error);
  }
}
