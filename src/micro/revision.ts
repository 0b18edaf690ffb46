import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { packagePath } from '../cli/packagePath.ts';

/** The other commit is not there, or cannot be built. */
export class RevisionError extends Error {
  override readonly name = 'RevisionError';
}

export interface BuiltRevision {
  /** Its full name. */
  readonly commit: string;
  /** Where its modules are. */
  readonly dist: string;
  /** Removes all that was made for it. */
  remove(): Promise<void>;
}

/**
 * Checks a commit out beside this one, with the libraries that are installed here, and compiles it. Rejects with RevisionError; nothing is left
 * then, nor where `signal` fires.
 */
export async function buildRevision(revision: string, signal: AbortSignal): Promise<BuiltRevision> {
  const commit = await commitOf(revision);
  const folder = await mkdtemp(join(tmpdir(), 'rkv-revision-'));
  const tree = join(folder, 'tree');
  const remove = async () => {
    await execa('git', ['worktree', 'remove', '--force', tree], { cwd: packagePath(), reject: false });
    await rm(folder, { recursive: true, force: true });
    await execa('git', ['worktree', 'prune'], { cwd: packagePath(), reject: false });
  };
  try {
    await run('git', ['worktree', 'add', '--detach', tree, commit], packagePath(), signal);
    await symlink(packagePath('node_modules'), join(tree, 'node_modules'));
    // Libraries may be newer than the commit's own: what its types say of them is no reason not to run.
    const compiler = packagePath('node_modules', '.bin', 'tsc');
    await run(compiler, ['-p', 'tsconfig.json', '--incremental', 'false', '--noCheck'], tree, signal);
    return { commit, dist: join(tree, 'dist'), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function commitOf(revision: string): Promise<string> {
  const options = { cwd: packagePath(), reject: false };
  const { exitCode, stdout } = await execa(
    'git',
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
    options,
  );
  if (exitCode !== 0) throw new RevisionError(`expected a commit of this repository, got ${revision}`);
  return stdout.trim();
}

async function run(program: string, args: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  const { exitCode, all, shortMessage } = await execa(program, args, {
    cwd,
    all: true,
    reject: false,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  if (exitCode !== 0) throw new RevisionError(`${[program, ...args].join(' ')}: ${all?.trim() || shortMessage}`);
}
