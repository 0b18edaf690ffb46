import { status } from '@grpc/grpc-js';
import type { NodeId } from '../../consensus/contract.ts';
import {
  CommandType,
  decodeCommand,
  encodeCommand,
  MalformedCommandError,
  REGISTER_BYTES,
} from '../../wire/command.ts';
import { SESSION_WINDOW } from '../../wire/limits.ts';
import { type FailedOutcome, resultOf } from '../../wire/outcome.ts';
import { decodeCommandBatch, MalformedBatchError, ResultBatchWriter } from '../../wire/sessionCodec.ts';
import type { Connection } from '../admission/connection.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import type { CommandOutcome, CommandSink, LookupOutcome } from '../host/outcomes.ts';
import type { Replica } from '../host/replica.ts';
import { detailOf, type Failure, TOO_MANY_REGISTRATIONS } from './outcomes.ts';

/** How long a client that waits for an answer hears nothing at most. */
export const REASSURE_MS = 500;
/** Result bytes that may wait for a slow client before the server stops reading from it. */
export const WAITING_RESULTS_BYTES_MAX = 1 << 20;
/** Where more than this waits, lookups are refused: a window of commands may ask for far more than memory holds. */
export const LOOKUP_WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Values of fewer bytes are answered without asking what their connection holds. */
export const LARGE_VALUE_BYTES_MIN = 16 * 1024;
/** A batch that has grown to this leaves at once: all results of a turn may be more than a gRPC message takes. */
const RESULT_BATCH_BYTES_MAX = 256 * 1024;

/** The server's end of the call, as far as a stream uses it: a gRPC server's, or the simulator's. */
export interface SessionCall {
  /** A message has begun to come. */
  readonly isInMessage: boolean;
  on(event: 'data', heard: (message: Buffer) => void): unknown;
  on(event: 'end' | 'close', heard: () => void): unknown;
  /** Ends the call with that. */
  emit(event: 'error', failure: { readonly code: status; readonly details: string }): unknown;
  /** `taken`: the connection has taken it. */
  write(message: Buffer, taken: () => void): unknown;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  isPaused(): boolean;
}

interface Counter {
  inc(): void;
}

/** What session streams have to know of the server. */
export interface SessionContext {
  readonly replica: Pick<Replica<unknown>, 'submit' | 'lookup'>;
  readonly metrics: { readonly writeRequests: Counter; readonly readRequests: Counter; readonly reads: Counter };
  /** A marshalled command may not be larger, or it could not be sent on to the other servers. */
  readonly commandBytesMax: number;
  /** Open session streams. */
  readonly sessions: Set<SessionStream>;
  /** Knows how much may be kept for whom. */
  readonly door: Pick<FrontDoor, 'mayHold'>;
  /** Unix time, µs. */
  nowUs(): number;
  /** The leader this server knows of: id 0 and an empty address where it knows none. */
  leader(): { readonly id: NodeId; readonly address: string };
  /** A write that came at `startUs` is acknowledged. */
  written(startUs: number): void;
  /** Runs `run` once what happens now has happened. */
  soon(run: () => void): void;
}

/** Serves a call that a client has begun, on a connection that is undefined where nobody counts what it holds. */
export function serveSession(call: SessionCall, context: SessionContext, connection: Connection | undefined): void {
  const stream = new SessionStream(call, context, connection);
  context.sessions.add(stream);
  call.on('close', () => context.sessions.delete(stream));
}

/**
 * The server's end of one session stream. What is answered within a turn leaves as one ResultBatch; a client that does not
 * read its results is not read from either.
 */
export class SessionStream {
  private readonly call: SessionCall;
  private readonly context: SessionContext;
  private readonly results = new ResultBatchWriter();
  readonly connection: Connection | undefined;
  private unanswered = 0;
  /** Written and not taken by the connection yet. */
  private waitingBytes = 0;
  /** Something was written since the last reassurance. */
  private wrote = false;
  private flushDue = false;
  private ended = false;
  private open = true;

  constructor(call: SessionCall, context: SessionContext, connection: Connection | undefined) {
    this.call = call;
    this.context = context;
    this.connection = connection;
    call.on('data', (bytes) => this.take(bytes));
    call.on('end', () => {
      this.ended = true;
      this.finishWhenAnswered();
    });
    call.on('close', () => {
      this.open = false;
    });
    this.results.window(SESSION_WINDOW);
    this.results.commandBytesMax(context.commandBytesMax);
    this.noteLeader();
    this.flushSoon();
  }

  /** Commands and lookups that wait for their outcome. */
  get unansweredCount(): number {
    return this.unanswered;
  }

  private take(bytes: Buffer): void {
    const { context } = this;
    try {
      const { ids, commands } = decodeCommandBatch(bytes);
      const sink = new BatchSink(this, context.nowUs());
      for (let i = 0; i < ids.length; i++) this.takeCommand(ids[i]!, commands[i]!, sink);
    } catch (error) {
      if (!(error instanceof MalformedBatchError)) throw error;
      this.fail(status.INVALID_ARGUMENT, error.message);
    }
  }

  private takeCommand(id: number, command: Uint8Array, sink: CommandSink): void {
    const { context } = this;
    if (this.unanswered >= SESSION_WINDOW) {
      this.refuse(id, 'overloaded', `more than ${SESSION_WINDOW} commands are unanswered`);
      return;
    }
    if (command.length > context.commandBytesMax) {
      const detail = `the command has ${command.length} bytes, at most ${context.commandBytesMax} are taken: see -maxvalue`;
      this.refuse(id, 'too-large', detail);
      return;
    }
    // The type stands first in what our clients send; anything else is decoded to find it.
    const type = command.length === 0 ? CommandType.Register : command[0] === 0x08 ? command[1] : undefined;
    if (type === CommandType.Register) this.register(id, command, sink);
    else if (type === CommandType.Insert) this.submit(id, command, sink);
    else this.decodeAndTake(id, command, sink);
  }

  private register(id: number, command: Uint8Array, sink: CommandSink): void {
    if (this.connection?.mayRegister(performance.now()) === false) {
      this.refuse(id, 'overloaded', TOO_MANY_REGISTRATIONS);
    } else this.submit(id, command, sink);
  }

  private submit(id: number, command: Uint8Array, sink: CommandSink): void {
    this.unanswered++;
    this.context.metrics.writeRequests.inc();
    this.context.replica.submit(command, sink, id);
  }

  private decodeAndTake(id: number, bytes: Uint8Array, sink: CommandSink): void {
    try {
      const command = decodeCommand(bytes);
      // In our own words: what a client puts around a command must not be a fence (wire/fence.ts).
      if (command.type === CommandType.Register) this.register(id, REGISTER_BYTES, sink);
      else if (command.type === CommandType.Insert) this.submit(id, encodeCommand(command), sink);
      else if (command.key === '') this.refuse(id, 'invalid', 'the key is empty');
      else {
        this.unanswered++;
        this.context.metrics.readRequests.inc();
        this.context.replica.lookup(command.key, sink, id);
      }
    } catch (error) {
      if (!(error instanceof MalformedCommandError)) throw error;
      this.refuse(id, 'invalid', error.message);
    }
  }

  private refuse(id: number, why: FailedOutcome, detail: string): void {
    this.results.refused(id, resultOf(why), detail);
    this.flushSoon();
  }

  /** A command that came at `startUs` has its outcome. */
  commandDone(id: number, outcome: CommandOutcome, startUs: number): void {
    this.unanswered--;
    if (outcome.status === 'ok') {
      this.context.written(startUs);
      if (outcome.clientId === 0) this.results.ok(id);
      else this.results.registered(id, outcome.clientId);
    } else this.failed(id, outcome);
    this.flushSoon();
  }

  lookupDone(id: number, outcome: LookupOutcome): void {
    this.unanswered--;
    if (outcome.status !== 'ok') this.failed(id, outcome);
    else if (this.waitingBytes > LOOKUP_WAITING_BYTES_MAX || !this.mayHold(outcome.value)) {
      this.results.refused(id, resultOf('overloaded'), 'too many results wait to be read');
    } else {
      this.context.metrics.reads.inc();
      this.results.value(id, outcome.value);
    }
    this.flushSoon();
  }

  /** What other streams of this connection hold counts too. Small values are bounded by the window. */
  private mayHold(value: Uint8Array | undefined): boolean {
    if (value === undefined || value.length < LARGE_VALUE_BYTES_MIN) return true;
    return this.context.door.mayHold(this.connection, value.length);
  }

  private failed(id: number, outcome: Failure): void {
    this.results.refused(id, resultOf(outcome.status), detailOf(outcome));
    if (outcome.status === 'not-leader' || outcome.status === 'unknown') this.noteLeader();
  }

  /** Tells the client where the leader is, as far as this server knows. */
  noteLeader(): void {
    if (!this.open) return;
    const { id, address } = this.context.leader();
    this.results.leader(id, address);
    this.flushSoon();
  }

  /**
   * To be called every REASSURE_MS. Large commands take their time, on the way here and through the log, and a client takes a
   * server that is silent for two seconds for dead: it would send them again, to the next and again to this one.
   */
  reassure(): void {
    const isAwaited = this.unanswered > 0 || this.call.isInMessage;
    if (isAwaited && !this.wrote && this.waitingBytes === 0) this.noteLeader();
    this.wrote = false;
  }

  private flushSoon(): void {
    if (this.results.byteLength >= RESULT_BATCH_BYTES_MAX) this.write(this.results.finish());
    if (this.flushDue) return;
    this.flushDue = true;
    this.context.soon(() => this.flush());
  }

  private flush(): void {
    this.flushDue = false;
    if (!this.open) return;
    if (this.results.byteLength > 0) this.write(this.results.finish());
    this.finishWhenAnswered();
  }

  private write(bytes: Buffer): void {
    if (!this.open) return;
    const { call } = this;
    this.wrote = true;
    this.waitingBytes += bytes.length;
    call.write(bytes, () => {
      this.waitingBytes -= bytes.length;
      if (call.isPaused() && this.waitingBytes <= WAITING_RESULTS_BYTES_MAX) call.resume();
    });
    if (this.waitingBytes > WAITING_RESULTS_BYTES_MAX) call.pause();
  }

  private finishWhenAnswered(): void {
    if (this.ended && this.unanswered === 0 && this.open && !this.flushDue) {
      this.open = false;
      this.call.end();
      this.context.sessions.delete(this);
    }
  }

  private fail(code: status, details: string): void {
    if (!this.open) return;
    this.open = false;
    this.call.emit('error', { code, details });
  }
}

/** Carries the time at which a batch came to the outcomes of its commands. */
class BatchSink implements CommandSink {
  private readonly stream: SessionStream;
  private readonly startUs: number;

  constructor(stream: SessionStream, startUs: number) {
    this.stream = stream;
    this.startUs = startUs;
  }

  commandDone(id: number, outcome: CommandOutcome): void {
    this.stream.commandDone(id, outcome, this.startUs);
  }

  lookupDone(id: number, outcome: LookupOutcome): void {
    this.stream.lookupDone(id, outcome);
  }
}
