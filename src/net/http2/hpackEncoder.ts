import { STATIC_FIELDS } from './staticTable.ts';

/**
 * A header block of fields that are in the static table, or literals that are not to be indexed (RFC 7541, 6.2.2). It
 * depends on nothing that was sent before: what is the same for many streams is encoded once.
 */
export function encodeFields(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, value] of fields) {
    const whole = STATIC_FIELDS.findIndex((field) => field.name === name && field.value === value);
    if (whole >= 0 && value !== '') {
      pieces.push(integer(0x80, 0x7f, whole + 1));
      continue;
    }
    const named = STATIC_FIELDS.findIndex((field) => field.name === name);
    pieces.push(integer(0, 0x0f, named + 1));
    if (named < 0) pieces.push(text(name));
    pieces.push(text(value));
  }
  return Buffer.concat(pieces);
}

function text(value: string): Buffer {
  return Buffer.concat([integer(0, 0x7f, value.length), Buffer.from(value, 'latin1')]);
}

/** RFC 7541, 5.1. */
function integer(pattern: number, mask: number, value: number): Buffer {
  if (value < mask) return Buffer.of(pattern | value);
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
