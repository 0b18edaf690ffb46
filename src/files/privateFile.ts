import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolders } from './folders.ts';
import { UnusableFileError } from './regularFile.ts';

/** What is ours to keep is nobody else's to read. */
const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_FOLDER_MODE = 0o700;
const OTHERS = 0o077;

/** For node:fs: a file that must not be there yet, be it as a link, and is ours alone. */
export const newPrivateFile = { flag: 'wx', flags: 'wx', mode: PRIVATE_FILE_MODE } as const;

/** Where a system has no such flag, it has no such danger either. */
const { O_APPEND, O_CREAT, O_WRONLY } = constants;
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

/** The user we run as; undefined where the system has none. */
function ownUid(): number | undefined {
  return process.geteuid?.();
}

/**
 * Opens `path` to append to it, and makes it where it is missing. What another user may have put there is refused: a link,
 * a pipe, a file of theirs or one that goes by other names too. Throws UnusableFileError, or the file system's error.
 */
export function openPrivateLog(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, PRIVATE_FILE_MODE);
  } catch (error) {
    throw explained(path, error as NodeJS.ErrnoException);
  }
  try {
    const stats = fstatSync(descriptor);
    expectOwnFile(path, stats);
    if ((stats.mode & OTHERS) !== 0) fchmodSync(descriptor, PRIVATE_FILE_MODE);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function explained(path: string, error: NodeJS.ErrnoException): Error {
  const expected = 'a regular file of our own, or none';
  if (error.code === 'ELOOP') return new UnusableFileError(path, 'is a link', expected);
  if (error.code === 'ENXIO') return new UnusableFileError(path, 'is a pipe or a device', expected);
  if (error.code === 'EISDIR') return new UnusableFileError(path, 'is a folder', expected);
  return error;
}

function expectOwnFile(path: string, stats: Stats): void {
  const expected = 'a regular file of our own, or none';
  if (!stats.isFile()) throw new UnusableFileError(path, 'is a pipe or a device', expected);
  const uid = ownUid();
  if (uid !== undefined && stats.uid !== uid) {
    throw new UnusableFileError(path, `belongs to another user (uid ${stats.uid})`, expected);
  }
  if (stats.nlink > 1) throw new UnusableFileError(path, 'has other names too', expected);
}

/** Writes a new file beside `path`, for us alone, under a name that nobody can foresee. Answers that name. */
export function writeBeside(path: string, text: string): string {
  const beside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    writeFileSync(beside, text, newPrivateFile);
  } catch (error) {
    // Such as a full disk: half a file is of no use.
    rmSync(beside, { force: true });
    throw error;
  }
  return beside;
}

/** Puts a file with this text in the place of `path`, whole from the first moment; a link there is replaced, not followed. */
export function replacePrivateFile(path: string, text: string): void {
  const beside = writeBeside(path, text);
  try {
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/**
 * Makes the folder `path` for us alone, and those above it that are missing. One that is there is closed to others, and
 * refused where it belongs to another user, who could replace whatever we put there. Throws UnusableFileError, or the
 * file system's error.
 */
export function keepFolderPrivate(path: string): void {
  makeFolder(path);
  const stats = statSync(path);
  expectOwnFolder(path, stats);
  if ((stats.mode & OTHERS) !== 0 && isOurs(stats)) chmodSync(path, PRIVATE_FOLDER_MODE);
}

/** Makes the folder `path` for us alone where it is missing, and those above it. One that is there stays as its owner wants it. */
export function makeFolder(path: string): void {
  makeFolders(path, PRIVATE_FOLDER_MODE);
}

function isOurs({ uid }: Stats): boolean {
  const own = ownUid();
  return own === undefined || uid === own;
}

/** The superuser's folders are taken as well: who has that power needs no trick. */
function expectOwnFolder(path: string, stats: Stats): void {
  if (isOurs(stats) || stats.uid === 0) return;
  throw new UnusableFileError(path, `belongs to another user (uid ${stats.uid})`, 'a folder of our own, or none');
}

/**
 * `<tmp>/rkv-<uid>`, the user's own folder in a place where everybody may make files; made where it is missing. Throws
 * UnusableFileError where another user was there first.
 */
export function ownTemporaryFolder(): string {
  const path = join(tmpdir(), `rkv-${ownUid() ?? 'user'}`);
  try {
    mkdirSync(path, { mode: PRIVATE_FOLDER_MODE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Not through a link: in a shared folder it may be anybody's.
  const stats = lstatSync(path);
  const expected = 'a folder of our own, or none';
  if (!stats.isDirectory()) throw new UnusableFileError(path, 'is no folder', expected);
  if (!isOurs(stats)) throw new UnusableFileError(path, `belongs to another user (uid ${stats.uid})`, expected);
  if ((stats.mode & OTHERS) !== 0) chmodSync(path, PRIVATE_FOLDER_MODE);
  return path;
}
