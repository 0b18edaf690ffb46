import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { keepFolderPrivate, ownTemporaryFolder, replacePrivateFile } from '../../files/privateFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { hasClusterState } from '../clusterState.ts';
import { type RunningSupervisor, readRunningState } from './stateFile.ts';

/** Far more than an entry ever holds. */
const ENTRY_BYTES_MAX = 64 * 1024;

const ENTRY_NAME = /^[0-9a-f]{32}\.json$/;

const schema = z.object({ directory: z.string(), file: z.string().nullable(), name: z.string().optional() });

/** A cluster that this user ran, wherever on this machine, and whose data are there. */
export interface KnownCluster {
  readonly name: string;
  readonly directory: string;
  /** The cluster file that it was started from, as an absolute path; null where there is none. */
  readonly file: string | null;
  /** Undefined where it is down. */
  readonly running: RunningSupervisor | undefined;
}

/** A cluster that this user runs. */
export interface ListedCluster extends RunningSupervisor {
  readonly file: string | null;
}

/** Where this user's supervisors say which folders they run: nobody else can write there. */
function registryFolder(): string {
  const folder = join(ownTemporaryFolder(), 'clusters');
  keepFolderPrivate(folder);
  return folder;
}

function entryPath(directory: string): string {
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 32);
  return join(registryFolder(), `${name}.json`);
}

/** Notes that the cluster in `directory`, started from `file`, is there: until its data are gone. */
export function register(directory: string, file: string | null, name: string): void {
  replacePrivateFile(entryPath(directory), `${JSON.stringify({ directory, file, name })}\n`);
}

export function unregister(directory: string): void {
  rmSync(entryPath(directory), { force: true });
}

/** In the order of their names. Those that are down and have no data any more are forgotten. */
export function knownClusters(): KnownCluster[] {
  const folder = registryFolder();
  const found = readdirSync(folder).flatMap((fileName) => {
    // Such as an entry that is being written.
    if (!ENTRY_NAME.test(fileName)) return [];
    const path = join(folder, fileName);
    const entry = readEntry(path);
    const running = entry === undefined ? undefined : readRunningState(entry.directory);
    if (entry !== undefined && (running !== undefined || hasClusterState(entry.directory))) {
      const { directory, file } = entry;
      return [{ name: running?.name ?? entry.name ?? basename(directory), directory, file, running }];
    }
    rmSync(path, { force: true });
    return [];
  });
  return found.sort((a, b) => (a.name < b.name || (a.name === b.name && a.directory < b.directory) ? -1 : 1));
}

/** Those that run, in the order of their names. */
export function runningClusters(): ListedCluster[] {
  return knownClusters().flatMap(({ running, file }) => (running === undefined ? [] : [{ ...running, file }]));
}

function readEntry(path: string): z.infer<typeof schema> | undefined {
  try {
    return schema.parse(JSON.parse(readTextFile(path, ENTRY_BYTES_MAX)));
  } catch {
    return undefined;
  }
}
