import { printableLines } from './printable.ts';

/** A line for whoever asked, with nothing in it that a terminal takes for an order. */
export function say(text: string): void {
  console.log(printableLines(text));
}

/** The same, on stderr. */
export function complain(text: string): void {
  console.error(printableLines(text));
}
