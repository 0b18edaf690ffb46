import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { CommandType, decodeCommand } from '../wire/command.ts';
import { ResultStatus, type RKVClient } from '../wire/generated/rkv.ts';
import { BATCH_BYTES_MAX, UNTOLD_COMMAND_BYTES_MAX } from '../wire/limits.ts';
import { MISSING_VALUE, STORED_VALUE_TRAILER } from '../wire/originalTexts.ts';
import { type FailedOutcome, leaderInCall, outcomeOfCall, resultOf } from '../wire/outcome.ts';
import { reasonOf } from '../wire/reason.ts';
import type { ClientEnvironment } from './environment.ts';
import { grpcReason } from './grpcReason.ts';
import type { PendingCommand } from './pendingCommand.ts';
import type { LeaderHint, LinkListener, ServerLink } from './transport.ts';

/** Unary calls under way at once; a call costs far more than a command of a batch. */
const CALLS_MAX = 1024;

/** Each command as a unary call of its own, as the Go clients do it. */
export class UnaryLink implements ServerLink {
  readonly address: string;
  heardMs: number;
  readonly commandBytesMax = UNTOLD_COMMAND_BYTES_MAX;
  private readonly client: RKVClient;
  private readonly release: () => void;
  private readonly listener: LinkListener;
  private readonly environment: ClientEnvironment;
  private readonly calls = new Set<PendingCommand>();
  private open = true;

  /** `release` frees the client; called once, when the link has ended. */
  constructor(
    address: string,
    client: RKVClient,
    release: () => void,
    listener: LinkListener,
    environment: ClientEnvironment,
  ) {
    this.address = address;
    this.client = client;
    this.release = release;
    this.listener = listener;
    this.environment = environment;
    this.heardMs = environment.nowMs();
    environment.soon(() => {
      if (this.open) listener.linkReady(this);
    });
  }

  get unanswered(): number {
    return this.calls.size;
  }

  room(): number {
    return this.open ? CALLS_MAX - this.calls.size : 0;
  }

  add(command: PendingCommand): void {
    if (this.calls.size === 0) this.heardMs = this.environment.nowMs();
    this.calls.add(command);
    const parsed = decodeCommand(command.cmd);
    if (parsed.type === CommandType.Insert) {
      const { clientId, clientSeq, key, value } = parsed;
      this.client.insert({ clientID: clientId, clientSeq, key, value }, (error, response) => {
        if (error !== null) this.failed(command, error);
        else if (response.ok) this.answer(command, ResultStatus.RESULT_OK, 0, undefined, '');
        else this.answer(command, ResultStatus.RESULT_INVALID, 0, undefined, 'the server answered that it is not ok');
      });
    } else if (parsed.type === CommandType.Lookup) {
      const call = this.client.lookup({ key: parsed.key }, (error, response) => {
        if (error !== null) this.failed(command, error);
        else if (response.value !== MISSING_VALUE) {
          this.answer(command, ResultStatus.RESULT_OK, 0, response.value, '');
        } else {
          // The trailer, which comes next, says whether that is a value.
          call.on('status', ({ metadata }) => {
            const isStored = metadata.get(STORED_VALUE_TRAILER).length > 0;
            this.answer(command, ResultStatus.RESULT_OK, 0, isStored ? MISSING_VALUE : undefined, '');
          });
        }
      });
    } else {
      this.client.register({}, (error, response) => {
        if (error !== null) this.failed(command, error);
        else this.answer(command, ResultStatus.RESULT_OK, response.clientID, undefined, '');
      });
    }
  }

  flush(): void {}

  waiting(): PendingCommand[] {
    return [...this.calls];
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.release();
  }

  private answer(
    command: PendingCommand,
    status: ResultStatus,
    clientId: number,
    value: string | undefined,
    detail: string,
    hint?: LeaderHint,
  ): void {
    if (!this.open || !this.calls.delete(command)) return;
    // A server that refuses new calls while it leaves others without an answer is a silent one.
    if (status !== ResultStatus.RESULT_OVERLOADED) this.heardMs = this.environment.nowMs();
    this.listener.linkResult(this, command, status, clientId, value, detail);
    this.listener.linkBatchDone(this, hint);
  }

  private failed(command: PendingCommand, error: ServiceError): void {
    const outcome = isTooLarge(command, error) ? 'too-large' : outcomeOfCall(error);
    if (outcome !== undefined) {
      this.answer(command, resultOf(outcome), 0, undefined, error.details, hintIn(outcome, error));
      return;
    }
    if (!this.open) return;
    this.close();
    this.listener.linkClosed(this, { message: grpcReason(error), end: 'lost' });
  }
}

/**
 * gRPC itself refuses what is larger than a server takes messages, under a code that servers use for other things as well, and
 * ours give a reason then. No server takes less than a batch.
 */
function isTooLarge({ cmd }: PendingCommand, error: ServiceError): boolean {
  return error.code === GrpcStatus.RESOURCE_EXHAUSTED && reasonOf(error) === '' && cmd.length > BATCH_BYTES_MAX;
}

function hintIn(outcome: FailedOutcome, error: ServiceError): LeaderHint | undefined {
  const leader = outcome === 'not-leader' ? leaderInCall(error) : undefined;
  return leader === undefined ? undefined : { id: leader, address: '' };
}
