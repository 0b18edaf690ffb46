import { encodeInsert } from '../wire/command.ts';
import { SESSION_PENDING_MAX } from '../wire/limits.ts';
import { TooManyPendingError } from './errors.ts';
import type { LeaderChannel } from './leaderChannel.ts';
import type { CommandListener, PendingCommand } from './pendingCommand.ts';
import { type RequestOptions, requestResult } from './request.ts';
import { encodeText } from './wellFormed.ts';

/**
 * A session with the cluster: each of its inserts is applied exactly once, however often it is sent. Inserts may be
 * under way at the same time; which of those is applied first is then open.
 */
export class ClientSession {
  /** As the servers know the session: the index of the log entry that created it. */
  readonly id: number;
  private readonly channel: LeaderChannel;
  private readonly defaults: RequestOptions;
  private nextSeq = 1;
  private pending = 0;

  constructor(id: number, channel: LeaderChannel, defaults: RequestOptions) {
    this.id = id;
    this.channel = channel;
    this.defaults = defaults;
  }

  /**
   * Resolves once the value is applied. Rejects with a class of errors.ts: RequestTimeoutError and RequestAbortedError
   * say whether the insert may still be applied.
   */
  async insert(key: string, value: string, options: RequestOptions = {}): Promise<void> {
    if (this.pending >= SESSION_PENDING_MAX) {
      throw new TooManyPendingError(
        `session ${this.id} has ${this.pending} unanswered inserts, as many as it may have`,
      );
    }
    this.pending++;
    try {
      const [keyBytes, valueBytes] = [encodeText(key, 'key'), encodeText(value, 'value')];
      const cmd = encodeInsert(this.id, this.nextSeq++, keyBytes, valueBytes);
      await requestResult(this.channel, cmd, 'changes', { ...this.defaults, ...options });
    } finally {
      this.pending--;
    }
  }

  /**
   * An insert without a promise, for load: the listener hears the result under the tag. The caller keeps to
   * SESSION_PENDING_MAX. `deadlineMs` by the client's environment.
   */
  submitInsert(
    key: Uint8Array,
    value: Uint8Array,
    listener: CommandListener,
    tag: number,
    deadlineMs: number,
  ): PendingCommand {
    return this.channel.submit(encodeInsert(this.id, this.nextSeq++, key, value), listener, tag, deadlineMs);
  }
}
