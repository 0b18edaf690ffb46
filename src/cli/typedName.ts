import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** How a command of ours is typed in the working directory: in a checkout it lies in bin/, and elsewhere on the PATH. */
export function typedName(command: string): string {
  const inCheckout = join('bin', command);
  return existsSync(inCheckout) ? inCheckout : command;
}
