import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Puts a file with this text in the place of `path`, for us alone: whole, and on disk when this returns. */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.new`;
  // What a crash left there was never in force.
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** What is made, renamed and removed in a folder is durable once the folder is. */
export function syncFolder(location: string): void {
  const descriptor = openSync(location, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
