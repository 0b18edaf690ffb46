import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { newPrivateFile } from '../../files/privateFile.ts';
import type { LoadSink } from './loadGenerator.ts';

/** Commands kept for the file: 16 bytes each. Later ones are counted but not written. */
export const CSV_COMMANDS_MAX = 1 << 24;
const ROWS_PER_WRITE = 8192;
const FIRST_CAPACITY = 1 << 12;

/** Keeps start and end of every command that succeeded, for the original's `latency-<ns>.csv`. */
export class LatencyCsv implements LoadSink {
  count = 0;
  /** Commands beyond CSV_COMMANDS_MAX. */
  omitted = 0;
  private times = new Float64Array(2 * FIRST_CAPACITY);
  private readonly epochMs: number;

  /** `epochMs`: Unix time, ms, at 0 of the load's clock. */
  constructor(epochMs: number) {
    this.epochMs = epochMs;
  }

  completed(_read: boolean, fromMs: number, endMs: number): void {
    if (this.count === CSV_COMMANDS_MAX) {
      this.omitted++;
      return;
    }
    if (2 * this.count === this.times.length) {
      const grown = new Float64Array(2 * this.times.length);
      grown.set(this.times);
      this.times = grown;
    }
    this.times[2 * this.count] = fromMs;
    this.times[2 * this.count + 1] = endMs;
    this.count++;
  }

  failed(): void {}

  dropped(): void {}

  /** Writes `start,end` in Unix ns, one row a command, and answers the file's path. */
  async write(folder: string): Promise<string> {
    const path = join(folder, `latency-${unixNs(Date.now())}.csv`);
    const file = createWriteStream(path, newPrivateFile);
    const done = once(file, 'close');
    file.write('start,end\n');
    for (let at = 0; at < this.count; at += ROWS_PER_WRITE) {
      if (!file.write(this.rows(at, Math.min(at + ROWS_PER_WRITE, this.count)))) await once(file, 'drain');
    }
    file.end();
    await done;
    return path;
  }

  private rows(from: number, to: number): string {
    let text = '';
    for (let at = from; at < to; at++) {
      const start = unixNs(this.epochMs + this.times[2 * at]!);
      text += `${start},${unixNs(this.epochMs + this.times[2 * at + 1]!)}\n`;
    }
    return text;
  }
}

/** Whole µs of a Unix time in ms, as ns: beyond the µs a double holds nothing. */
function unixNs(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}
