import { runCommand } from './command.ts';
import { runAsProcess } from './commandProcess.ts';

await runAsProcess(runCommand);
