import { runAsProcess } from '../supervisor/commandProcess.ts';
import { runCommand } from './command.ts';

void runAsProcess(runCommand);
