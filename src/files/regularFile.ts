import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { printable } from '../cli/printable.ts';

/** A file that a person named, or that stands where one of ours is expected, is not of the kind or the size that it should be. */
export class UnusableFileError extends Error {
  override readonly name = 'UnusableFileError';
  readonly path: string;
  constructor(path: string, problem: string, expected: string) {
    super(`${printable(path)} ${problem}: expected ${expected}`);
    this.path = path;
  }
}

const BLOCK_BYTES = 1 << 16;

/**
 * The bytes of the regular file `path`, of which there may be `bytesMax`. A pipe, a device or a file without an end is
 * refused and not waited for. Throws UnusableFileError, or the file system's error.
 */
export function readRegularFile(path: string, bytesMax: number): Buffer {
  const descriptor = openRegularFile(path);
  try {
    if (fstatSync(descriptor).size > bytesMax) throw tooLarge(path, bytesMax);
    const blocks: Buffer[] = [];
    let bytes = 0;
    // To the end, not by its size: what /proc holds has none, and others may grow.
    for (;;) {
      const block = Buffer.allocUnsafe(BLOCK_BYTES);
      const read = readSync(descriptor, block, 0, BLOCK_BYTES, null);
      if (read === 0) return Buffer.concat(blocks, bytes);
      bytes += read;
      if (bytes > bytesMax) throw tooLarge(path, bytesMax);
      blocks.push(block.subarray(0, read));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Opens the regular file `path` to read it; anything else is refused as by `readRegularFile`. Answers its descriptor. */
export function openRegularFile(path: string): number {
  // To open a device may do something already, so it is looked at before that; and after it, as it may have been replaced.
  expectRegular(path, statSync(path));
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    expectRegular(path, fstatSync(descriptor));
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** As `readRegularFile`, as text. */
export function readTextFile(path: string, bytesMax: number): string {
  return readRegularFile(path, bytesMax).toString('utf8');
}

function tooLarge(path: string, bytesMax: number): UnusableFileError {
  return new UnusableFileError(path, 'is too large', `at most ${bytesMax} bytes`);
}

function expectRegular(path: string, stats: { isFile(): boolean; isDirectory(): boolean }): void {
  if (stats.isFile()) return;
  throw new UnusableFileError(path, stats.isDirectory() ? 'is a folder' : 'is a pipe or a device', 'a regular file');
}
