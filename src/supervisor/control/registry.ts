import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { keepFolderPrivate, ownTemporaryFolder, replacePrivateFile } from '../../files/privateFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { type RunningSupervisor, readRunningState } from './stateFile.ts';

/** Far more than an entry ever holds. */
const ENTRY_BYTES_MAX = 64 * 1024;

const ENTRY_NAME = /^[0-9a-f]{32}\.json$/;

const schema = z.object({ directory: z.string(), file: z.string().nullable() });

/** A cluster that this user runs, wherever on this machine. */
export interface ListedCluster extends RunningSupervisor {
  /** The cluster file that it was started from, as an absolute path; null where there is none. */
  readonly file: string | null;
}

/** Where this user's supervisors say which folders they run: nobody else can write there. */
function registryFolder(): string {
  const folder = join(ownTemporaryFolder(), 'clusters');
  keepFolderPrivate(folder);
  return folder;
}

/** Notes that the cluster in `directory` runs, started from `file`. Answers how to take that back. */
export function register(directory: string, file: string | null): () => void {
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 32);
  const path = join(registryFolder(), `${name}.json`);
  replacePrivateFile(path, `${JSON.stringify({ directory, file })}\n`);
  return () => rmSync(path, { force: true });
}

/** The clusters of this user that run, in the order of their names. What a supervisor that was killed left behind goes. */
export function runningClusters(): ListedCluster[] {
  const folder = registryFolder();
  const found = readdirSync(folder).flatMap((name) => {
    // Such as an entry that is being written.
    if (!ENTRY_NAME.test(name)) return [];
    const path = join(folder, name);
    const entry = readEntry(path);
    const state = entry === undefined ? undefined : readRunningState(entry.directory);
    if (entry !== undefined && state !== undefined) return [{ ...state, file: entry.file }];
    rmSync(path, { force: true });
    return [];
  });
  return found.sort((a, b) => (a.name < b.name || (a.name === b.name && a.directory < b.directory) ? -1 : 1));
}

function readEntry(path: string): z.infer<typeof schema> | undefined {
  try {
    return schema.parse(JSON.parse(readTextFile(path, ENTRY_BYTES_MAX)));
  } catch {
    return undefined;
  }
}
