import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WarmOperation } from './measure.ts';
import type { Answer, Question } from './measuringProcess.ts';
import type { Modules } from './operation.ts';
import { GROUPS } from './operations.ts';

/** Measures operations on the modules of a build, as whoever started it asks: `measureProcess.js DIST`. Ends with that one. */
const [, , dist] = process.argv;
const modules: Modules = {
  load: async (path) => {
    const file = join(dist!, path.replace(/\.ts$/, '.js'));
    if (!existsSync(file)) throw new Error(`there is no src/${path}`);
    return import(pathToFileURL(file).href);
  },
};
let warm: WarmOperation | undefined;

async function answer(question: Question): Promise<Answer> {
  try {
    if ('measureMs' in question) return { slice: await warm!.measure(question.measureMs) };
    const operation = GROUPS.flatMap(({ operations }) => operations).find(({ name }) => name === question.warm)!;
    warm = await WarmOperation.of(operation, modules);
    return { isWarm: true };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

process.on('disconnect', () => process.exit());
process.on('message', (question: Question) => {
  void answer(question).then((said) => process.send!(said));
});
