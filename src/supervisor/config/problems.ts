/** One thing wrong with a cluster's settings, and where. */
export interface ConfigProblem {
  /** As a person writes it: `servers[1].port`; empty for the whole. */
  readonly key: string;
  readonly message: string;
  /** Counted from 1; undefined where the settings came from a program, not from a file. */
  readonly line?: number;
}

/** A cluster's settings are wrong. The message has one line a problem: `file:line: key: what was expected, got what`. */
export class ClusterConfigError extends Error {
  override readonly name = 'ClusterConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => describe(source, problem)).join('\n'));
    this.problems = problems;
  }
}

function describe(source: string, { key, message, line }: ConfigProblem): string {
  const place = line === undefined ? source : `${source}:${line}`;
  return key === '' ? `${place}: ${message}` : `${place}: ${key}: ${message}`;
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
