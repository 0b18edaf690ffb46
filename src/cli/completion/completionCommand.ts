import { Argument, type Command } from 'commander';
import type { CommandOutput } from '../terminal.ts';
import { describeCommand, SHELLS, type Shell } from './description.ts';
import { completionScript } from './scripts.ts';

/** Adds `completion SHELL`, which prints the script for all that the program has by then. */
export function addCompletionCommand(program: Command, { out }: Pick<CommandOutput, 'out'>): void {
  program
    .command('completion')
    .description('print a script for a shell: source <(… completion bash) has it complete commands, options and files')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => out(completionScript(describeCommand(program), shell).trimEnd()));
}
