import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { allocatorEnvironment } from '../../cli/allocator.ts';
import { makeFolder } from '../../files/privateFile.ts';
import { type Notice, SUPERVISOR_FD_VARIABLE } from '../../wire/supervision.ts';
import type { LogBuffer } from './logBuffer.ts';
import { LogFile } from './logFile.ts';
import { readNotices } from './notices.ts';

const SUPERVISOR_FD = 3;

/** How long the output of an ended process is waited for, ms: a process of its own making may hold it open. */
const DRAIN_MS_MAX = 500;

export interface LaunchCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly log: LogBuffer;
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it did not even start. */
  readonly spawnError?: Error;
}

export interface ServerProcess {
  /** Undefined where it did not start. */
  readonly pid: number | undefined;
  /** Resolves, never rejects, once the process has ended and its last output has been read. */
  readonly exited: Promise<ProcessExit>;
  /** What it told us last. */
  notice(): Notice | undefined;
  /** False where it has ended. Never reaches another process that was given the same pid since. */
  signal(signal: NodeJS.Signals): boolean;
}

/** Starts a process whose life hangs on ours: descriptor 3 of it is a pipe that the kernel closes when we end. */
export function launch(command: LaunchCommand): ServerProcess {
  try {
    makeFolder(command.directory);
    return spawn(command, new LogFile(command.logFile));
  } catch (error) {
    // Told like any other failure to start: a restart has nobody to throw to.
    const exit = { code: null, signal: null, spawnError: error as Error };
    return { pid: undefined, exited: Promise.resolve(exit), notice: () => undefined, signal: () => false };
  }
}

function spawn(command: LaunchCommand, logFile: LogFile): ServerProcess {
  const child = execa(command.file, command.args, {
    cwd: command.directory,
    env: { ...allocatorEnvironment(), ...command.environment, [SUPERVISOR_FD_VARIABLE]: String(SUPERVISOR_FD) },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    buffer: false,
    reject: false,
    // A session of its own: Ctrl-C in a terminal reaches us alone, and we say in what order the servers stop.
    detached: true,
    cleanup: false,
    forceKillAfterDelay: false,
  });
  // The result says the same as the events below, only later.
  child.catch(() => {});
  const streams = [
    ['stdout', child.stdout],
    ['stderr', child.stderr],
  ] as const;
  for (const [name, stream] of streams) {
    stream.on('data', (bytes: Buffer) => {
      command.log.push(name, bytes);
      logFile.write(bytes);
    });
  }
  let notice: Notice | undefined;
  const told = readNotices(child.stdio[SUPERVISOR_FD] as Duplex | null, (last) => {
    notice = last;
  });

  const ended = new Promise<ProcessExit>((done) => {
    child.once('exit', (code, signal) => done({ code, signal }));
    child.once('error', (spawnError) => {
      if (child.pid === undefined) done({ code: null, signal: null, spawnError });
    });
  });
  const drained = Promise.allSettled([...streams.map(([, stream]) => finished(stream)), told]);
  const exited = ended.then(async (exit) => {
    await within(drained, DRAIN_MS_MAX);
    logFile.close();
    return exit;
  });
  return { pid: child.pid, exited, notice: () => notice, signal: (signal) => child.kill(signal) };
}

/** Waits for `promise`, but no longer than `timeoutMs`; true where it came in time. */
export async function within(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((done) => {
    timer = setTimeout(() => done(false), timeoutMs);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
