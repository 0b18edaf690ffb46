import { ArgumentEncodingError, readArguments } from '../../cli/arguments.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { run } from './run.ts';

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second one means now.
    if (controller.signal.aborted) process.exit(1);
    controller.abort(new Error(name));
  });
}
// Without this a reader that went away, such as head, ends in a stack trace.
process.stdout.on('error', () => process.exit(1));

async function main(): Promise<void> {
  try {
    process.exitCode = await run(readArguments(), {
      terminal: processTerminal,
      signal: controller.signal,
      folder: process.cwd(),
      variables: process.env,
    });
  } catch (error) {
    if (!(error instanceof ArgumentEncodingError)) throw error;
    processTerminal.err(`rkvctl: ${error.message}`);
    process.exitCode = 1;
  }
}

void main();
