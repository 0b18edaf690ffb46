/**
 * The texts of Go's flag values (the documented behaviour of strconv.ParseInt base 0, strconv.ParseBool,
 * strconv.ParseFloat and time.ParseDuration). Each parser answers a value or why there is none, in Go's words.
 */
export type ParsedValue<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

const PARSE_ERROR = { ok: false, why: 'parse error' } as const;
const OUT_OF_RANGE = { ok: false, why: 'value out of range' } as const;

const TRUE_TEXTS = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE_TEXTS = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

export function parseBool(text: string): ParsedValue<boolean> {
  if (TRUE_TEXTS.has(text)) return { ok: true, value: true };
  if (FALSE_TEXTS.has(text)) return { ok: true, value: false };
  return PARSE_ERROR;
}

/** Decimal, `0x`, `0o`, `0b`, octal by a leading zero; underscores between digits. Beyond 2^53 - 1: out of range. */
const INTEGER = /^([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[bB]((?:_?[01])+)|0[oO]?((?:_?[0-7])+)|(0|[1-9](?:_?[0-9])*))$/;

export function parseInteger(text: string): ParsedValue<number> {
  const match = INTEGER.exec(text);
  if (match === null) return PARSE_ERROR;
  const [, sign, hex, binary, octal, decimal] = match;
  const value = digits(hex, 16) ?? digits(binary, 2) ?? digits(octal, 8) ?? digits(decimal, 10) ?? 0;
  if (!Number.isSafeInteger(value)) return OUT_OF_RANGE;
  // No negative zero: it prints as one.
  return { ok: true, value: sign === '-' && value !== 0 ? -value : value };
}

function digits(text: string | undefined, base: number): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text.replaceAll('_', ''), base);
}

// There is one way to read any text by the patterns here: with two for a row of digits, a long one takes hours to refuse.
const DECIMAL_FLOAT = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const SPECIAL_FLOATS = new Map([
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['nan', Number.NaN],
]);

/** Decimal forms, `inf`, `infinity` and `nan`; Go's hexadecimal floats are not taken. */
export function parseFloat64(text: string): ParsedValue<number> {
  if (DECIMAL_FLOAT.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? { ok: true, value } : OUT_OF_RANGE;
  }
  const unsigned = text.replace(/^[+-]/, '').toLowerCase();
  const special = SPECIAL_FLOATS.get(unsigned);
  if (special === undefined) return PARSE_ERROR;
  return { ok: true, value: text.startsWith('-') ? -special : special };
}

const NS_PER_UNIT = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['\u00b5s', 1e3],
  ['\u03bcs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3600e9],
]);
const DURATION = /^[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/;
const DURATION_PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;
/** Go keeps a duration in an int64 of nanoseconds. */
const DURATION_MS_MAX = (2 ** 63 - 1) / 1e6;

/** A duration in ms (with a fraction where it is finer than that). */
export function parseDurationMs(text: string): ParsedValue<number> {
  if (/^[+-]?0$/.test(text)) return { ok: true, value: 0 };
  if (!DURATION.test(text)) return PARSE_ERROR;
  let ns = 0;
  for (const [, amount, unit] of text.matchAll(DURATION_PART)) ns += Number(amount) * NS_PER_UNIT.get(unit!)!;
  const ms = Math.round(ns) / 1e6;
  if (ms >= DURATION_MS_MAX) return PARSE_ERROR;
  return { ok: true, value: text.startsWith('-') && ms !== 0 ? -ms : ms };
}

/** A duration as Go prints it: `20ms`, `1.5s`, `1m30s`, `1h0m0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const sign = ms < 0 ? '-' : '';
  const ns = Math.round(Math.abs(ms) * 1e6);
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${ns / 1e3}\u00b5s`;
  if (ns < 1e9) return `${sign}${ns / 1e6}ms`;
  const minutes = Math.floor(ns / 60e9);
  const seconds = `${(ns - minutes * 60e9) / 1e9}s`;
  if (minutes === 0) return sign + seconds;
  if (minutes < 60) return `${sign}${minutes}m${seconds}`;
  return `${sign}${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
