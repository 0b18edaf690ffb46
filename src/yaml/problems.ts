import { printable } from '../cli/printable.ts';

/** One thing wrong with what a person wrote, and where. */
export interface FileProblem {
  /** As a person writes it: `servers[1].port`; empty for the whole. */
  readonly key: string;
  readonly message: string;
  /** Counted from 1; undefined where it came from a program, not from a file. */
  readonly line?: number;
}

/** Of one file, in the message; a person mends these first. */
const PROBLEMS_SHOWN_MAX = 20;
/** Of a key and of a parser's own words, which may hold a piece of the file. */
const KEY_LENGTH_MAX = 60;
const MESSAGE_LENGTH_MAX = 300;

/** A file that a person wrote is wrong. The message has one line a problem: `file:line: key: what was expected, got what`. */
export class FileContentError extends Error {
  override readonly name: string = 'FileContentError';
  readonly problems: readonly FileProblem[];

  constructor(source: string, problems: readonly FileProblem[]) {
    const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => describe(source, problem));
    const more = problems.length > shown.length ? [`${printable(source)}: and more like these`] : [];
    super([...shown, ...more].join('\n'));
    this.problems = problems;
  }
}

function describe(source: string, { key, message, line }: FileProblem): string {
  const place = line === undefined ? printable(source) : `${printable(source)}:${line}`;
  const what = printable(message, MESSAGE_LENGTH_MAX);
  return key === '' ? `${place}: ${what}` : `${place}: ${printable(key, KEY_LENGTH_MAX)}: ${what}`;
}

/** `['servers', 1, 'port']` as `servers[1].port`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let out = '';
  for (const step of path) {
    if (typeof step === 'number') out += `[${step}]`;
    else out += out === '' ? String(step) : `.${String(step)}`;
  }
  return out;
}
