/**
 * How a command ended. `timeout`, `cancelled` and `closed` come from this client, the others from the servers;
 * `maybeDone` then says whether the command may have been carried out all the same.
 */
export interface CommandResult {
  readonly status: CommandStatus;
  /** register: the new session's id. */
  readonly clientId: number;
  /** lookup: undefined where the key is not there. */
  readonly value: string | undefined;
  /** What was wrong, for people. */
  readonly detail: string;
  readonly maybeDone: boolean;
}

export type CommandStatus =
  | 'ok'
  | 'unknown-session'
  | 'sequence-too-old'
  | 'sequence-too-far'
  | 'invalid'
  | 'too-large'
  | 'timeout'
  | 'cancelled'
  | 'closed';

/** Receives the result of each command under the tag it was submitted with, once. Must not throw. */
export interface CommandListener {
  commandDone(tag: number, result: CommandResult): void;
}

/** A command from its submission to its result. One object serves the queue, the stream and every retry. */
export class PendingCommand {
  /** The marshalled Cmd. */
  readonly cmd: Uint8Array;
  readonly tag: number;
  /** By the environment's clock; Infinity for none. */
  readonly deadlineMs: number;
  /** On its way to a server, or waiting there. */
  sent = false;
  /** When it was sent last, by the environment's clock. */
  sentMs = 0;
  /** An earlier attempt ended without anybody knowing how. */
  doubtful = false;
  /** Null once the result was given. */
  listener: CommandListener | null;

  constructor(cmd: Uint8Array, listener: CommandListener, tag: number, deadlineMs: number) {
    this.cmd = cmd;
    this.listener = listener;
    this.tag = tag;
    this.deadlineMs = deadlineMs;
  }

  /** It may have been carried out, for all that is known here. */
  get maybeDone(): boolean {
    return this.sent || this.doubtful;
  }

  /** The attempt under way is lost. */
  lose(): void {
    this.sent = false;
    this.doubtful = true;
  }

  finish(result: CommandResult): void {
    const { listener } = this;
    this.listener = null;
    listener?.commandDone(this.tag, result);
  }
}
