import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { openRegularFile } from './regularFile.ts';

const PIECE_BYTES = 64 * 1024;

/** Whole lines from the end of a text file, of so many bytes at most. Throws UnusableFileError or the file system's error. */
export function readLastBytes(path: string, bytesMax: number): string {
  const tail = new Tail(path);
  try {
    return tail.last(bytesMax);
  } finally {
    tail.close();
  }
}

/** A text file that others append to, read from near its end on. */
export class Tail {
  private readonly path: string;
  private descriptor: number;
  private readonly decoder = new StringDecoder();
  private at = 0;

  constructor(path: string) {
    this.path = path;
    this.descriptor = openRegularFile(path);
  }

  /** Whole lines from its end, of so many bytes at most; `more` goes on from there. */
  last(bytesMax: number): string {
    const { size } = fstatSync(this.descriptor);
    this.at = Math.max(0, size - bytesMax);
    const cut = this.at > 0;
    const text = this.more();
    return cut ? text.slice(text.indexOf('\n') + 1) : text;
  }

  /** What was appended since; where another file took its place, or it was cut, from the beginning of what is there now. */
  more(): string {
    let text = this.rest();
    if (this.isReplaced()) {
      closeSync(this.descriptor);
      this.descriptor = openRegularFile(this.path);
      this.at = 0;
      text += this.rest();
    }
    return text;
  }

  private rest(): string {
    if (fstatSync(this.descriptor).size < this.at) this.at = 0;
    let text = '';
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (;;) {
      const count = readSync(this.descriptor, piece, 0, PIECE_BYTES, this.at);
      if (count === 0) return text;
      this.at += count;
      // What ends within a character goes on with the next piece.
      text += this.decoder.write(piece.subarray(0, count));
    }
  }

  private isReplaced(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false });
    const { ino, dev } = fstatSync(this.descriptor);
    return now !== undefined && (now.ino !== ino || now.dev !== dev);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
