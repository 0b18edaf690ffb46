/**
 * What others wrote (keys, values, names, a server's words) as text that does nothing to a terminal: control characters,
 * ESC and the C1 ones among them, line breaks, what reorders text (Unicode's bidirectional controls), what cannot be seen
 * and halves of characters stand as escapes. U+200C and U+200D, and the variants of a character (U+FE00 to U+FE0F, U+E0100 to U+E01EF), stay: scripts and emoji
 * are written with them. What cannot be seen is more than Unicode's format characters: fillers of Hangul are letters.
 */
const INVISIBLE = String.raw`(?![\u200c\u200d\ufe00-\ufe0f\u{e0100}-\u{e01ef}])[\p{Cf}\p{DI}\u2800]`;
const UNPRINTABLE = new RegExp(String.raw`[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|${INVISIBLE}`, 'gu');
const UNPRINTABLE_BUT_LAYOUT = new RegExp(String.raw`(?![\n\t])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|${INVISIBLE}`, 'gu');
/** What JSON.stringify leaves of it. */
const UNPRINTABLE_IN_JSON = new RegExp(String.raw`[\u007f-\u009f\p{Zl}\p{Zp}]|${INVISIBLE}`, 'gu');

/** Of a foreign text within a line or a table's cell, characters. */
export const PRINTABLE_LENGTH_MAX = 200;

/** Of a line of ours: a table of many runs is wide, but not endless. */
const LINE_LENGTH_MAX = 10_000;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  const short = SHORT[character];
  if (short !== undefined) return short;
  if (code <= 0xff) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 1)}}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** A foreign text within a line: escaped, and cut where it is longer than `lengthMax` characters. */
export function printable(text: string, lengthMax = PRINTABLE_LENGTH_MAX): string {
  if (text.length <= lengthMax) return text.replace(UNPRINTABLE, escaped);
  // Not between the halves of a character.
  const end = lengthMax > 0 && isHighSurrogate(text.charCodeAt(lengthMax - 1)) ? lengthMax - 1 : lengthMax;
  return `${text.slice(0, end).replace(UNPRINTABLE, escaped)}… (${text.length} characters)`;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/**
 * Whole output of ours, in lines: whatever foreign text got into it does nothing to a terminal either. Its parts are to be
 * `printable` before that; this is what holds where one is forgotten. Lines longer than `lineLengthMax` are cut.
 */
export function printableLines(text: string, lineLengthMax = LINE_LENGTH_MAX): string {
  const lines = text.replace(UNPRINTABLE_BUT_LAYOUT, escaped);
  if (lines.length <= lineLengthMax) return lines;
  return lines
    .split('\n')
    .map((line) => (line.length <= lineLengthMax ? line : `${line.slice(0, lineLengthMax)}…`))
    .join('\n');
}

/** A value a person asked for, whole: escaped, not cut. */
export function printableWhole(text: string): string {
  return printable(text, Number.POSITIVE_INFINITY);
}

/** `value` as JSON that means the same, with nothing in it that does something to a terminal. */
export function printableJson(value: unknown, indent?: number): string {
  return printableJsonText(JSON.stringify(value, null, indent));
}

/** The same for what is JSON already: outside of its strings there is nothing to change. */
export function printableJsonText(json: string): string {
  return json.replace(UNPRINTABLE_IN_JSON, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${hex(character.charCodeAt(at), 4)}`).join(''),
  );
}
