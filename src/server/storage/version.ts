import { crc32 } from 'node:zlib';
import { UnknownFormatError } from './contract.ts';
import { FORMAT_VERSION } from './record.ts';

/**
 * The value under the key `version`: `rkv-log <version> <crc32 of what is before, hexadecimal>`. Its own form must never
 * change, so that every version of the program can name what it finds.
 */
const PATTERN = /^(rkv-log (\d+)) ([0-9a-f]{8})$/;

function checksumOf(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}

export function encodeVersion(version = FORMAT_VERSION): Uint8Array {
  const text = `rkv-log ${version}`;
  return new TextEncoder().encode(`${text} ${checksumOf(text)}`);
}

/** Throws UnknownFormatError on an intact value that names another version; otherwise says what is wrong, if anything is. */
export function readVersion(value: Uint8Array | undefined): { damage: string | undefined } {
  if (value === undefined) return { damage: 'it is missing' };
  const match = PATTERN.exec(new TextDecoder().decode(value));
  if (match === null || checksumOf(match[1]!) !== match[3]) return { damage: 'it is damaged' };
  if (Number(match[2]) !== FORMAT_VERSION) {
    throw new UnknownFormatError(
      `the log is stored in format ${match[2]}; this program reads format ${FORMAT_VERSION}`,
    );
  }
  return { damage: undefined };
}
