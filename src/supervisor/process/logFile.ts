import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const defaultBytesMax = 32 * 1024 * 1024;

/**
 * Appends what a process printed to a file, and keeps it bounded: a full file becomes `<path>.1`, in place of the one before.
 * Writes are synchronous so that the last words of a process are on disk when its end is reported; servers print little.
 */
export class LogFile {
  readonly #path: string;
  readonly #bytesMax: number;
  #descriptor: number;
  #bytes: number;

  constructor(path: string, bytesMax = defaultBytesMax) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    mkdirSync(dirname(path), { recursive: true });
    this.#bytes = existsSync(path) ? statSync(path).size : 0;
    this.#descriptor = openSync(path, 'a');
  }

  write(bytes: Uint8Array): void {
    if (this.#descriptor < 0) return;
    try {
      if (this.#bytes > 0 && this.#bytes + bytes.length > this.#bytesMax) this.#rotate();
      writeSync(this.#descriptor, bytes);
      this.#bytes += bytes.length;
    } catch {
      // A full disk must not end the supervisor: the log buffer in memory still has the last lines.
    }
  }

  #rotate(): void {
    closeSync(this.#descriptor);
    this.#descriptor = -1;
    renameSync(this.#path, `${this.#path}.1`);
    this.#descriptor = openSync(this.#path, 'a');
    this.#bytes = 0;
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}
