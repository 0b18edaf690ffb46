import { isMap, isNode, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ClusterConfigError, type ConfigProblem, formatPath } from './problems.ts';
import { type ClusterConfig, clusterSchema, knownKeys } from './schema.ts';
import { suggest } from './suggest.ts';

type Path = readonly PropertyKey[];
type LineOf = (path: Path, key?: string) => number | undefined;

const shownLengthMax = 60;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > shownLengthMax ? `${shown.slice(0, shownLengthMax)}…` : shown;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

function unknownKeyProblems(path: Path, keys: readonly string[], lineOf: LineOf): ConfigProblem[] {
  const known = knownKeys(path);
  return keys.map((key) => {
    const meant = suggest(key, known);
    const advice = meant === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${meant}?`;
    return { key: formatPath([...path, key]), message: `unknown key: ${advice}`, line: lineOf(path, key) };
  });
}

function toProblems(issue: z.core.$ZodIssue, value: unknown, lineOf: LineOf): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') return unknownKeyProblems(issue.path, issue.keys, lineOf);
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    const reason = issue.issues[0]?.message ?? issue.message;
    return [{ key: formatPath(issue.path), message: reason, line: lineOf(issue.path.slice(0, -1), key) }];
  }
  const message = `${issue.message}, got ${show(valueAt(value, issue.path))}`;
  return [{ key: formatPath(issue.path), message, line: lineOf(issue.path) }];
}

function check(value: unknown, source: string, lineOf: LineOf): ClusterConfig {
  const result = clusterSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => toProblems(issue, value, lineOf));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  throw new ClusterConfigError(source, problems);
}

/** Checks settings that a program made. Throws ClusterConfigError. */
export function checkClusterConfig(value: unknown, source = 'cluster settings'): ClusterConfig {
  return check(value, source, () => undefined);
}

/** Parses and checks a cluster file's text; `source` is its name in messages. Throws ClusterConfigError. */
export function parseClusterFile(text: string, source: string): ClusterConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      key: '',
      message: `not YAML: ${error.message}`,
      line: lines.linePos(error.pos[0]).line,
    }));
    throw new ClusterConfigError(source, problems);
  }
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (cause) {
    // An alias that expands without bound, or names no anchor.
    throw new ClusterConfigError(source, [{ key: '', message: `not YAML: ${(cause as Error).message}`, line: 1 }]);
  }
  return check(value, source, (path, key) => lineAt(document.contents, lines, path, key));
}

/** The line of the value at `path`, or of its key `key`; of the nearest thing around it where it is not there. */
function lineAt(root: ParsedNode | null, lines: LineCounter, path: Path, key?: string): number {
  let node: unknown = root;
  let offset = root?.range[0] ?? 0;
  for (const step of key === undefined ? path : [...path, key]) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(step));
      if (pair === undefined) break;
      // The key's line, not the value's: a value may begin on the line after.
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else {
      node = isNode(node) && 'items' in node && Array.isArray(node.items) ? node.items[Number(step)] : undefined;
      if (!isNode(node) || !node.range) break;
      offset = node.range[0];
    }
  }
  return lines.linePos(offset).line;
}
