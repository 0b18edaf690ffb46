import { createHash } from 'node:crypto';
import { linkSync, lstatSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { makeFolder, ownTemporaryFolder, replacePrivateFile, writeBeside } from '../../files/privateFile.ts';
import { readTextFile, UnusableFileError } from '../../files/regularFile.ts';
import { identify, isRunning, processIdentitySchema } from '../process/identity.ts';

export const SUPERVISOR_FILE = 'supervisor.json';
const HALF_WRITTEN = /^supervisor\.json\.[0-9a-f]{16}$/;

/** Far more than a supervisor ever writes. */
const STATE_BYTES_MAX = 1024 * 1024;

/** Longest path of a Unix socket that every system takes (sockaddr_un.sun_path is 104 bytes on some), bytes. */
const SOCKET_PATH_BYTES_MAX = 100;

const schema = z.object({
  version: z.literal(1),
  supervisor: processIdentitySchema,
  startedAt: z.string(),
  name: z.string(),
  /** Its servers speak TLS. */
  tls: z.boolean().default(false),
  servers: z.array(z.object({ id: z.int(), address: z.string(), process: processIdentitySchema.nullable() })),
});

/**
 * What a running supervisor writes into its cluster's folder: who it is and what it has started. Whoever can write to the
 * folder can write this too, so nothing in it is acted on without a proof (process/identity.ts), and it names no paths.
 */
export type SupervisorState = z.infer<typeof schema>;

/** A supervisor that runs, and where. */
export interface RunningSupervisor extends SupervisorState {
  readonly directory: string;
}

/** A supervisor of this cluster runs already. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
}

/** The state that a supervisor of `directory` left or keeps there; undefined where there is none, or none that can be read. */
export function readState(directory: string): SupervisorState | undefined {
  return readStateAt(join(directory, SUPERVISOR_FILE));
}

function readStateAt(path: string): SupervisorState | undefined {
  try {
    return schema.parse(JSON.parse(readTextFile(path, STATE_BYTES_MAX)));
  } catch {
    return undefined;
  }
}

/** The state of the supervisor that runs `directory` now. What one that was killed left behind does not count. */
export function readRunningState(directory: string): RunningSupervisor | undefined {
  const state = readState(directory);
  return state !== undefined && isRunning(state.supervisor) ? { ...state, directory } : undefined;
}

/** Throws AlreadyRunningError where a supervisor runs the cluster in `directory` now. */
export function expectNotRunning(directory: string): void {
  const state = readRunningState(directory);
  if (state !== undefined) refuse(state, join(directory, SUPERVISOR_FILE));
}

/** The socket of the supervisor of `directory`, which is there. Throws UnusableFileError where it has no safe place. */
export function controlPath(directory: string): string {
  const path = join(directory, 'control.sock');
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  const short = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 16);
  return join(ownTemporaryFolder(), `cluster-${short}.sock`);
}

/** The right to supervise a folder, held from `claim` to `release`. */
export class Claim {
  private readonly path: string;
  private state: SupervisorState;
  /** What a supervisor that was killed had noted of its servers, by its own word. */
  readonly before: SupervisorState['servers'];

  private constructor(path: string, state: SupervisorState, before: SupervisorState['servers']) {
    this.path = path;
    this.state = state;
    this.before = before;
  }

  /** Throws AlreadyRunningError where a supervisor that still runs has the folder. */
  static take(directory: string, name: string, tls = false): Claim {
    makeFolder(directory);
    const path = join(directory, SUPERVISOR_FILE);
    const state: SupervisorState = {
      version: 1,
      supervisor: identify(process.pid),
      startedAt: new Date().toISOString(),
      name,
      tls,
      servers: [],
    };
    const before = removeStale(path);
    writeNew(path, state);
    removeHalfWritten(directory);
    return new Claim(path, state, before?.servers ?? []);
  }

  /** Notes which processes run now. */
  update(servers: SupervisorState['servers']): void {
    this.state = { ...this.state, servers };
    replacePrivateFile(this.path, format(this.state));
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

const format = (state: SupervisorState): string => `${JSON.stringify(state, null, 2)}\n`;

function refuse(state: SupervisorState | undefined, path: string): never {
  const directory = dirname(path);
  const who = state === undefined ? `another supervisor (${path})` : `a supervisor (pid ${state.supervisor.pid})`;
  throw new AlreadyRunningError(`${who} runs the cluster in ${directory} already: ${advice(state, path, directory)}`);
}

/** The file may have been written by others, and name any process that runs. */
function advice(state: SupervisorState | undefined, path: string, directory: string): string {
  const socket = controlPath(directory);
  if (state === undefined || lstatSync(socket, { throwIfNoEntry: false }) !== undefined) {
    return 'rkv-cluster down stops it';
  }
  return `it is not there to be asked (no ${socket}), so it is starting or ending; where process ${state.supervisor.pid} is another program, remove ${path}`;
}

/** Takes what a dead supervisor left out of the way, so that of two that try at once only one does. */
function removeStale(path: string): SupervisorState | undefined {
  const seen = readStateAt(path);
  if (seen !== undefined && isRunning(seen.supervisor)) refuse(seen, path);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UnusableFileError(path, 'is a folder', "a supervisor's state, or nothing");
  }
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const moved = readStateAt(aside);
  if (moved !== undefined && isRunning(moved.supervisor)) {
    // Another one was quicker, and this is its file: back with it.
    renameSync(aside, path);
    refuse(moved, path);
  }
  rmSync(aside, { force: true });
  return moved;
}

/** What a supervisor that was killed was about to put in its place. */
function removeHalfWritten(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (HALF_WRITTEN.test(name)) rmSync(join(directory, name), { force: true });
  }
}

/** Writes the file where none is; whole from the first moment that others can see it. */
function writeNew(path: string, state: SupervisorState): void {
  const whole = writeBeside(path, format(state));
  try {
    linkSync(whole, path);
  } catch (error) {
    // Of two at once the other one has it, or even tidied up after this one.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') refuse(readStateAt(path), path);
    throw error;
  } finally {
    rmSync(whole, { force: true });
  }
}
