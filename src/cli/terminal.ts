import { printableJson, printableLines, printableWhole } from './printable.ts';

/**
 * Where a program writes: what was asked for on `out`, everything for people to follow on `err`. Texts are one line or several, without
 * the end of the last one. Nothing that a terminal takes for an order is passed on, but by `raw`.
 */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** The value as JSON on `out`, whole. */
  json(value: unknown, indent?: number): void;
  /** A stored value on `out`, whole: as it is for a program, with escapes for a terminal. */
  value(text: string): void;
  /** A stored value on `out`, as it is, whoever reads it, and nothing behind it. */
  raw(text: string): void;
  /** `out` is a terminal. */
  readonly outInteractive: boolean;
  /** `err` is a terminal. */
  readonly interactive: boolean;
}

/** What a program uses of it that prints no stored values. */
export type CommandOutput = Pick<Terminal, 'out' | 'err' | 'json'>;

/** This process's own streams. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${printableLines(text)}\n`),
  err: (text) => void process.stderr.write(`${printableLines(text)}\n`),
  json: (value, indent) => void process.stdout.write(`${printableJson(value, indent)}\n`),
  value: (text) => void process.stdout.write(`${process.stdout.isTTY === true ? printableWhole(text) : text}\n`),
  raw: (text) => void process.stdout.write(text),
  get outInteractive() {
    return process.stdout.isTTY === true;
  },
  get interactive() {
    return process.stderr.isTTY === true;
  },
};
