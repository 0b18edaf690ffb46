import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { logFolder, serverDirectory } from './clusterPlan.ts';
import { hasClusterState, STATE_FILE } from './clusterState.ts';
import { unregister } from './control/registry.ts';
import { Claim, controlPath, readRunningState, SUPERVISOR_FILE } from './control/stateFile.ts';
import { type FoundCluster, NoClusterError } from './findCluster.ts';
import { serversThatRun } from './process/identity.ts';
import { certificatesFolder } from './tls/tlsPlan.ts';

/** What is to be removed is in use, or is not what it should be. Nothing was removed. */
export class CleanError extends Error {
  override readonly name = 'CleanError';
}

/** What rkv-cluster and rkvd write, by the names that they give it; whatever else is there is somebody else's. */
const CLUSTER_FILES = /^(?:cluster\.json(?:\.new)?|supervisor\.json(?:\..+)?|supervisor\.log(?:\.1)?|control\.sock)$/;
const LOG_FILES = /^(?:(?:rkvd-\d+|raft\d+)\.log|events\.jsonl)(?:\.1)?$/;
const CERTIFICATE_FOLDER = /^(?:authority|operator|client|server-\d+)$/;
const CERTIFICATE_FILES = /^(?:cert|key|ca|crl)\.pem(?:\.new)?$/;
const SERVER_FOLDER = /^server-(\d+)$/;

function isServerFile(id: number, name: string): boolean {
  return name === `rkvd-${id}` || name.startsWith(`rkvd-${id}.`) || isCsv(id, name);
}

function isCsv(id: number, name: string): boolean {
  return /^(?:latency|event)-\d+-server-/.test(name) && name.endsWith(`-server-${id}.csv`);
}

/** What `clean` would do with a cluster. */
export interface Cleaning {
  readonly directory: string;
  readonly name: string;
  /** Absolute; folders with all that is in them. */
  readonly removed: readonly string[];
  /** Those that go if nothing is left in them, the innermost first. */
  readonly emptied: readonly string[];
  /** What is there and stays. */
  readonly left: readonly string[];
}

/** Throws NoClusterError where none was kept there, CleanError where it runs or a link is in the way. */
export function planCleaning({ directory, name, plan }: FoundCluster): Cleaning {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  if (stats?.isSymbolicLink()) throw new CleanError(`${directory} is a link: name the folder itself by --datadir`);
  if (stats === undefined || !hasClusterState(directory))
    throw new NoClusterError(`no cluster is kept in ${directory}`);
  const running = readRunningState(directory);
  if (running !== undefined)
    throw new CleanError(`${running.name} runs (pid ${running.supervisor.pid}): rkv-cluster down stops it`);

  const folders = new Map<string, (name: string) => boolean>([
    [directory, (each) => CLUSTER_FILES.test(each)],
    [logFolder(directory), (each) => LOG_FILES.test(each)],
  ]);
  for (const each of readdirSync(directory)) {
    const id = Number(SERVER_FOLDER.exec(each)?.[1]);
    if (id > 0) folders.set(serverDirectory(directory, id), (file) => isServerFile(id, file));
  }
  const certificates = certificatesFolder(directory);
  for (const each of entries(certificates)) {
    if (CERTIFICATE_FOLDER.test(each)) folders.set(join(certificates, each), (file) => CERTIFICATE_FILES.test(file));
  }
  folders.set(certificates, () => false);
  for (const { id, directory: own } of plan?.servers ?? []) folders.set(own, (file) => isServerFile(id, file));

  const removed: string[] = [];
  const left: string[] = [];
  const inner = [...folders.keys()].filter((each) => each !== directory);
  for (const [folder, isOurs] of folders) {
    for (const each of entries(folder)) {
      const path = join(folder, each);
      if (isOurs(each)) removed.push(path);
      else if (!folders.has(path) || isLink(path)) left.push(path);
    }
  }
  return { directory, name, removed, emptied: [...inner, directory], left };
}

/** Nothing of what a link leads to. */
function entries(folder: string): string[] {
  const isFolder = lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isFolder ? readdirSync(folder) : [];
}

function isLink(path: string): boolean {
  return lstatSync(path).isSymbolicLink();
}

/** Removes what was planned. Throws CleanError where a server runs there, AlreadyRunningError where the cluster was started meanwhile. */
export function clean({ directory, name, removed, emptied }: Cleaning): void {
  const claim = Claim.take(directory, name);
  try {
    expectNoServer(emptied);
    // The state last: until it is gone, the same again goes on from here.
    const last = join(directory, STATE_FILE);
    const ours = [join(directory, SUPERVISOR_FILE), last];
    for (const path of removed) if (!ours.includes(path)) rmSync(path, { recursive: true, force: true });
    rmSync(controlPath(directory), { force: true });
    rmSync(last, { force: true });
  } finally {
    claim.release();
  }
  for (const folder of emptied) removeEmpty(folder);
  unregister(directory);
}

/** Such as one whose supervisor was killed a moment ago. */
function expectNoServer(folders: readonly string[]): void {
  const [running] = serversThatRun(folders);
  if (running !== undefined)
    throw new CleanError(`server ${running.id} still runs (pid ${running.process.pid}): it ends by itself, try again`);
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes(code!)) throw error;
  }
}
