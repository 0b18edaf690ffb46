import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { fromGoForms } from './goForms.ts';
import { printableLines } from './printable.ts';
import { versionText } from './version.ts';

/** Where a command's words go. */
export interface CommandOutput {
  out(text: string): void;
  err(text: string): void;
}

/** This process's own streams, past which nothing comes that a terminal takes for an order. */
const PROCESS_OUTPUT: CommandOutput = {
  out: (text) => void process.stdout.write(`${printableLines(text)}\n`),
  err: (text) => void process.stderr.write(`${printableLines(text)}\n`),
};

/** A command that is all that this process does: its help and its complaints, which repeat what was typed, end it. */
export function processCommand(name: string): Command {
  return saying(new Command(name), PROCESS_OUTPUT);
}

/** The same inside a process that goes on: for `runCommander`. Its own commands are to be added to what this returns. */
export function innerCommand(name: string, output: CommandOutput): Command {
  return saying(new Command(name), output).version(versionText(name), '--version', 'print the version').exitOverride();
}

function saying(command: Command, { out, err }: CommandOutput): Command {
  return command
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => err(text.trimEnd()) })
    .showHelpAfterError('(--help says more)');
}

/**
 * Runs `program` with the arguments that follow its name, an `innerCommand`. Resolves with the exit code that commander has
 * for what it printed itself, with 0 once the action is done, or with 1 where that fails: `complain` is to say why.
 */
export async function runCommander(
  program: Command,
  args: readonly string[],
  complain: (error: unknown) => void,
): Promise<number> {
  try {
    await program.parseAsync(fromGoForms(program, args), { from: 'user' });
    return 0;
  } catch (error) {
    // commander has printed its own already, or it was --help.
    if (error instanceof CommanderError) return error.exitCode;
    complain(error);
    return 1;
  }
}

/** Reads an option's value as a whole number below `limit`. */
export function wholeNumberBelow(limit: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value < limit) return value;
    const below = limit === Number.MAX_SAFE_INTEGER ? '' : ` below ${limit}`;
    throw new InvalidArgumentError(`expected a whole number${below}`);
  };
}

export const wholeNumber = wholeNumberBelow(Number.MAX_SAFE_INTEGER);
