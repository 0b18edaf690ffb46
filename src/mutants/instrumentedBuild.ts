import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { MutatedFile } from './targets.ts';
import { weave } from './weave.ts';

const SWITCH = 'mutants/active.ts';
const TEST_FRAMEWORK = 'mutants/testFramework.ts';

/**
 * Builds the project once with all mutants in it, its tests as well, under `folder`, which has to be inside of the project. Types are not
 * checked: a mutant need not have any. Returns where the compiled files are.
 */
export function buildInstrumented(root: string, folder: string, files: readonly MutatedFile[]): string {
  const from = join(folder, 'src');
  const to = join(folder, 'out');
  mkdirSync(from, { recursive: true });
  cpSync(join(root, 'src'), from, { recursive: true });
  let first = 0;
  for (const { path, source, mutants } of files) {
    writeFileSync(join(from, path), weave(source, mutants, first, pathBetween(path, SWITCH)));
    first += mutants.length;
  }
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (/\.(test|suite)\.ts$/.test(name) || name.includes('/testing')) useOwnFramework(from, name);
  }
  const compilerOptions = { noCheck: true, incremental: false, tsBuildInfoFile: null, rootDir: 'src', outDir: 'out' };
  const settings = {
    extends: relative(folder, join(root, 'tsconfig.json')),
    compilerOptions,
    include: ['src'],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'inherit' });
  copyData(from, to);
  return to;
}

/** Tests run in the process that switches mutants, without vitest's own processes: on the same runner and expectations. */
function useOwnFramework(from: string, name: string): void {
  const path = join(from, name);
  if (!name.endsWith('.ts')) return;
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/from 'vitest';/, `from '${pathBetween(name, TEST_FRAMEWORK)}';`));
}

function copyData(from: string, to: string): void {
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('/testdata')) cpSync(join(from, name), join(to, name), { recursive: true });
  }
}

function pathBetween(path: string, target: string): string {
  const between = relative(dirname(path), target);
  return between.startsWith('.') ? between : `./${between}`;
}
