import { printable } from '../../cli/printable.ts';

/** One thing wrong with a cluster's settings, and where. */
export interface ConfigProblem {
  /** As a person writes it: `servers[1].port`; empty for the whole. */
  readonly key: string;
  readonly message: string;
  /** Counted from 1; undefined where the settings came from a program, not from a file. */
  readonly line?: number;
}

/** Of one file, in the message; a person mends these first. */
const PROBLEMS_SHOWN_MAX = 20;
/** Of a key and of a parser's own words, which may hold a piece of the file. */
const KEY_LENGTH_MAX = 60;
const MESSAGE_LENGTH_MAX = 300;

/** A cluster's settings are wrong. The message has one line a problem: `file:line: key: what was expected, got what`. */
export class ClusterConfigError extends Error {
  override readonly name = 'ClusterConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => describe(source, problem));
    const more = problems.length > shown.length ? [`${printable(source)}: and more like these`] : [];
    super([...shown, ...more].join('\n'));
    this.problems = problems;
  }
}

function describe(source: string, { key, message, line }: ConfigProblem): string {
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
