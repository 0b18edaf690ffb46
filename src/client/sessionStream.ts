import type { ServiceError } from '@grpc/grpc-js';
import { status as GrpcStatus } from '@grpc/grpc-js';
import type { ResultStatus } from '../wire/generated/rkv.ts';
import { BATCH_BYTES_MAX, UNTOLD_COMMAND_BYTES_MAX } from '../wire/limits.ts';
import { CommandBatchWriter, MalformedBatchError, type ResultVisitor, readResultBatch } from '../wire/sessionCodec.ts';
import type { ClientEnvironment } from './environment.ts';
import { grpcReason } from './grpcReason.ts';
import type { PendingCommand } from './pendingCommand.ts';
import type { LeaderHint, LinkEnd, LinkFailure, LinkListener, ServerLink } from './transport.ts';

/** Small, because a stream may end before it carries much: a client that looks for the leader opens one after the other. */
const FIRST_RING_SIZE = 1 << 4;
/** Ids from the oldest unanswered command to the newest. One command that is never answered stops the stream here. */
const RING_SIZE_MAX = 1 << 20;

/** The client's end of a `Session` call, as far as a stream uses it: gRPC's, or the simulator's. */
export interface SessionCall {
  on(event: 'data', heard: (message: Buffer) => void): unknown;
  on(event: 'drain' | 'end', heard: () => void): unknown;
  on(event: 'error', heard: (error: Pick<ServiceError, 'code' | 'details'>) => void): unknown;
  /** False: no more before 'drain'. */
  write(message: Buffer): boolean;
  cancel(): void;
}

/** The `Session` stream to one server: batches out, results in, within the server's window. */
export class SessionStream implements ServerLink, ResultVisitor {
  readonly address: string;
  unanswered = 0;
  heardMs: number;
  commandBytesMax = UNTOLD_COMMAND_BYTES_MAX;
  private readonly call: SessionCall;
  private readonly release: () => void;
  private readonly listener: LinkListener;
  private readonly environment: ClientEnvironment;
  private readonly batch = new CommandBatchWriter();
  /** Commands that may be unanswered at once; 0 until the server's first batch. */
  private window = 0;
  /** A write filled the connection's buffers. */
  private blocked = false;
  private open = true;
  /** Unanswered commands, each at its id modulo the size, which is a power of two. */
  private ring: (PendingCommand | undefined)[] = new Array(FIRST_RING_SIZE).fill(undefined);
  private ids = new Uint32Array(FIRST_RING_SIZE);
  private nextId = 1;

  /** `release` frees what the call runs on; called once, when the stream has ended. */
  constructor(
    address: string,
    call: SessionCall,
    release: () => void,
    listener: LinkListener,
    environment: ClientEnvironment,
  ) {
    this.address = address;
    this.call = call;
    this.release = release;
    this.listener = listener;
    this.environment = environment;
    this.heardMs = environment.nowMs();
    call.on('data', (message) => this.received(message));
    call.on('drain', () => this.drained());
    call.on('error', (error) => {
      this.failed({ message: grpcReason(error), end: this.endBy(error.code) });
    });
    call.on('end', () => this.failed({ message: 'the server ended the stream', end: 'lost' }));
  }

  room(): number {
    if (!this.open || this.blocked) return 0;
    if (this.ring.length === RING_SIZE_MAX && this.ring[this.nextId & (RING_SIZE_MAX - 1)] !== undefined) return 0;
    return this.window - this.unanswered;
  }

  add(command: PendingCommand): void {
    const id = this.nextId;
    this.nextId = (id + 1) >>> 0;
    while (this.ring[id & (this.ring.length - 1)] !== undefined) this.growRing();
    const slot = id & (this.ring.length - 1);
    this.ring[slot] = command;
    this.ids[slot] = id;
    if (this.unanswered++ === 0) this.heardMs = this.environment.nowMs();
    const { batch } = this;
    if (batch.count > 0 && batch.byteLength + command.cmd.length > BATCH_BYTES_MAX) this.flush();
    batch.add(id, command.cmd);
  }

  flush(): void {
    if (this.batch.count === 0 || !this.open) return;
    if (!this.call.write(this.batch.finish())) this.blocked = true;
  }

  waiting(): PendingCommand[] {
    const size = this.ring.length;
    const found: PendingCommand[] = [];
    for (let back = size; back > 0 && found.length < this.unanswered; back--) {
      const command = this.ring[(this.nextId - back + size) & (size - 1)];
      if (command !== undefined) found.push(command);
    }
    return found;
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.call.cancel();
    this.release();
  }

  /** A result, as the codec reads it. Results for ids that nobody waits for mean a server that is out of its mind. */
  result(id: number, status: ResultStatus, clientId: number, value: string | undefined, detail: string): void {
    const slot = id & (this.ring.length - 1);
    const command = this.ring[slot];
    if (command === undefined || this.ids[slot] !== id) throw new UnexpectedResultError(id);
    this.ring[slot] = undefined;
    this.unanswered--;
    this.listener.linkResult(this, command, status, clientId, value, detail);
  }

  private endBy(code: GrpcStatus): LinkEnd {
    if (code === GrpcStatus.RESOURCE_EXHAUSTED) return 'too-large';
    // Before the server's first batch nothing was sent.
    return code === GrpcStatus.UNIMPLEMENTED && this.window === 0 ? 'unsupported' : 'lost';
  }

  private received(message: Buffer): void {
    if (!this.open) return;
    this.heardMs = this.environment.nowMs();
    let hint: LeaderHint | undefined;
    const first = this.window === 0;
    try {
      const header = readResultBatch(message, this);
      if (header.window !== undefined && header.window > 0) this.window = header.window;
      if (header.commandBytesMax !== undefined && header.commandBytesMax > 0)
        this.commandBytesMax = header.commandBytesMax;
      if (header.leader !== undefined) hint = { id: header.leader, address: header.leaderAddress ?? '' };
    } catch (error) {
      if (!(error instanceof MalformedBatchError || error instanceof UnexpectedResultError)) throw error;
      this.failed({ message: `the server sent nonsense: ${error.message}`, end: 'nonsense' });
      return;
    }
    this.listener.linkBatchDone(this, hint);
    if (first && this.window > 0) this.listener.linkReady(this);
  }

  private drained(): void {
    this.blocked = false;
    if (this.open) this.listener.linkReady(this);
  }

  private failed(failure: LinkFailure): void {
    if (!this.open) return;
    this.close();
    this.listener.linkClosed(this, failure);
  }

  private growRing(): void {
    const size = this.ring.length * 2;
    const ring: (PendingCommand | undefined)[] = new Array(size).fill(undefined);
    const ids = new Uint32Array(size);
    for (let at = 0; at < this.ring.length; at++) {
      const command = this.ring[at];
      if (command === undefined) continue;
      const id = this.ids[at]!;
      ring[id & (size - 1)] = command;
      ids[id & (size - 1)] = id;
    }
    this.ring = ring;
    this.ids = ids;
  }
}

/** A server answered what was not asked, or twice. */
class UnexpectedResultError extends Error {
  override readonly name = 'UnexpectedResultError';
  constructor(id: number) {
    super(`a result for command ${id}, which does not wait for one`);
  }
}
