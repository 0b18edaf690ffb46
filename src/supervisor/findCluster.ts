import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { printable } from '../cli/printable.ts';
import { packagedFile } from '../files/packagedFile.ts';
import { readTextFile } from '../files/regularFile.ts';
import { FILE_BYTES_MAX } from '../yaml/document.ts';
import { type ClusterPlan, defaultDirectory, planCluster } from './clusterPlan.ts';
import { STATE_FILE } from './clusterState.ts';
import { ClusterConfigError, parseClusterFile } from './config/parse.ts';
import { type KnownCluster, knownClusters, runningClusters } from './control/registry.ts';
import { type RunningSupervisor, readRunningState } from './control/stateFile.ts';

/** No cluster runs where one was looked for, or more than one does. */
export class NoClusterError extends Error {
  override readonly name = 'NoClusterError';
}

/**
 * The file that `file` means: where it is not there, the one of that name that comes with the package. What its documentation
 * types, `configs/3node.yaml`, so works wherever it is installed.
 */
export function clusterFilePath(file: string): string {
  return packagedFile('configs', file);
}

/** What the command line says otherwise than the file. */
export interface FileOverrides {
  readonly datadir?: string | undefined;
  readonly faults?: boolean | undefined;
  readonly name?: string | undefined;
  /** Certificates are made, where the file names none. */
  readonly tls?: true | undefined;
}

/**
 * Reads, checks and completes a cluster file. Its servers take faults unless it says that they do not: it is to play with, on one
 * machine. Throws ClusterConfigError, UnusableFileError or the file system's error.
 */
export function readClusterFile(file: string, { datadir, faults, name, tls }: FileOverrides = {}): ClusterPlan {
  const config = parseClusterFile(readTextFile(clusterFilePath(file), FILE_BYTES_MAX), file);
  const usual = basename(file, extname(file));
  const given = name ?? config.name;
  // As a folder below rkv-data these would be others.
  if (/^\.*$/.test(usual) && given === undefined) {
    throw new ClusterConfigError(file, [{ key: 'name', message: 'expected a name: the file has none to give' }]);
  }
  const overridden = {
    datadir: datadir ?? config.datadir,
    faults: faults ?? config.faults ?? true,
    tls: typeof config.tls === 'object' ? config.tls : (tls ?? config.tls),
  };
  return planCluster({ ...config, ...overridden, name: given }, usual);
}

/**
 * Which cluster is meant: that of a file, that of a name, that in a folder, or, without any, the one that runs under ./rkv-data. A name
 * beside a file tells those apart that run from it.
 */
export interface ClusterChoice {
  /** A cluster file, or a name: people know their cluster by either. */
  readonly cluster?: string | undefined;
  readonly name?: string | undefined;
  readonly datadir?: string | undefined;
}

/** A cluster that is there, whether or not it runs. */
export interface FoundCluster {
  readonly name: string;
  readonly directory: string;
  /** What its file says of it, where one was named. */
  readonly plan: ClusterPlan | undefined;
}

/** Whether a person means a file by it: what is there, or looks like one. */
function isFile(text: string): boolean {
  const stats = statSync(clusterFilePath(text), { throwIfNoEntry: false });
  return (stats !== undefined && !stats.isDirectory()) || /[/\\]|\.(?:ya?ml|json)$/i.test(text);
}

function told({ cluster, name, datadir }: ClusterChoice): {
  readonly file: string | undefined;
  readonly name: string | undefined;
  readonly datadir: string | undefined;
} {
  if (cluster === undefined || isFile(cluster)) return { file: cluster, name, datadir };
  return { file: undefined, name: name ?? cluster, datadir };
}

/** The supervisor of the cluster that is meant. Throws NoClusterError where none runs. */
export function findRunning(choice: ClusterChoice): RunningSupervisor {
  const { file, name, datadir } = told(choice);
  if (datadir !== undefined && file === undefined) return runningIn(resolve(datadir));
  if (file !== undefined) {
    const { directory } = readClusterFile(file, { datadir, name });
    const state = readRunningState(directory) ?? (datadir === undefined ? startedElsewhere(file, name) : undefined);
    return state ?? runningIn(directory);
  }
  return name === undefined ? findOnlyRunning() : runningNamed(name);
}

/** As `findRunning`, but one that is down is found too; without any word the only one under ./rkv-data. Throws NoClusterError where there is none. */
export function findKnown(choice: ClusterChoice): FoundCluster {
  const { file, name, datadir } = told(choice);
  if (file !== undefined) {
    const plan = readClusterFile(file, { datadir, name });
    if (isKept(plan.directory) || datadir !== undefined) return { name: plan.name, directory: plan.directory, plan };
    const path = realpathSync(clusterFilePath(file));
    // Of those that are down only the one that the file itself names is surely meant.
    const isMeant = (each: KnownCluster) =>
      each.running === undefined ? each.name === plan.name : isNamed(each, name);
    const elsewhere = oneOf(
      knownClusters().filter((each) => each.file === path && isMeant(each)),
      file,
    );
    if (elsewhere === undefined) return { name: plan.name, directory: plan.directory, plan };
    const { directory } = elsewhere;
    return { name: elsewhere.name, directory, plan: readClusterFile(file, { datadir: directory, name }) };
  }
  if (datadir !== undefined) {
    const directory = resolve(datadir);
    return { name: basename(directory), directory, plan: undefined };
  }
  if (name === undefined) {
    const kept = folders(root()).filter(isKept);
    // The one that ran here, where it is the only one.
    if (kept.length === 1) return { name: basename(kept[0]!), directory: kept[0]!, plan: undefined };
    const { directory, name: found } = findOnlyRunning();
    return { name: found, directory, plan: undefined };
  }
  const here = resolve(defaultDirectory(name));
  if (isKept(here)) return { name, directory: here, plan: undefined };
  const known = oneOf(
    knownClusters().filter((each) => each.name === name),
    name,
  );
  if (known === undefined)
    throw new NoClusterError(`no cluster ${JSON.stringify(name)} is known${namesHint(knownClusters())}`);
  return { name, directory: known.directory, plan: undefined };
}

function isKept(directory: string): boolean {
  return existsSync(join(directory, STATE_FILE));
}

function runningIn(directory: string): RunningSupervisor {
  const state = readRunningState(directory);
  if (state === undefined) throw new NoClusterError(`no cluster runs in ${directory}`);
  return state;
}

/** The cluster of a file that was started in another working directory, and keeps its data there. */
function startedElsewhere(file: string, name: string | undefined): RunningSupervisor | undefined {
  const path = realpathSync(clusterFilePath(file));
  return oneOf(
    runningClusters().filter((each) => each.file === path && isNamed(each, name)),
    file,
  );
}

function isNamed(cluster: { readonly name: string }, name: string | undefined): boolean {
  return name === undefined || cluster.name === name;
}

/** Of those that go by the name that is in this working directory. */
function runningNamed(name: string): RunningSupervisor {
  const here = readRunningState(resolve(defaultDirectory(name)));
  if (here !== undefined) return here;
  const running = runningClusters();
  const found = oneOf(
    running.filter((each) => each.name === name),
    name,
  );
  if (found === undefined) throw new NoClusterError(`no cluster ${JSON.stringify(name)} runs${namesHint(running)}`);
  return found;
}

function namesHint(clusters: readonly { readonly name: string }[]): string {
  const names = [...new Set(clusters.map(({ name }) => name))];
  return names.length === 0 ? '' : ` (there is ${printable(names.join(', '))})`;
}

/** Throws NoClusterError where it is more than one. */
function oneOf<T extends { readonly name: string; readonly directory: string }>(
  found: readonly T[],
  meant: string,
): T | undefined {
  if (found.length < 2) return found[0];
  const each = printable(found.map(({ name, directory }) => `${name} in ${directory}`).join(', '));
  throw new NoClusterError(
    `${found.length} clusters are meant by ${printable(meant)}: say which by --name or --datadir (${each})`,
  );
}

/** Where clusters are kept that were started in this working directory. */
function root(): string {
  return resolve(dirname(defaultDirectory('any')));
}

function findOnlyRunning(): RunningSupervisor {
  const running = folders(root()).flatMap((directory) => readRunningState(directory) ?? []);
  if (running.length === 1) return running[0]!;
  if (running.length === 0) {
    const elsewhere = runningClusters().map(({ directory }) => directory);
    const hint = elsewhere.length === 0 ? '' : ` (elsewhere: ${printable(elsewhere.join(', '))})`;
    throw new NoClusterError(`no cluster runs in ${root()}: name it, its file or its --datadir${hint}`);
  }
  const names = printable(running.map((state) => state.name).join(', '));
  throw new NoClusterError(`${running.length} clusters run in ${root()} (${names}): say which`);
}

function folders(root: string): string[] {
  try {
    return readdirSync(root).map((name) => join(root, name));
  } catch {
    // No cluster was ever started from here.
    return [];
  }
}
