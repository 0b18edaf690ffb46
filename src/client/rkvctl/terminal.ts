import { printableLines, printableWhole } from '../../cli/printable.ts';

/**
 * Where a command writes: results on `out`, everything for people to follow on `err`. Neither passes on what a terminal
 * would take for an order.
 */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** A stored value on `out`: as it is for a program, with escapes for a terminal. */
  value(text: string): void;
  /** A stored value on `out`, as it is, whoever reads it. */
  raw(text: string): void;
  /** `out` is a terminal. */
  readonly outInteractive: boolean;
  /** `err` is a terminal that takes a line back. */
  readonly interactive: boolean;
}

export const processTerminal: Terminal = {
  out: (text) => {
    process.stdout.write(printableLines(text));
  },
  err: (text) => {
    process.stderr.write(printableLines(text));
  },
  value: (text) => {
    process.stdout.write(process.stdout.isTTY === true ? printableWhole(text) : text);
  },
  raw: (text) => {
    process.stdout.write(text);
  },
  get outInteractive() {
    return process.stdout.isTTY === true;
  },
  get interactive() {
    return process.stderr.isTTY === true;
  },
};
