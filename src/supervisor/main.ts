import { runCommand } from './command.ts';
import { runAsProcess } from './commandProcess.ts';

// Its folders, its socket and what its servers write are for this user alone.
process.umask(0o077);
void runAsProcess(runCommand);
