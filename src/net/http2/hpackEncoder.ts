import { STATIC_FIELDS } from './staticTable.ts';

/** Where the first field of each name stands in the static table; counted from 1. */
const NAMES = new Map<string, number>();
/** Where the fields stand that have a value, by name and value. */
const WHOLE = new Map<string, Map<string, number>>();
for (const [at, { name, value }] of STATIC_FIELDS.entries()) {
  if (!NAMES.has(name)) NAMES.set(name, at + 1);
  if (value !== '') WHOLE.set(name, (WHOLE.get(name) ?? new Map()).set(value, at + 1));
}

/**
 * A header block of fields that are in the static table, or literals that are not to be indexed (RFC 7541, 6.2.2). It
 * depends on nothing that was sent before: what is the same for many streams is encoded once.
 */
export function encodeFields(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  // A byte a character: strings are put together faster than buffers.
  let block = '';
  for (const [name, value] of fields) {
    const whole = WHOLE.get(name)?.get(value);
    if (whole !== undefined) {
      block += integer(0x80, 0x7f, whole);
      continue;
    }
    const named = NAMES.get(name) ?? 0;
    block += integer(0, 0x0f, named);
    if (named === 0) block += text(name);
    block += text(value);
  }
  return Buffer.from(block, 'latin1');
}

function text(value: string): string {
  return integer(0, 0x7f, value.length) + value;
}

/** RFC 7541, 5.1. */
function integer(pattern: number, mask: number, value: number): string {
  if (value < mask) return String.fromCharCode(pattern | value);
  let bytes = String.fromCharCode(pattern | mask);
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes += String.fromCharCode((rest % 128) | 0x80);
  return bytes + String.fromCharCode(rest);
}
