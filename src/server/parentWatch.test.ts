import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SUPERVISOR_FD_VARIABLE } from '../wire/supervision.ts';
import { SupervisorPipeError, watchParent } from './parentWatch.ts';

let folder: string | undefined;
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

/** A pipe whose reading end watchParent takes over. */
function pipe(): { readFd: number; closeWriteEnd: () => void } {
  folder = mkdtempSync(join(tmpdir(), 'rkv-pipe-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, constants.O_WRONLY);
  return { readFd, closeWriteEnd: () => closeSync(writeFd) };
}

describe('watchParent', () => {
  it('calls back once the other end of the pipe is closed, and ends a process that has not ended 10 s later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    try {
      const { readFd, closeWriteEnd } = pipe();
      const gone = new Promise<void>((done) => watchParent({ [SUPERVISOR_FD_VARIABLE]: String(readFd) }, done));
      closeWriteEnd();
      await gone;
      vi.advanceTimersByTime(9_999);
      expect(exit).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(exit).toHaveBeenCalledExactlyOnceWith(1);
    } finally {
      exit.mockRestore();
      vi.useRealTimers();
    }
  });

  it('does not call back once it is closed', async () => {
    const { readFd, closeWriteEnd } = pipe();
    const onGone = vi.fn();
    watchParent({ [SUPERVISOR_FD_VARIABLE]: String(readFd) }, onGone).close();
    closeWriteEnd();
    await new Promise((done) => setImmediate(done));
    expect(onGone).not.toHaveBeenCalled();
  });

  it('does nothing where no supervisor started the process', () => {
    watchParent({}, () => expect.unreachable()).close();
    watchParent({ [SUPERVISOR_FD_VARIABLE]: '' }, () => expect.unreachable()).close();
  });

  it.each(['x', '1', '-4', '3.5', '999999'])('refuses %s', (given) => {
    expect(() => watchParent({ [SUPERVISOR_FD_VARIABLE]: given }, () => {})).toThrow(SupervisorPipeError);
  });
});
