import { lstat, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder, writeDurably } from '../../files/durableFile.ts';
import { makeFolders } from '../../files/folders.ts';
import { keepFolderPrivate } from '../../files/privateFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { StorageOpenError } from './levelDisk.ts';
import { promisedFile } from './openLogStore.ts';

/** Names tried for data moved aside within the same second. */
const ASIDE_NAMES_MAX = 1000;
/** More than a name of a folder ever takes. */
const MARK_BYTES_MAX = 1024;

export interface PreparedDirectory {
  /** What this start uses: the server's own directory, or one that is to take its place (`takePlace`). */
  readonly location: string;
  /** Whether data of an earlier run is there to continue from. */
  readonly existing: boolean;
  /** Data of an earlier run are in the server's own directory, which this start does not continue from. */
  readonly isBeside: boolean;
}

/** The directory of server `id` under `dataDirectory`. */
export function serverDirectory(dataDirectory: string, id: number): string {
  return join(dataDirectory, `rkvd-${id}`);
}

/** Whatever a start looks at that goes on from the directory, beside what was moved aside. */
export function dataPlaces(location: string): string[] {
  return [location, promisedFile(location), nextDirectory(location), moveMark(location)];
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

/** What a start that is to begin empty uses until it may, beside the data of an earlier run. */
function nextDirectory(location: string): string {
  return `${location}.next`;
}

/** There while data are moved aside; names the place where they go. */
function moveMark(location: string): string {
  return `${location}.moving`;
}

/** A name under which the folder and its promise file can be moved aside. */
async function nameAside(location: string, nowMs: number): Promise<string> {
  const base = `${location}.old-${stamp(nowMs)}`;
  for (let attempt = 1; attempt <= ASIDE_NAMES_MAX; attempt++) {
    const target = attempt === 1 ? base : `${base}.${attempt}`;
    if (!(await isThere(target)) && !(await isThere(promisedFile(target)))) return target;
  }
  throw new Error(`${base} and ${ASIDE_NAMES_MAX - 1} names like it are taken`);
}

/** Where the mark says that the data go; undefined where it says nothing that we would write. */
function markedTarget(location: string): string | undefined {
  const name = readTextFile(moveMark(location), MARK_BYTES_MAX).trim();
  const isOurs = name.startsWith(`${basename(location)}.old-`) && /^[\w.-]+$/.test(name);
  return isOurs ? join(dirname(location), name) : undefined;
}

/**
 * Where a move is under way, does what is left of it, whatever a crash left undone: the folder and its promise file go aside,
 * together and under names that belong together, and what was beside takes their place. Either of the pair may be missing.
 */
async function finishMove(location: string, nowMs: number): Promise<void> {
  const next = nextDirectory(location);
  if (!(await isThere(moveMark(location)))) return;
  if (await isThere(next)) {
    const target = markedTarget(location) ?? (await nameAside(location, nowMs));
    if (await isThere(location)) await rename(location, target);
    if (await isThere(promisedFile(location))) await rename(promisedFile(location), promisedFile(target));
    await rename(next, location);
    syncFolder(dirname(location));
  }
  await rm(moveMark(location));
  // Or it would stand beside what a later start prepares, and move data aside for that.
  syncFolder(dirname(location));
}

/** Throws StorageOpenError for what the file system says. */
async function explained<T>(location: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StorageOpenError(location, `expected a directory that can be listed, made and moved (${reason})`, error);
  }
}

/** To be called before anything else is done to the directory of server `id`. Throws StorageOpenError. */
export function finishInterruptedMove(dataDirectory: string, id: number, nowMs: number): Promise<void> {
  const location = serverDirectory(dataDirectory, id);
  return explained(location, () => finishMove(location, nowMs));
}

/**
 * Prepares the directory of server `id`. With `recover` existing data stays, and a missing directory means that the server
 * starts empty. Without it the server begins with a directory beside its data, and nothing happens to these before
 * `takePlace`: it may turn out that it must not begin without them. Throws StorageOpenError where the directory cannot be
 * listed or made.
 */
export function prepareDataDirectory(dataDirectory: string, id: number, recover: boolean): Promise<PreparedDirectory> {
  const location = serverDirectory(dataDirectory, id);
  const next = nextDirectory(location);
  return explained(location, async () => {
    makeFolders(dataDirectory);
    const there = await isThere(location);
    // Every value that was ever put is in there, and another user could put there what we take for ours.
    if (there) keepFolderPrivate(location);
    const hasData = there && (await readdir(location)).length > 0;
    if (recover) await rm(next, { recursive: true, force: true });
    else if (hasData || (await isThere(promisedFile(location)))) {
      // It is ours alone to make. A link would have us write elsewhere.
      const stats = await lstat(next).catch(() => undefined);
      if (stats?.isDirectory() === false) await rm(next);
      keepFolderPrivate(next);
      return { location: next, existing: false, isBeside: true };
    } else if (await isThere(next)) {
      if (there) await rmdir(location);
      await rename(next, location);
    }
    return { location, existing: hasData, isBeside: false };
  });
}

/**
 * Moves the data of server `id` aside, never deleting them, and puts what was prepared beside them in their place. The
 * caller makes sure that no process has either open: a rename would not stop it. A crash at any point leaves what
 * `finishInterruptedMove` finishes. Returns where the data are then. Throws StorageOpenError.
 */
export function takePlace(dataDirectory: string, id: number, nowMs: number): Promise<string> {
  const location = serverDirectory(dataDirectory, id);
  return explained(location, async () => {
    const target = await nameAside(location, nowMs);
    writeDurably(moveMark(location), `${basename(target)}\n`);
    await finishMove(location, nowMs);
    return target;
  });
}

/** Forgets what was prepared beside the data of server `id`. */
export async function discardBeside(dataDirectory: string, id: number): Promise<void> {
  await rm(nextDirectory(serverDirectory(dataDirectory, id)), { recursive: true, force: true });
}
