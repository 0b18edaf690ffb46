import {
  formatDuration,
  type ParsedValue,
  parseBool,
  parseDurationMs,
  parseFloat64,
  parseInteger,
} from './goValues.ts';

/**
 * Command lines in the forms of Go's `flag` package: `-id 1`, `-id=1`, `--id 1`, `--id=1`; booleans as `-quiet` or
 * `-batch=false` and never with a separate value. `--` or the first argument that is no flag ends the flags. Of a
 * repeated flag the last one counts.
 */
export type FlagSpec =
  | (FlagCommon & { readonly kind: 'bool'; readonly default: boolean })
  | (FlagCommon & NumberRange & { readonly kind: 'int'; readonly default: number })
  | (FlagCommon & NumberRange & { readonly kind: 'float'; readonly default: number })
  /** Values and bounds in ms. */
  | (FlagCommon & NumberRange & { readonly kind: 'duration'; readonly default: number })
  | (FlagCommon & { readonly kind: 'string'; readonly default: string })
  | (FlagCommon & { readonly kind: 'choice'; readonly default: string; readonly choices: readonly string[] });

interface FlagCommon {
  /** For people. A word in back quotes names the value in the usage text, as in Go. */
  readonly usage: string;
  /** The command line must give it. */
  readonly required?: boolean;
}

interface NumberRange {
  /** Smallest and largest value taken. */
  readonly min?: number;
  readonly max?: number;
}

/** Flags by name. Declare with `defineFlags` so that the names and choices keep their types. */
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type FlagValue<S extends FlagSpec> = S extends { kind: 'bool' }
  ? boolean
  : S extends { kind: 'string' }
    ? string
    : S extends { kind: 'choice'; choices: readonly (infer C)[] }
      ? C
      : number;

export interface ParsedFlags<S extends FlagSpecs> {
  /** Every flag's value, the default where it was not given. */
  readonly values: { readonly [N in keyof S]: FlagValue<S[N]> };
  /** The flags that the command line gave. */
  readonly given: ReadonlySet<keyof S & string>;
  /** The arguments that are not flags. */
  readonly rest: readonly string[];
  /** `-h`, `-help` or `-version` was given; nothing after it was looked at. */
  readonly asked: 'help' | 'version' | undefined;
}

export interface ParseOptions {
  /** Flags may also stand after and between other arguments, until `--`. Go's own parser does not do this. */
  readonly interspersed?: boolean;
}

/** A command line that does not fit its flags. The command prints the message, then the usage, and exits 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function defineFlags<const S extends FlagSpecs>(specs: S): S {
  return specs;
}

/** What may be asked in the place of a flag. */
const QUESTIONS = new Map<string, 'help' | 'version'>([
  ['h', 'help'],
  ['help', 'help'],
  ['version', 'version'],
]);

/** Throws UsageError, in Go's words, on a flag that is not known, lacks its value or has a bad one. */
export function parseFlags<const S extends FlagSpecs>(
  specs: S,
  argv: readonly string[],
  options: ParseOptions = {},
): ParsedFlags<S> {
  const values: Record<string, boolean | number | string> = {};
  for (const [name, spec] of Object.entries(specs)) values[name] = spec.default;
  const given = new Set<string>();
  const rest: string[] = [];
  let asked: 'help' | 'version' | undefined;
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at]!;
    if (argument === '--') {
      rest.push(...argv.slice(at + 1));
      break;
    }
    if (argument.length < 2 || !argument.startsWith('-')) {
      if (!options.interspersed) {
        rest.push(...argv.slice(at));
        break;
      }
      rest.push(argument);
      continue;
    }
    const flag = splitFlag(argument);
    const spec = Object.hasOwn(specs, flag.name) ? specs[flag.name] : undefined;
    if (spec === undefined) {
      asked = QUESTIONS.get(flag.name);
      if (asked !== undefined) break;
      throw new UsageError(`flag provided but not defined: -${flag.name}`);
    }
    let text = flag.text;
    if (text === undefined) {
      if (spec.kind === 'bool') text = 'true';
      else if (++at < argv.length) text = argv[at]!;
      else throw new UsageError(`flag needs an argument: -${flag.name}`);
    }
    values[flag.name] = parseFlag(flag.name, spec, text);
    given.add(flag.name);
  }
  if (asked === undefined) requireGiven(specs, given);
  return { values, given, rest, asked } as unknown as ParsedFlags<S>;
}

function splitFlag(argument: string): { readonly name: string; readonly text: string | undefined } {
  const body = argument.slice(argument.startsWith('--') ? 2 : 1);
  if (body === '' || body.startsWith('-') || body.startsWith('=')) {
    throw new UsageError(`bad flag syntax: ${argument}`);
  }
  const equals = body.indexOf('=');
  if (equals === -1) return { name: body, text: undefined };
  return { name: body.slice(0, equals), text: body.slice(equals + 1) };
}

/** The value that `text` is for the flag `name`: a duration in ms. Throws UsageError, in Go's words, where it is none. */
export function parseFlag<S extends FlagSpec>(name: string, spec: S, text: string): FlagValue<S>;
export function parseFlag(name: string, spec: FlagSpec, text: string): boolean | number | string {
  const parsed = parseValue(spec, text);
  if (parsed.ok) return parsed.value;
  if (spec.kind === 'bool') throw new UsageError(`invalid boolean value "${text}" for -${name}: ${parsed.why}`);
  throw new UsageError(`invalid value "${text}" for flag -${name}: ${parsed.why}`);
}

function parseValue(spec: FlagSpec, text: string): ParsedValue<boolean | number | string> {
  switch (spec.kind) {
    case 'bool':
      return parseBool(text);
    case 'int':
      return inRange(parseInteger(text), spec, String);
    case 'float':
      return inRange(parseFloat64(text), spec, String);
    case 'duration':
      return inRange(parseDurationMs(text), spec, formatDuration);
    case 'string':
      return { ok: true, value: text };
    case 'choice':
      if (spec.choices.includes(text)) return { ok: true, value: text };
      return { ok: false, why: `must be ${orList(spec.choices)}` };
  }
}

function inRange(parsed: ParsedValue<number>, { min, max }: NumberRange, print: (value: number) => string) {
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (Number.isNaN(value) && (min !== undefined || max !== undefined))
    return { ok: false, why: 'not a number' } as const;
  if (min !== undefined && value < min) return { ok: false, why: `must be at least ${print(min)}` } as const;
  if (max !== undefined && value > max) return { ok: false, why: `must be at most ${print(max)}` } as const;
  return parsed;
}

function orList(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`;
}

function requireGiven(specs: FlagSpecs, given: ReadonlySet<string>): void {
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.required && !given.has(name)) throw new UsageError(`flag is required: -${name}`);
  }
}

/** The flags with their defaults, as Go lists them: in order of their names, without defaults that are zero. */
export function flagDefaults(specs: FlagSpecs): string {
  const names = Object.keys(specs).sort();
  return names.map((name) => describe(name, specs[name]!)).join('');
}

/** What a usage calls the value, by a word in back quotes; undefined where it does not. */
export function valueNameOf(usage: string): string | undefined {
  return /`([^`]*)`/.exec(usage)?.[1];
}

/** A usage without its back quotes. */
export function plainUsage(usage: string): string {
  return usage.replace(/`([^`]*)`/, '$1');
}

function describe(name: string, spec: FlagSpec): string {
  const unnamed = spec.kind === 'bool' ? '' : spec.kind === 'choice' ? 'string' : spec.kind;
  const valueName = valueNameOf(spec.usage) ?? unnamed;
  const plain = plainUsage(spec.usage);
  const usage = spec.kind === 'choice' ? `${plain}: ${orList(spec.choices)}` : plain;
  const head = `  -${name}${valueName === '' ? '' : ` ${valueName}`}`;
  const gap = head.length <= 4 ? '\t' : '\n    \t';
  return `${head}${gap}${usage.replaceAll('\n', '\n    \t')}${defaultNote(spec)}\n`;
}

/** A value as it is typed. */
export function formatFlag(spec: FlagSpec, value: boolean | number | string): string {
  return spec.kind === 'duration' ? formatDuration(value as number) : String(value);
}

function defaultNote(spec: FlagSpec): string {
  if (spec.required || spec.default === false || spec.default === 0 || spec.default === '') return '';
  if (spec.kind === 'string' || spec.kind === 'choice') return ` (default ${JSON.stringify(spec.default)})`;
  return ` (default ${formatFlag(spec, spec.default)})`;
}
