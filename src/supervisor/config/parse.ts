import type { z } from 'zod';
import { printable, printableJson } from '../../cli/printable.ts';
import { ClusterConfigError, type ConfigProblem, formatPath } from './problems.ts';
import { type ClusterConfig, clusterSchema, knownKeys } from './schema.ts';
import { suggest } from './suggest.ts';
import { PROBLEMS_MAX, readYaml, type YamlPath } from './yamlDocument.ts';

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

function unknownKeyProblems(path: YamlPath, keys: readonly string[], lineOf: LineOf): ConfigProblem[] {
  const known = knownKeys(path);
  return keys.slice(0, PROBLEMS_MAX).map((key) => {
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
  const problems = result.error.issues.slice(0, PROBLEMS_MAX).flatMap((issue) => toProblems(issue, value, lineOf));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  throw new ClusterConfigError(source, problems);
}

/** Checks settings that a program made. Throws ClusterConfigError. */
export function checkClusterConfig(value: unknown, source = 'cluster settings'): ClusterConfig {
  return check(value, source, () => undefined);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** Parses and checks a cluster file's text; `source` is its name in messages. Throws ClusterConfigError. */
export function parseClusterFile(text: string, source: string): ClusterConfig {
  const document = readYaml(text);
  if ('problems' in document) throw new ClusterConfigError(source, document.problems);
  if (isEmpty(document.value)) {
    // Who wrote it meant something by it, but not servers that nobody described.
    const message = 'says nothing: expected keys such as "nodes: 3" and "backend: gorums"';
    throw new ClusterConfigError(source, [{ key: '', message, line: 1 }]);
  }
  return check(document.value, source, (path, key) => document.lineOf(path, key));
}
