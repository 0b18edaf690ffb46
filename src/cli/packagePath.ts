import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From src/cli/ as from dist/cli/, and from dist/programs/, where this is part of a command's one file. */
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

/** Of what comes with this package, by its names from the package's folder on. */
export function packagePath(...names: readonly string[]): string {
  return join(PACKAGE, ...names);
}
