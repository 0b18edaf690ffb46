import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** An argument is not UTF-8. Node.js has put U+FFFD in the place of such bytes by then: two keys could be one. */
export class ArgumentEncodingError extends Error {
  override readonly name = 'ArgumentEncodingError';
}

const REPLACEMENT = '\ufffd';

/**
 * The arguments of this process, without the program's name; just as they were typed. Throws ArgumentEncodingError where
 * one is not UTF-8, or where that cannot be told: U+FFFD may stand in an argument in its own right, and only /proc says.
 */
export function readArguments(
  argv: readonly string[] = process.argv.slice(2),
  commandLine: () => Buffer | undefined = ownCommandLine,
): readonly string[] {
  const suspect = argv.findIndex((argument) => argument.includes(REPLACEMENT));
  if (suspect === -1) return argv;
  const bytes = commandLine();
  if (bytes === undefined) {
    throw new ArgumentEncodingError(
      `argument ${suspect + 1} holds U+FFFD, which may stand for bytes that are not UTF-8: this system does not tell`,
    );
  }
  // Each ends with a zero byte, and the program's own come last.
  const all = splitAtZeros(bytes).slice(-argv.length);
  all.forEach((argument, at) => {
    if (!isUtf8(argument)) {
      throw new ArgumentEncodingError(
        `argument ${at + 1} is not UTF-8 (its bytes are ${shown(argument)}): expected a text that is`,
      );
    }
  });
  return argv;
}

function ownCommandLine(): Buffer | undefined {
  try {
    return readFileSync('/proc/self/cmdline');
  } catch {
    return undefined;
  }
}

function splitAtZeros(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end === -1 ? bytes.length : end));
    start = end === -1 ? bytes.length : end + 1;
  }
  return parts;
}

const BYTES_SHOWN_MAX = 16;

function shown(bytes: Buffer): string {
  const hex = [...bytes.subarray(0, BYTES_SHOWN_MAX)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > BYTES_SHOWN_MAX ? `${hex} …` : hex;
}
