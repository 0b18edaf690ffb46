import type { z } from 'zod';
import { printable, printableJson } from '../cli/printable.ts';
import { PROBLEMS_MAX, readYaml, type YamlPath } from './document.ts';
import { type FileProblem, formatPath } from './problems.ts';
import { suggest } from './suggest.ts';

/** A kind of files that people write: what may stand in them. */
export interface FileKind<T> {
  readonly schema: z.ZodType<T>;
  /** The keys that the object at `path` may have. */
  knownKeys(path: YamlPath): readonly string[];
  /** What one could begin with: `keys such as "nodes: 3"`. */
  readonly beginning: string;
  /** A FileContentError of this kind. */
  error(source: string, problems: readonly FileProblem[]): Error;
}

type LineOf = (path: YamlPath, key?: string) => number | undefined;

const SHOWN_LENGTH_MAX = 60;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  // Infinity and NaN, which YAML has and JSON does not.
  const shown = typeof value === 'number' ? String(value) : json(value);
  return shown.length > SHOWN_LENGTH_MAX ? `${printable(shown.slice(0, SHOWN_LENGTH_MAX))}…` : shown;
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) === undefined ? printable(String(value)) : printableJson(value);
  } catch {
    // A program may hand over anything: what contains itself, for one.
    return printable(String(value));
  }
}

function valueAt(root: unknown, path: YamlPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

function unknownKeyProblems(
  path: YamlPath,
  keys: readonly string[],
  known: readonly string[],
  lineOf: LineOf,
): FileProblem[] {
  return keys.slice(0, PROBLEMS_MAX).map((key) => {
    const meant = suggest(key, known);
    const advice = meant === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${meant}?`;
    return withLine(formatPath([...path, key]), `unknown key: ${advice}`, lineOf(path, key));
  });
}

function withLine(key: string, message: string, line: number | undefined): FileProblem {
  return line === undefined ? { key, message } : { key, message, line };
}

function toProblems<T>(issue: z.core.$ZodIssue, value: unknown, kind: FileKind<T>, lineOf: LineOf): FileProblem[] {
  if (issue.code === 'unrecognized_keys')
    return unknownKeyProblems(issue.path, issue.keys, kind.knownKeys(issue.path), lineOf);
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    const reason = issue.issues[0]?.message ?? issue.message;
    return [withLine(formatPath(issue.path), reason, lineOf(issue.path.slice(0, -1), key))];
  }
  const message = `${issue.message}, got ${show(valueAt(value, issue.path))}`;
  return [withLine(formatPath(issue.path), message, lineOf(issue.path))];
}

function check<T>(value: unknown, source: string, kind: FileKind<T>, lineOf: LineOf): T {
  const result = kind.schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, PROBLEMS_MAX)
    .flatMap((issue) => toProblems(issue, value, kind, lineOf));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  throw kind.error(source, problems);
}

/** Checks what a program made. Throws an error of the kind. */
export function checkValue<T>(value: unknown, source: string, kind: FileKind<T>): T {
  return check(value, source, kind, () => undefined);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** Parses and checks a file's text; `source` is its name in messages. Throws an error of the kind. */
export function parseFile<T>(text: string, source: string, kind: FileKind<T>): T {
  const document = readYaml(text);
  if ('problems' in document) throw kind.error(source, document.problems);
  if (isEmpty(document.value)) {
    // Who wrote it meant something by it, but not what nobody described.
    throw kind.error(source, [{ key: '', message: `says nothing: expected ${kind.beginning}`, line: 1 }]);
  }
  return check(document.value, source, kind, (path, key) => document.lineOf(path, key));
}
