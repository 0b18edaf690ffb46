import { closeSync, fstatSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { keepFolderPrivate, openPrivateLog } from '../../files/privateFile.ts';

const DEFAULT_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Appends what a process printed to a file, and keeps it bounded: a full file becomes `<path>.1`, in place of the one before.
 * The folder is for logs alone, and closed to other users. Throws UnusableFileError where something else is in the way.
 * Writes are synchronous so that the last words of a process are on disk when its end is reported; servers print little.
 */
export class LogFile {
  private readonly path: string;
  private readonly bytesMax: number;
  private descriptor: number;
  private bytes: number;

  constructor(path: string, bytesMax = DEFAULT_BYTES_MAX) {
    this.path = path;
    this.bytesMax = bytesMax;
    keepFolderPrivate(dirname(path));
    this.descriptor = openPrivateLog(path);
    this.bytes = fstatSync(this.descriptor).size;
  }

  write(bytes: Uint8Array): void {
    if (this.descriptor < 0) return;
    try {
      if (this.bytes > 0 && this.bytes + bytes.length > this.bytesMax) this.rotate();
      writeSync(this.descriptor, bytes);
      this.bytes += bytes.length;
    } catch {
      // A full disk must not end the supervisor: the log buffer in memory still has the last lines.
    }
  }

  private rotate(): void {
    closeSync(this.descriptor);
    this.descriptor = -1;
    renameSync(this.path, `${this.path}.1`);
    this.descriptor = openPrivateLog(this.path);
    this.bytes = 0;
  }

  close(): void {
    if (this.descriptor >= 0) closeSync(this.descriptor);
    this.descriptor = -1;
  }
}
