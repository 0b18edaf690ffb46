import { createInterface } from 'node:readline/promises';
import { ArgumentEncodingError, readArguments } from '../cli/arguments.ts';
import { onInterrupt } from '../cli/interrupts.ts';
import { type CommandOutput, processTerminal } from '../cli/terminal.ts';

/** What a command uses of the process that it runs in. */
export interface ProcessContext {
  readonly terminal: CommandOutput;
  /** A terminal to draw progress on; undefined where nobody watches. */
  readonly progressStream: NodeJS.WritableStream | undefined;
  /** Calls back for every request to stop that comes from outside, such as Ctrl-C; returns how to end that. */
  readonly onInterrupt: (interrupt: () => void) => () => void;
  /** Asks whoever sits at the terminal; nobody there is a no. */
  readonly confirm: (question: string) => Promise<boolean>;
}

/** What is open still when a command is done, such as an idle connection, does not hold it up for longer, ms. */
const LINGER_MS_MAX = 1000;

/** Runs a command as this process: with its arguments, output, signals and exit code. */
export async function runAsProcess(
  runCommand: (args: readonly string[], context: ProcessContext) => Promise<number>,
): Promise<void> {
  // Whoever read our output may leave first (`rkv-cluster up | head`); what the command does is none of its business.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  let args: readonly string[];
  try {
    args = readArguments();
  } catch (error) {
    if (!(error instanceof ArgumentEncodingError)) throw error;
    processTerminal.err(error.message);
    process.exitCode = 1;
    return;
  }
  process.exitCode = await runCommand(args, {
    terminal: processTerminal,
    progressStream: process.stderr.isTTY ? process.stderr : undefined,
    confirm,
    onInterrupt,
  });
  setTimeout(() => process.exit(), LINGER_MS_MAX).unref();
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } catch {
    // Ctrl-C, or the end of the input.
    return false;
  } finally {
    asking.close();
  }
}
