import { connect } from 'node:net';
import type { ControlRequest, ControlResponse } from './protocol.ts';

/** The supervisor refused what was asked, or did not answer. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** Asks the supervisor at the Unix socket `path`; resolves with the value of its answer. Throws ControlError. */
export async function askSupervisor(path: string, request: ControlRequest, timeoutMs: number): Promise<unknown> {
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
    });
    socket.on('error', (cause) => fail(new ControlError(`no answer from the supervisor: ${cause.message}`, { cause })));
    socket.on('close', () => {
      clearTimeout(timer);
      done(text);
    });
  });
}
