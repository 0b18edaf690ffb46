import { ArgumentEncodingError, readArguments } from '../cli/arguments.ts';
import { printableJson, printableLines } from '../cli/printable.ts';
import type { Terminal } from './up.ts';

/** What a command uses of the process that it runs in. */
export interface ProcessContext {
  readonly terminal: Terminal;
  /** A terminal to draw progress on; undefined where nobody watches. */
  readonly progressStream: NodeJS.WritableStream | undefined;
  /** Calls back for every request to stop that comes from outside, such as Ctrl-C; returns how to end that. */
  readonly onInterrupt: (interrupt: () => void) => () => void;
}

const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What is open still when a command is done, such as an idle connection, does not hold it up for longer, ms. */
const lingerMsMax = 1000;

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
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  process.exitCode = await runCommand(args, {
    terminal: {
      out: (text) => void process.stdout.write(`${printableLines(text)}\n`),
      json: (value, indent) => void process.stdout.write(`${printableJson(value, indent)}\n`),
      err: (text) => void process.stderr.write(`${printableLines(text)}\n`),
    },
    progressStream: process.stderr.isTTY ? process.stderr : undefined,
    onInterrupt: (interrupt) => {
      for (const signal of interrupts) process.on(signal, interrupt);
      return () => {
        for (const signal of interrupts) process.off(signal, interrupt);
      };
    },
  });
  setTimeout(() => process.exit(), lingerMsMax).unref();
}
