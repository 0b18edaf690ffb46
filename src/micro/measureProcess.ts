import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { measure } from './measure.ts';
import type { Modules } from './operation.ts';
import { GROUPS } from './operations.ts';

/** Measures some operations of one group, of the modules of a build: `measureProcess.js DIST MS NAME…`. Says what it found to who started it. */
const [, , dist, timeMs, ...names] = process.argv;
const endWithParent = () => process.exit(1);
process.on('disconnect', endWithParent);
const modules: Modules = {
  load: async (path) => {
    const file = join(dist!, path.replace(/\.ts$/, '.js'));
    if (!existsSync(file)) throw new Error(`there is no src/${path}`);
    return import(pathToFileURL(file).href);
  },
};
for (const operation of GROUPS.flatMap(({ operations }) => operations)) {
  if (names.includes(operation.name)) process.send!(await measure(operation, modules, Number(timeMs)));
}
process.off('disconnect', endWithParent);
process.disconnect();
