import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packagePath } from '../../cli/packagePath.ts';
import type { GitFacts } from '../results/schema.ts';

const packageRoot = packagePath();

/** This package's version and those of its dependencies, by name. What cannot be read is left out. */
export async function packageVersions(root = packageRoot): Promise<Record<string, string>> {
  const own = await readManifest(root);
  const versions: Record<string, string> = {};
  if (own.version !== undefined) versions[own.name ?? 'rkv'] = own.version;
  for (const name of Object.keys(own.dependencies ?? {}).sort()) {
    const { version } = await readManifest(join(root, 'node_modules', name));
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function readManifest(folder: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return {};
  }
}

/** The commit of this checkout, and whether files differ from it; null where this is no checkout, or there is no git. */
export async function gitFacts(root = packageRoot): Promise<GitFacts | null> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: root })).stdout.trim();
  try {
    // An installed package may lie inside the checkout of something else.
    if ((await realpath(await git('rev-parse', '--show-toplevel'))) !== (await realpath(root))) return null;
    const commit = await git('rev-parse', 'HEAD');
    const changes = await git('status', '--porcelain', '--untracked-files=no');
    return { commit, dirty: changes !== '' };
  } catch {
    return null;
  }
}
