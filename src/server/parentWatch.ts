import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { encodeNotice, type Notice, SUPERVISOR_FD_VARIABLE } from '../wire/supervision.ts';

/** How long a server may take to end by itself once its supervisor is gone, ms. */
const ENDING_MS_MAX = 10_000;

/** The variable is set, but to nothing that can be watched. */
export class SupervisorPipeError extends Error {
  override readonly name = 'SupervisorPipeError';
}

export interface ParentWatch {
  /** Tells the supervisor, where there is one. What cannot be told now, or to one that only holds the pipe open, is not. */
  tell(notice: Notice): void;
  /** Stops watching. */
  close(): void;
}

/**
 * Calls `onGone`, once, when the supervisor that started this process has ended in whatever way, SIGKILL included: the kernel
 * closes its end of the pipe then. Does nothing where no supervisor started this process. `onGone` is to shut the server
 * down as SIGINT would; a process that has not ended `ENDING_MS_MAX` later is ended here, so that none is left behind.
 * Throws SupervisorPipeError where the variable is set to something other than the descriptor of an open pipe.
 */
export function watchParent(env: Readonly<Record<string, string | undefined>>, onGone: () => void): ParentWatch {
  const given = env[SUPERVISOR_FD_VARIABLE];
  if (given === undefined || given === '') return { tell: () => {}, close: () => {} };
  const fd = readFd(given);
  const pipe = openPipe(fd);
  // The supervisor also reads our output. Without it a write there fails, which must not stop the shutdown halfway.
  const ignore = (): void => {};
  process.stdout.on('error', ignore);
  process.stderr.on('error', ignore);
  let watching = true;
  pipe.on('error', ignore);
  pipe.once('close', () => {
    if (!watching) return;
    watching = false;
    setTimeout(() => process.exit(1), ENDING_MS_MAX).unref();
    onGone();
  });
  pipe.resume();
  // The watch alone is no reason to stay alive.
  pipe.unref();
  return {
    tell: (notice) => {
      try {
        // At once: what is told may be the last that this process does.
        if (watching) writeSync(fd, encodeNotice(notice));
      } catch {
        // The log says it too.
      }
    },
    close: () => {
      watching = false;
      pipe.destroy();
      process.stdout.off('error', ignore);
      process.stderr.off('error', ignore);
    },
  };
}

function readFd(given: string): number {
  const fd = /^\d{1,9}$/.test(given) ? Number(given) : -1;
  if (fd >= 3) return fd;
  throw new SupervisorPipeError(`${SUPERVISOR_FD_VARIABLE}: expected a file descriptor from 3, got "${given}"`);
}

function openPipe(fd: number): Socket {
  try {
    return new Socket({ fd, readable: true, writable: false });
  } catch (cause) {
    throw new SupervisorPipeError(`${SUPERVISOR_FD_VARIABLE}: expected the open end of a pipe, got descriptor ${fd}`, {
      cause,
    });
  }
}
