/** A line of a history file that does not read as its format demands. */
export class HistoryFormatError extends Error {
  override readonly name = 'HistoryFormatError';
  readonly source: string;
  /** Counted from 1. */
  readonly line: number;
  readonly expected: string;

  constructor(source: string, line: number, expected: string, found: string) {
    super(`${source}:${line}: expected ${expected}, found ${shorten(found)}`);
    this.source = source;
    this.line = line;
    this.expected = expected;
  }
}

const FOUND_LENGTH_MAX = 120;

function shorten(text: string): string {
  return JSON.stringify(text.length > FOUND_LENGTH_MAX ? `${text.slice(0, FOUND_LENGTH_MAX)}…` : text);
}
