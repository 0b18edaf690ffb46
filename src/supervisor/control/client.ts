import { lstatSync } from 'node:fs';
import { connect } from 'node:net';
import { printable } from '../../cli/printable.ts';
import type { ControlRequest, ControlResponse } from './protocol.ts';

/** The supervisor refused what was asked, or did not answer. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** Longest answer, bytes: a status of 64 servers takes a hundredth of it. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** A process that runs is named as the supervisor by a file that others may have written, or that outlived it and its process number. */
const IF_NOBODY =
  'it is starting or ending, or the process that supervisor.json of its folder names is another program: then remove that file';

/** Asks the supervisor at the Unix socket `path`; resolves with the value of its answer. Throws ControlError. */
export async function askSupervisor(path: string, request: ControlRequest, timeoutMs: number): Promise<unknown> {
  expectOwnSocket(path);
  const line = await exchange(path, `${JSON.stringify(request)}\n`, timeoutMs);
  let response: ControlResponse;
  try {
    response = JSON.parse(line) as ControlResponse;
  } catch (cause) {
    throw new ControlError('the supervisor ended before it answered', { cause });
  }
  if (!response.ok) throw new ControlError(response.error);
  return response.value;
}

/** Whoever listens elsewhere, or is another user, is no supervisor of ours. */
function expectOwnSocket(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new ControlError(`no answer from the supervisor: there is no ${printable(path)}; ${IF_NOBODY}`);
  }
  const uid = process.geteuid?.();
  if (stats.isSocket() && (uid === undefined || uid === 0 || stats.uid === uid)) return;
  throw new ControlError(`${printable(path)} is not the socket of a supervisor of ours`);
}

function exchange(path: string, line: string, timeoutMs: number): Promise<string> {
  return new Promise((done, fail) => {
    let text = '';
    const socket = connect(path, () => socket.write(line));
    socket.setEncoding('utf8');
    const timer = setTimeout(() => {
      socket.destroy();
      fail(new ControlError(`the supervisor did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length <= ANSWER_BYTES_MAX) return;
      socket.destroy();
      fail(new ControlError(`the supervisor's answer is too long: expected at most ${ANSWER_BYTES_MAX} bytes`));
    });
    socket.on('error', (cause) =>
      fail(new ControlError(`no answer from the supervisor: ${cause.message}; ${IF_NOBODY}`, { cause })),
    );
    socket.on('close', () => {
      clearTimeout(timer);
      done(text);
    });
  });
}
