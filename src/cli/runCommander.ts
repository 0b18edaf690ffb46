import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { fromGoForms } from './goForms.ts';
import { type CommandOutput, processTerminal } from './terminal.ts';
import { versionText } from './version.ts';

/** A command that is all that this process does: its help and its complaints, which repeat what was typed, end it. */
export function processCommand(name: string): Command {
  return saying(new Command(name), processTerminal);
}

/** The same inside a process that goes on: for `runCommander`. Its own commands are to be added to what this returns. */
export function innerCommand(name: string, output: Pick<CommandOutput, 'out' | 'err'>): Command {
  return saying(new Command(name), output).version(versionText(name), '--version', 'print the version').exitOverride();
}

function saying(command: Command, { out, err }: Pick<CommandOutput, 'out' | 'err'>): Command {
  return command
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => err(text.trimEnd()) })
    .showHelpAfterError('(--help says more)');
}

/**
 * Runs what `build` makes, an `innerCommand`, with the arguments that follow its name. Resolves with the exit code that commander has
 * for what it printed itself; once the action is done with what that gave to `exit`, or 0; or with 1 where it fails:
 * `complain` is to say why.
 */
export async function runCommander(
  build: (exit: (code: number) => void) => Command,
  args: readonly string[],
  complain: (error: unknown) => void,
): Promise<number> {
  let exitCode = 0;
  const program = build((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(fromGoForms(program, args), { from: 'user' });
    return exitCode;
  } catch (error) {
    // commander has printed its own already, or it was --help.
    if (error instanceof CommanderError) return error.exitCode;
    complain(error);
    return 1;
  }
}

/** What `use` makes of the value of `option`, such as a file; where it cannot, the process ends by saying why. */
export function fromOption<T>(program: Command, option: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    return program.error(`${option}: ${(error as Error).message}`);
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

/** Reads an option's value as a number in decimal digits, with a fraction or an exponent where it has one. */
export function anyNumber(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw new InvalidArgumentError('Expected a number.');
  return Number(text);
}
