import { InvalidCommandError } from './errors.ts';

/** With the flag `u`, halves of a character that stand alone. */
const LONE_SURROGATE = /\p{Cs}/u;
const utf8 = new TextEncoder();

/** The text as UTF-8. Throws InvalidCommandError where that would change it: two keys would be one. */
export function encodeText(text: string, what: string): Uint8Array {
  if (LONE_SURROGATE.test(text))
    throw new InvalidCommandError(`the ${what} holds half a character, which UTF-8 cannot`);
  return utf8.encode(text);
}
