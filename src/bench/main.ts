import { runAsProcess } from '../supervisor/commandProcess.ts';
import { runCommand } from './command.ts';

await runAsProcess(runCommand);
