import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../files/durableFile.ts';
import { readTextFile, UnusableFileError } from '../files/regularFile.ts';
import { parseAddress } from '../net/endpoints/addresses.ts';

export const STATE_FILE = 'cluster.json';

/** Far more than it ever holds. */
const STATE_BYTES_MAX = 64 * 1024;

/**
 * What `add` and `remove` have come to with a server. Every step is noted before it is taken, so that whoever comes after a failure
 * knows what to do again: a `joining` server may be a member already, a `leaving` one may be none any more.
 */
export type Membership = 'joining' | 'member' | 'leaving' | 'removed';

const address = z.string().refine((text) => parseAddress(text) !== undefined);

const chosenPorts = z.record(z.string().regex(/^[1-9]\d{0,3}$/), z.int().min(1).max(65_535)).default({});

const schema = z.object({
  backend: z.string(),
  /** What was chosen for the servers that their file gives the port 0, by id. */
  ports: chosenPorts,
  /** The same of their metrics, where the file chooses none. */
  metricsPorts: chosenPorts,
  /** All servers, in the order of their ids, once one was added or removed; empty before. */
  servers: z
    .array(z.object({ address, membership: z.enum(['joining', 'member', 'leaving', 'removed']) }))
    .max(1024)
    .default([]),
});

/** What a cluster keeps in its folder from one `up` to the next, beside what its file says. */
export type ClusterState = Readonly<z.infer<typeof schema>>;

/** Whether a cluster keeps anything in the folder, whatever that is: no link is followed. */
export function hasClusterState(directory: string): boolean {
  return lstatSync(join(directory, STATE_FILE), { throwIfNoEntry: false }) !== undefined;
}

/** Undefined where nothing is kept there yet. Throws UnusableFileError where something is that cannot be read. */
export function readClusterState(directory: string): ClusterState | undefined {
  const path = join(directory, STATE_FILE);
  // A link is none of ours, and is replaced.
  if (!(lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false)) return undefined;
  try {
    return schema.parse(JSON.parse(readTextFile(path, STATE_BYTES_MAX)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      const expected =
        'what rkv-cluster wrote there: the servers that were added or removed, and the ports that were chosen. `up --fresh` begins without';
      throw new UnusableFileError(path, 'cannot be read', expected);
    }
    throw error;
  }
}

export function writeClusterState(directory: string, state: ClusterState): void {
  writeDurably(join(directory, STATE_FILE), `${JSON.stringify(state)}\n`);
}
