/**
 * Scripts of commands with their expected output:
 *
 *     # a comment
 *     command word key=value list=(a,b)
 *     input line
 *     ----
 *     expected output, up to a blank line
 *
 * Output that holds blank lines stands between two pairs of `----` lines. A command line that ends in a backslash goes on
 * in the next line.
 */
export interface CommandArgument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly args: readonly CommandArgument[];
}

export interface ScriptStep extends Command {
  /** The lines between the command and `----`. */
  readonly input: readonly string[];
  readonly expected: readonly string[];
  /** Of the command, counted from 1. */
  readonly line: number;
  readonly text: string;
}

/** The text is not a script. */
export class ScriptSyntaxError extends Error {
  override readonly name = 'ScriptSyntaxError';
  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
  }
}

const SEPARATOR = '----';

/** Throws ScriptSyntaxError. */
export function parseScript(text: string): ScriptStep[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const steps: ScriptStep[] = [];
  let at = 0;
  while (at < lines.length) {
    const first = lines[at]!.trim();
    if (first === '' || first.startsWith('#') || first.split(/\s/)[0] === 'subtest') {
      at++;
      continue;
    }
    const line = at + 1;
    let command = first;
    while (command.endsWith('\\') && at + 1 < lines.length) command = command.slice(0, -1) + lines[++at]!.trim();
    const separator = lines.indexOf(SEPARATOR, ++at);
    if (separator < 0) throw new ScriptSyntaxError(line, `no ${SEPARATOR} after ${JSON.stringify(command)}`);
    const input = lines.slice(at, separator);
    const [expected, next] = readExpected(lines, separator + 1);
    steps.push({ ...parseCommand(command, line), input, expected, line, text: command });
    at = next;
  }
  return steps;
}

/** The expected output that starts at line `from`, and where the script goes on. */
function readExpected(lines: readonly string[], from: number): [string[], number] {
  if (lines[from] !== SEPARATOR) {
    let end = from;
    while (end < lines.length && lines[end] !== '') end++;
    return [lines.slice(from, end), end];
  }
  for (let end = from + 1; end < lines.length; end++) {
    if (lines[end] === SEPARATOR && lines[end + 1] === SEPARATOR) return [lines.slice(from + 1, end), end + 2];
  }
  throw new ScriptSyntaxError(from + 1, `output that starts with a second ${SEPARATOR} must end with two of them`);
}

/** Splits a command line into its name and its `key`, `key=value` and `key=(value,value)` arguments. */
export function parseCommand(text: string, line = 1): Command {
  const words = splitOutside(text.trim(), /\s/);
  const name = words.shift() ?? '';
  if (name === '') throw new ScriptSyntaxError(line, 'an empty command');
  return { name, args: words.map((word) => parseArgument(word, line)) };
}

function parseArgument(word: string, line: number): CommandArgument {
  const equals = word.indexOf('=');
  if (equals < 0) return { key: word, values: [] };
  const key = word.slice(0, equals);
  const value = word.slice(equals + 1);
  if (!value.startsWith('(')) return { key, values: value === '' ? [] : [value] };
  if (!value.endsWith(')')) throw new ScriptSyntaxError(line, `no closing bracket in ${JSON.stringify(word)}`);
  const inner = value.slice(1, -1).trim();
  return { key, values: inner === '' ? [] : splitOutside(inner, /,/).map((part) => part.trim()) };
}

/** Splits at characters that match, but not inside brackets; leaves out empty parts. */
function splitOutside(text: string, at: RegExp): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const char of text) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (depth === 0 && at.test(char)) {
      if (part !== '') parts.push(part);
      part = '';
    } else part += char;
  }
  if (part !== '') parts.push(part);
  return parts;
}
