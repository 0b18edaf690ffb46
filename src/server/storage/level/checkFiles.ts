import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CorruptLogError } from '../contract.ts';
import { readLevelLog } from './levelLog.ts';
import { type Manifest, readManifest, type TableName } from './manifest.ts';
import { checkTable } from './table.ts';

/**
 * Looks through LevelDB's files before it opens them. It verifies none of its tables' checksums unless it is told to, which
 * the `level` package cannot do, and what it then finds in a damaged one ends the process by an assertion; so does a log in which a
 * batch stands twice. A damaged end of its write-ahead log it drops and goes on: promisedDisk.ts finds out whether
 * that was promised, and nothing is said of it here.
 *
 * Changes nothing. Throws CorruptLogError, which names the file. All tables are read once more than they would be.
 */
export async function checkLevelFiles(location: string): Promise<void> {
  const files = await namedFiles(location);
  if (files === undefined) return;
  for (const { path, isMissing, table } of files.tables) {
    if (isMissing) throw new CorruptLogError(`${path} is missing: the manifest names it`);
    const file = await open(path);
    await checked(path, () => checkTable(file, table)).finally(() => file.close());
  }
  await checkLogs(files.logs);
}

/** The files that make a database. */
export interface LevelFiles {
  readonly tables: readonly { readonly path: string; readonly isMissing: boolean; readonly table: TableName }[];
  /** Those that LevelDB replays at opening, in order. */
  readonly logs: readonly string[];
}

/** Which files LevelDB would open in this folder; undefined where no database is there. Throws CorruptLogError where that cannot be told. */
export async function namedFiles(location: string): Promise<LevelFiles | undefined> {
  const names = await namesIn(location);
  if (!names.has('CURRENT')) {
    const orphan = [...names].find((name) => DATA_FILE.test(name));
    if (orphan === undefined) return undefined;
    throw new CorruptLogError(`${join(location, 'CURRENT')} is missing, though ${orphan} is there`);
  }
  const { tables, logNumber, previousLogNumber } = await currentManifest(location);
  const logs = [...names]
    .filter((name) => /^\d+\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .filter((number) => number >= logNumber || number === previousLogNumber)
    .sort((a, b) => a - b);
  return {
    tables: tables.map((table) => {
      const name = [`${sixDigits(table.number)}.ldb`, `${sixDigits(table.number)}.sst`].find((each) => names.has(each));
      const path = join(location, name ?? `${sixDigits(table.number)}.ldb`);
      return { path, isMissing: name === undefined, table };
    }),
    logs: logs.map((number) => join(location, `${sixDigits(number)}.log`)),
  };
}

/**
 * The name of what stands among LevelDB's files and is none: to open a pipe would wait for ever, and a link leads elsewhere.
 * Undefined where there is none, or no such folder.
 */
export async function irregularFile(location: string): Promise<string | undefined> {
  const entries = await readdir(location, { withFileTypes: true }).catch(() => []);
  // LevelDB's own repair leaves a folder.
  return entries.find((entry) => !entry.isFile() && !entry.isDirectory())?.name;
}

const DATA_FILE = /^\d+\.(log|ldb|sst)$/;

function sixDigits(number: number): string {
  return String(number).padStart(6, '0');
}

async function namesIn(location: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(location));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set();
    throw error;
  }
}

/** Lets a defect of a file be told with the file's name. */
async function checked<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error;
    throw new CorruptLogError(`${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
}

async function currentManifest(location: string): Promise<Manifest> {
  const currentPath = join(location, 'CURRENT');
  const current = await readFile(currentPath, 'latin1');
  const name = /^(MANIFEST-\d{6,})\n$/.exec(current)?.[1];
  if (name === undefined) throw new CorruptLogError(`${currentPath} is damaged: it does not name a manifest`);
  const path = join(location, name);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CorruptLogError(`${path} is missing: ${currentPath} names it`);
  });
  return checked(path, () => {
    const { records, damages } = readLevelLog(bytes);
    if (damages[0] !== undefined) throw new Error(`at byte ${damages[0].offset}: ${damages[0].what}`);
    return readManifest(records);
  });
}

/** A batch: its first sequence number (8 bytes), how many operations (4 bytes), the operations. */
export const BATCH_HEADER_BYTES = 12;

/** The logs that LevelDB will replay must not give one sequence number twice. */
async function checkLogs(logs: readonly string[]): Promise<void> {
  let last = -1n;
  for (const path of logs) {
    const bytes = await readFile(path);
    await checked(path, () => {
      for (const record of readLevelLog(bytes).records) {
        if (record.length < BATCH_HEADER_BYTES) continue;
        const view = new DataView(record.buffer, record.byteOffset, record.length);
        const first = view.getBigUint64(0, true);
        if (first <= last) throw new Error(`batch ${first} follows batch ${last}: something stands in it twice`);
        last = first + BigInt(view.getUint32(8, true)) - 1n;
      }
    });
  }
}
