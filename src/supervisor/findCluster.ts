import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, extname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printable } from '../cli/printable.ts';
import { readTextFile } from '../files/regularFile.ts';
import { type ClusterPlan, defaultDirectory, planCluster } from './clusterPlan.ts';
import { parseClusterFile } from './config/parse.ts';
import { ClusterConfigError } from './config/problems.ts';
import { CLUSTER_FILE_BYTES_MAX } from './config/yamlDocument.ts';
import { runningClusters } from './control/registry.ts';
import { type RunningSupervisor, readRunningState } from './control/stateFile.ts';

/** No cluster runs where one was looked for, or more than one does. */
export class NoClusterError extends Error {
  override readonly name = 'NoClusterError';
}

/** The cluster files that come with the package, which begins two folders up from src/ as from dist/. */
const packagedFiles = fileURLToPath(new URL('../../configs', import.meta.url));

/**
 * The file that `file` means: where it is not there, the one of that name that comes with the package. What its documentation
 * types, `configs/3node.yaml`, so works wherever it is installed.
 */
export function clusterFilePath(file: string): string {
  if (existsSync(file) || dirname(normalize(file)) !== 'configs') return file;
  const packaged = join(packagedFiles, basename(file));
  return existsSync(packaged) ? packaged : file;
}

/** What the command line says otherwise than the file. */
export interface FileOverrides {
  readonly datadir?: string | undefined;
  readonly faults?: boolean | undefined;
}

/**
 * Reads, checks and completes a cluster file. Its servers take faults unless it says that they do not: it is to play with, on one
 * machine. Throws ClusterConfigError, UnusableFileError or the file system's error.
 */
export function readClusterFile(file: string, { datadir, faults }: FileOverrides = {}): ClusterPlan {
  const config = parseClusterFile(readTextFile(clusterFilePath(file), CLUSTER_FILE_BYTES_MAX), file);
  const name = basename(file, extname(file));
  // As a folder below rkv-data these would be others.
  if (/^\.*$/.test(name) && config.name === undefined) {
    throw new ClusterConfigError(file, [{ key: 'name', message: 'expected a name: the file has none to give' }]);
  }
  const overridden = { datadir: datadir ?? config.datadir, faults: faults ?? config.faults ?? true };
  return planCluster({ ...config, ...overridden }, name);
}

/** Which cluster is meant: that of a file, that in a folder, or, without either, the one that runs under ./rkv-data. */
export interface ClusterChoice {
  readonly file?: string | undefined;
  readonly datadir?: string | undefined;
}

/** The supervisor of the cluster that is meant. Throws NoClusterError where none runs. */
export function findRunning({ file, datadir }: ClusterChoice): RunningSupervisor {
  if (file === undefined && datadir === undefined) return findOnlyRunning();
  const directory = file === undefined ? resolve(datadir!) : readClusterFile(file, { datadir }).directory;
  const state = readRunningState(directory) ?? (datadir === undefined ? startedElsewhere(file!) : undefined);
  if (state === undefined) throw new NoClusterError(`no cluster runs in ${directory}`);
  return state;
}

/** The cluster of a file that was started in another working directory, and keeps its data there. */
function startedElsewhere(file: string): RunningSupervisor | undefined {
  const path = realpathSync(clusterFilePath(file));
  const found = runningClusters().filter((cluster) => cluster.file === path);
  if (found.length < 2) return found[0];
  const directories = printable(found.map(({ directory }) => directory).join(', '));
  throw new NoClusterError(`${found.length} clusters run from ${printable(file)}: name the --datadir (${directories})`);
}

function findOnlyRunning(): RunningSupervisor {
  const root = resolve(dirname(defaultDirectory('any')));
  const running = folders(root).flatMap((directory) => readRunningState(directory) ?? []);
  if (running.length === 1) return running[0]!;
  if (running.length === 0) {
    const elsewhere = runningClusters().map(({ directory }) => directory);
    const hint = elsewhere.length === 0 ? '' : ` (elsewhere: ${printable(elsewhere.join(', '))})`;
    throw new NoClusterError(`no cluster runs in ${root}: name its file or its --datadir${hint}`);
  }
  const names = printable(running.map((state) => basename(state.directory)).join(', '));
  throw new NoClusterError(`${running.length} clusters run in ${root} (${names}): name a file or a --datadir`);
}

function folders(root: string): string[] {
  try {
    return readdirSync(root).map((name) => join(root, name));
  } catch {
    // No cluster was ever started from here.
    return [];
  }
}
