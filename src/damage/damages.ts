import { appendFile, cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskOperation } from '../server/storage/contract.ts';
import { PIECE_PREFIX } from '../server/storage/keys.ts';
import { LevelDisk } from '../server/storage/levelDisk.ts';

/** One server's data, wherever they lie: its folder, and the promise file beside it. */
export interface ServerData {
  readonly folder: string;
  readonly promised: string;
}

/** What a damage may use. Only `data` is changed. */
export interface Scene {
  readonly data: ServerData;
  /** The same server's data as they once were. */
  readonly older: ServerData;
  /** Those of another server of the same cluster. */
  readonly other: ServerData;
  readonly random: Random;
}

/** Uniform in [0, 1). */
export type Random = () => number;

export interface DamageKind {
  readonly name: string;
  /** Only a whole server among others can notice it: the store alone has no part in it. */
  readonly needsServer?: boolean;
  /** Carries it out; false where there is nothing that it could be done to. */
  apply(scene: Scene): Promise<boolean>;
}

const PAGE_BYTES = 4096;

type Part = 'log' | 'table' | 'manifest' | 'CURRENT' | 'promise file' | 'identity';

const PATTERNS: Readonly<Record<Exclude<Part, 'promise file'>, RegExp>> = {
  log: /^\d+\.log$/,
  table: /^\d+\.ldb$/,
  manifest: /^MANIFEST-\d+$/,
  CURRENT: /^CURRENT$/,
  identity: /^identity\.json$/,
};

async function filesOf({ folder, promised }: ServerData, part: Part): Promise<string[]> {
  if (part === 'promise file') return [promised];
  const names = (await readdir(folder)).filter((name) => PATTERNS[part].test(name)).sort();
  return names.map((name) => join(folder, name));
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** A file of this part that is not empty. */
async function pick(data: ServerData, part: Part, random: Random): Promise<string | undefined> {
  const files: string[] = [];
  for (const file of await filesOf(data, part)) if ((await stat(file)).size > 0) files.push(file);
  return files[below(random, files.length)];
}

/** A damage to the bytes of one file. */
function ofBytes(
  name: string,
  parts: readonly Part[],
  change: (bytes: Buffer, random: Random, path: string) => Promise<unknown> | unknown,
): DamageKind[] {
  return parts.map((part) => ({
    name: `${name}: ${part}`,
    needsServer: part === 'identity',
    apply: async ({ data, random }) => {
      const path = await pick(data, part, random);
      if (path === undefined) return false;
      const bytes = await readFile(path);
      await change(bytes, random, path);
      return true;
    },
  }));
}

const ALL_PARTS: readonly Part[] = ['log', 'table', 'manifest', 'CURRENT', 'promise file', 'identity'];
const APPENDED: readonly Part[] = ['log', 'table', 'manifest'];

/** The folder and the promise file, which fit together. */
function foreignPair(name: string): DamageKind {
  return {
    name,
    needsServer: true,
    apply: async ({ data, other }) => {
      await replaceFolder(other.folder, data.folder);
      await cp(other.promised, data.promised);
      return true;
    },
  };
}

async function replaceFolder(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true });
  await cp(from, to, { recursive: true });
}

/** The identity stays as it is, and what `put` puts in the place of the rest does not belong to it. */
function allButIdentity(name: string, put: (scene: Scene) => Promise<void>): DamageKind {
  return {
    name,
    needsServer: true,
    apply: async (scene) => {
      const { data } = scene;
      const [path] = await filesOf(data, 'identity');
      const identity = await readFile(path!);
      await rm(data.folder, { recursive: true });
      await rm(data.promised);
      await put(scene);
      await mkdir(data.folder, { recursive: true });
      await writeFile(path!, identity);
      return true;
    },
  };
}

/** Puts one file of somebody else's into ours: in the place of one like it, or beside. */
function foreignFile(name: string, part: Part, whose: 'older' | 'other', inPlace: boolean): DamageKind {
  return {
    name,
    needsServer: part === 'identity',
    apply: async ({ data, random, ...scene }) => {
      const from = await pick(scene[whose], part, random);
      const to = await pick(data, part, random);
      if (from === undefined || to === undefined) return false;
      await cp(from, inPlace ? to : join(data.folder, from.slice(from.lastIndexOf('/') + 1)));
      return true;
    },
  };
}

/** What LevelDB finds whole, and is not what was written: a change of some pieces of large values. */
function ofPieces(
  name: string,
  change: (pieces: readonly StoredPiece[], random: Random) => readonly DiskOperation[],
): DamageKind {
  return {
    name,
    apply: async ({ data, random }) => {
      const disk = await LevelDisk.open(data.folder);
      try {
        const pieces = disk.keys(PIECE_PREFIX).map((key) => ({ key, value: disk.get(key)! }));
        if (pieces.length === 0) return false;
        await new Promise<void>((resolve, reject) => {
          disk.write(change(pieces, random), true, (error) => (error === null ? resolve() : reject(error)));
        });
        return true;
      } finally {
        await disk.close();
      }
    },
  };
}

interface StoredPiece {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Everything that the campaign does to a server's data, a name each. */
export const DAMAGES: readonly DamageKind[] = [
  ...ofBytes('flipped bits', ALL_PARTS, async (bytes, random, path) => {
    const flips = 1 + below(random, 3);
    for (let i = 0; i < flips; i++) {
      const at = below(random, bytes.length);
      bytes[at] = bytes[at]! ^ (1 << below(random, 8));
    }
    await writeFile(path, bytes);
  }),
  ...ofBytes('flipped bit near the end', ['log', 'manifest'], async (bytes, random, path) => {
    const at = bytes.length - 1 - below(random, Math.min(9000, bytes.length));
    bytes[at] = bytes[at]! ^ (1 << below(random, 8));
    await writeFile(path, bytes);
  }),
  ...ofBytes('zeroed page', ALL_PARTS, async (bytes, random, path) => {
    const at = PAGE_BYTES * below(random, Math.ceil(bytes.length / PAGE_BYTES));
    bytes.subarray(at, at + PAGE_BYTES).fill(0);
    await writeFile(path, bytes);
  }),
  ...ofBytes('cut', ALL_PARTS, (bytes, random, path) => truncate(path, below(random, bytes.length))),
  ...ofBytes('last bytes cut', ['log', 'table', 'manifest'], (bytes, random, path) =>
    truncate(path, Math.max(0, bytes.length - 1 - below(random, 64))),
  ),
  ...ofBytes('emptied', ALL_PARTS, (_, __, path) => truncate(path, 0)),
  ...ofBytes('deleted', ALL_PARTS, (_, __, path) => rm(path)),
  ...ofBytes('end stands twice', APPENDED, (bytes, random, path) =>
    appendFile(path, bytes.subarray(below(random, bytes.length))),
  ),
  ...ofBytes('whole blocks stand twice', ['log'], (bytes, _, path) => {
    const blockBytes = 8 * PAGE_BYTES;
    return appendFile(path, Buffer.concat([Buffer.alloc(blockBytes - (bytes.length % blockBytes)), bytes]));
  }),
  ...ofBytes('garbage after the end', APPENDED, (_, random, path) =>
    appendFile(path, Buffer.from(Array.from({ length: 1 + below(random, 5000) }, () => below(random, 256)))),
  ),
  {
    name: 'all tables deleted',
    apply: async ({ data }) => {
      const tables = await filesOf(data, 'table');
      for (const table of tables) await rm(table);
      return tables.length > 0;
    },
  },
  {
    name: 'two tables swapped',
    apply: async ({ data }) => {
      const [one, two] = await filesOf(data, 'table');
      if (one === undefined || two === undefined) return false;
      await rename(one, `${one}.aside`);
      await rename(two, one);
      await rename(`${one}.aside`, two);
      return true;
    },
  },
  ofPieces('flipped bit: piece of a large value', (pieces, random) => {
    const { key, value } = pieces[below(random, pieces.length)]!;
    const at = below(random, value.length);
    value[at] = value[at]! ^ (1 << below(random, 8));
    return [{ key, value }];
  }),
  ofPieces('deleted: piece of a large value', (pieces, random) => {
    return [{ key: pieces[below(random, pieces.length)]!.key, value: null }];
  }),
  ofPieces('all pieces of large values deleted', (pieces) => pieces.map(({ key }) => ({ key, value: null }))),
  ofPieces('two pieces of a large value swapped', ([one, two]) => [
    { key: one!.key, value: two!.value },
    { key: two!.key, value: one!.value },
  ]),
  {
    name: 'older folder',
    apply: ({ data, older }) => replaceFolder(older.folder, data.folder).then(() => true),
  },
  {
    name: 'older manifest with its CURRENT',
    apply: async ({ data, older }) => {
      for (const part of ['manifest', 'CURRENT'] as const) {
        for (const path of await filesOf(older, part)) await cp(path, path.replace(older.folder, data.folder));
      }
      return true;
    },
  },
  {
    name: 'older promise file',
    apply: ({ data, older }) => cp(older.promised, data.promised).then(() => true),
  },
  foreignFile('older log in place of ours', 'log', 'older', true),
  foreignFile('older log beside ours', 'log', 'older', false),
  {
    name: "another server's folder",
    apply: ({ data, other }) => replaceFolder(other.folder, data.folder).then(() => true),
  },
  {
    name: "another server's promise file",
    apply: ({ data, other }) => cp(other.promised, data.promised).then(() => true),
  },
  foreignFile("another server's log in place of ours", 'log', 'other', true),
  foreignFile("another server's log beside ours", 'log', 'other', false),
  foreignFile("another server's table in place of ours", 'table', 'other', true),
  foreignFile("another server's manifest in place of ours", 'manifest', 'other', true),
  foreignFile('older identity', 'identity', 'older', true),
  foreignFile("another server's identity", 'identity', 'other', true),
  foreignPair("another server's folder with its promise file"),
  allButIdentity('older everything but the identity', async ({ data, older }) => {
    await cp(older.folder, data.folder, { recursive: true });
    await cp(older.promised, data.promised);
  }),
  allButIdentity('everything but the identity deleted', async () => {}),
  {
    name: 'folder and promise file deleted',
    needsServer: true,
    apply: async ({ data }) => {
      await rm(data.folder, { recursive: true });
      await rm(data.promised);
      return true;
    },
  },
  {
    name: 'emptied folder',
    apply: async ({ data }) => {
      for (const name of await readdir(data.folder)) await rm(join(data.folder, name), { recursive: true });
      return true;
    },
  },
  { name: 'deleted folder', apply: ({ data }) => rm(data.folder, { recursive: true }).then(() => true) },
];
