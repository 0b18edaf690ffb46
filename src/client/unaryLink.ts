import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { CommandType, decodeCommand } from '../wire/command.ts';
import { ResultStatus, type RKVClient } from '../wire/generated/rkv.ts';
import { MISSING_VALUE, STORED_VALUE_TRAILER } from '../wire/missingValue.ts';
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
    const hint = notLeaderHint(error.details);
    if (hint !== undefined) {
      this.answer(command, ResultStatus.RESULT_NOT_LEADER, 0, undefined, error.details, hint);
      return;
    }
    const status = refusal(error);
    if (status !== undefined) {
      this.answer(command, status, 0, undefined, error.details);
      return;
    }
    if (!this.open) return;
    this.close();
    this.listener.linkClosed(this, { message: grpcReason(error), tooLarge: isTooLarge(error), unsupported: false });
  }
}

/** What a server's unary calls mean by their codes; any other code loses the call, its outcome unknown. */
function refusal(error: ServiceError): ResultStatus | undefined {
  switch (error.code) {
    case GrpcStatus.INVALID_ARGUMENT:
      return ResultStatus.RESULT_INVALID;
    case GrpcStatus.NOT_FOUND:
      return ResultStatus.RESULT_UNKNOWN_SESSION;
    case GrpcStatus.OUT_OF_RANGE:
      return /too old/.test(error.details)
        ? ResultStatus.RESULT_SEQUENCE_TOO_OLD
        : ResultStatus.RESULT_SEQUENCE_TOO_FAR;
    case GrpcStatus.RESOURCE_EXHAUSTED:
      return isTooLarge(error) ? undefined : ResultStatus.RESULT_OVERLOADED;
    default:
      return undefined;
  }
}

/** gRPC and an overloaded server share the code; gRPC says by how much the message is larger than it may be. */
function isTooLarge({ code, details }: ServiceError): boolean {
  return code === GrpcStatus.RESOURCE_EXHAUSTED && /larger than/.test(details);
}

/** Reads `not leader, <id> is`, the Go system's refusal. The id is 0 where the server knows of no leader. */
export function notLeaderHint(details: string): LeaderHint | undefined {
  const match = /not leader, (\d+) is/.exec(details);
  return match === null ? undefined : { id: Number(match[1]), address: '' };
}
