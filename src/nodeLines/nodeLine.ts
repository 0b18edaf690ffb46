import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const INSTALL_MS_MAX = 120_000;

/** A Node.js of one release line, as a package of npm carries it. */
export interface NodeLine {
  /** Such as 26. */
  readonly line: number;
  /** Such as v26.10.0. */
  readonly version: string;
  /** The folder of the `node` executable. */
  readonly folder: string;
}

/** A line's Node.js cannot be had here: no such package for this platform, no network, or it does not run. */
export class NodeLineError extends Error {
  override readonly name = 'NodeLineError';
}

/** Installs the newest Node.js of a line below `cache`, unless one stands there already. Throws NodeLineError. */
export async function installNodeLine(line: number, cache: string): Promise<NodeLine> {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(cache, String(line));
  const folder = join(prefix, 'node_modules', name, 'bin');
  if (!existsSync(join(folder, 'node'))) await install(`${name}@${line}`, prefix);
  try {
    const { stdout: version } = await execa(join(folder, 'node'), ['--version']);
    return { line, version, folder };
  } catch (error) {
    throw new NodeLineError(`${name}@${line} does not run here: ${reasonOf(error)}`, { cause: error });
  }
}

async function install(spec: string, prefix: string): Promise<void> {
  // A half of it would pass for the whole the next time.
  await rm(prefix, { recursive: true, force: true });
  await mkdir(prefix, { recursive: true });
  // Without a package of its own, npm takes the one above for its place.
  await writeFile(join(prefix, 'package.json'), '{"private":true}\n');
  try {
    await execa('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--prefix', prefix, spec], {
      cwd: prefix,
      timeout: INSTALL_MS_MAX,
    });
  } catch (error) {
    await rm(prefix, { recursive: true, force: true });
    throw new NodeLineError(`npm cannot install ${spec}: ${reasonOf(error)}`, { cause: error });
  }
}

/** npm says the kind first, which tells less than the line after it. */
function reasonOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const lines = (stderr || message).split('\n').map((line) => line.replace(/^npm error (code \S+)?/, '').trim());
  return lines.find((line) => line !== '') ?? message;
}
