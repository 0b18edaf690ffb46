import { runCommand } from './command.ts';

const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What is open still when a command is done, such as an idle connection, does not hold it up for longer, ms. */
const lingerMsMax = 1000;

// Whoever read our output may leave first; the measurement is none of its business.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await runCommand(process.argv.slice(2), {
  terminal: {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
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
