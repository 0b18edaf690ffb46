import { isUtf8 } from 'node:buffer';
import { type ByteReader, MalformedBytesError } from './byteReader.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Above this the decoder's call pays for itself. */
const SHORT_TEXT_BYTES_MAX = 24;

/**
 * A string field's value. Short ASCII, the common case, is read without a call into the decoder.
 * Throws MalformedBytesError where the field is cut short or is not UTF-8.
 */
export function readText(reader: ByteReader): string {
  const start = reader.field();
  const end = reader.pos;
  const bytes = reader.bytes;
  if (end - start <= SHORT_TEXT_BYTES_MAX) {
    let result = '';
    let at = start;
    for (; at < end && bytes[at]! < 0x80; at++) result += String.fromCharCode(bytes[at]!);
    if (at === end) return result;
  }
  try {
    return strictUtf8.decode(bytes.subarray(start, end));
  } catch {
    throw new MalformedBytesError('a string is not valid UTF-8', start);
  }
}

/** Passes over a string field's value, and returns its length in bytes. Throws as readText does. */
export function checkText(reader: ByteReader): number {
  const start = reader.field();
  const end = reader.pos;
  const length = end - start;
  const { bytes } = reader;
  if (length <= SHORT_TEXT_BYTES_MAX) {
    let at = start;
    while (at < end && bytes[at]! < 0x80) at++;
    if (at === end) return length;
  }
  if (!isUtf8(bytes.subarray(start, end))) throw new MalformedBytesError('a string is not valid UTF-8', start);
  return length;
}
