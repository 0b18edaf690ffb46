import { appendFileSync, existsSync } from 'node:fs';
import { readTextFile } from './regularFile.ts';

/** Tens of thousands of records and more. */
const BYTES_MAX = 64 * 1024 * 1024;

/**
 * Records in a file, a JSON object a line, for what may be ended at any moment and gone on with: what is no whole line was
 * cut short, and is left out.
 */
export class JsonLines<T extends object> {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Those that are there, none where the file is not. Throws UnusableFileError. */
  read(): T[] {
    if (!existsSync(this.path)) return [];
    const lines = readTextFile(this.path, BYTES_MAX).split('\n').slice(0, -1);
    const whole = lines.filter((line) => line.startsWith('{') && line.endsWith('}'));
    return whole.map((line) => JSON.parse(line) as T);
  }

  add(record: T): void {
    // The break comes first where an earlier run left half a line.
    appendFileSync(this.path, `\n${JSON.stringify(record)}\n`);
  }
}
