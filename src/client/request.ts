import {
  ClientClosedError,
  CommandTooLargeError,
  InvalidCommandError,
  RequestAbortedError,
  RequestTimeoutError,
  SequenceTooFarError,
  SequenceTooOldError,
  UnknownSessionError,
} from './errors.ts';
import type { LeaderChannel } from './leaderChannel.ts';
import { checkMs } from './numbers.ts';
import type { CommandResult } from './pendingCommand.ts';

export interface RequestOptions {
  /** From now to the answer, retries included; Infinity for no bound. */
  readonly timeoutMs?: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

export const REQUEST_TIMEOUT_MS = 10_000;

/** Whether it matters to anybody that a command may have been carried out although no answer came. */
export type Effect = 'changes' | 'reads';

/** Submits a marshalled Cmd and resolves with its result where that is 'ok'; rejects with a class of errors.ts. */
export function requestResult(
  channel: LeaderChannel,
  cmd: Uint8Array,
  effect: Effect,
  { timeoutMs = REQUEST_TIMEOUT_MS, signal }: RequestOptions,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    checkMs('timeoutMs', timeoutMs);
    if (signal?.aborted) {
      reject(new RequestAbortedError('the request was aborted before it was sent', false, { cause: signal.reason }));
      return;
    }
    const abort = () => channel.cancel(command, 'the request was aborted');
    const commandDone = (_tag: number, result: CommandResult) => {
      signal?.removeEventListener('abort', abort);
      if (result.status === 'ok') resolve(result);
      else reject(resultError(result, effect, timeoutMs, signal));
    };
    const command = channel.submit(cmd, { commandDone }, 0, channel.nowMs() + timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

function resultError(
  { status, detail, maybeDone }: CommandResult,
  effect: Effect,
  timeoutMs: number,
  signal?: AbortSignal,
): Error {
  switch (status) {
    case 'unknown-session':
      return new UnknownSessionError(detail);
    case 'sequence-too-old':
      return new SequenceTooOldError(detail);
    case 'sequence-too-far':
      return new SequenceTooFarError(detail);
    case 'too-large':
      return new CommandTooLargeError(detail);
    case 'timeout': {
      const fate = maybeDone ? '; it may have been carried out' : '; it was not carried out';
      const why = detail === '' ? '' : ` (${detail})`;
      return new RequestTimeoutError(
        `no answer within ${timeoutMs} ms${why}${effect === 'changes' ? fate : ''}`,
        maybeDone,
      );
    }
    case 'cancelled':
      return new RequestAbortedError(detail, maybeDone, { cause: signal?.reason });
    case 'closed':
      return new ClientClosedError(detail, maybeDone);
    default:
      return new InvalidCommandError(detail);
  }
}
