import {
  credentials,
  Client as GrpcClient,
  type MethodDefinition,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { MalformedMessageError, type NodeId, type Refusal } from '../../consensus/contract.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { type Address, formatAddress } from '../../wire/addresses.ts';
import {
  decodeRequest,
  decodeResponse,
  EMPTY_RESPONSE,
  encodeRequest,
  encodeResponse,
  GORUMS_METHODS,
  type GorumsMethod,
} from '../../wire/gorumsWire.ts';
import { rawMethod } from '../../wire/rawMethod.ts';
import { peerChannelOptions } from './peerMethod.ts';

/**
 * The `gorums.Raft` unary service, as the original's servers call it and answer it. Calls that come in get numbers from
 * here on, so that the engine's answer finds the call it belongs to; the engine's own calls stay far below.
 */
const UNARY_CALL_BASE = 2 ** 40;
const CALL_DEADLINE_MS = 5_000;

export const GORUMS_SERVICE = Object.fromEntries(
  GORUMS_METHODS.map((method) => [method, rawMethod(`/gorums.Raft/${method}`)]),
) as Readonly<Record<GorumsMethod, MethodDefinition<Buffer, Buffer>>>;

export interface UnaryServerOptions {
  readonly self: NodeId;
  readonly serverCount: number;
}

/** The answering side. */
export class GorumsUnaryServer {
  private readonly options: UnaryServerOptions;
  private readonly receive: (from: NodeId, message: GorumsMessage) => Refusal | undefined;
  private readonly open = new Map<number, sendUnaryData<Buffer>>();
  private calls = 0;

  constructor(options: UnaryServerOptions, receive: (from: NodeId, message: GorumsMessage) => Refusal | undefined) {
    this.options = options;
    this.receive = receive;
  }

  implementation(): UntypedServiceImplementation {
    return Object.fromEntries(
      GORUMS_METHODS.map((method) => [
        method,
        (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => this.handle(method, call, done),
      ]),
    );
  }

  private handle(method: GorumsMethod, call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
    const number = UNARY_CALL_BASE + ++this.calls;
    try {
      const message = decodeRequest(method, plainBytes(call.request), number);
      const from = senderOf(message);
      this.checkSender(from);
      this.open.set(number, done);
      call.once('cancelled', () => this.open.delete(number));
      const refusal = this.receive(from, message);
      if (refusal !== undefined) {
        this.open.delete(number);
        done({
          code: refusal.malformed ? status.INVALID_ARGUMENT : status.FAILED_PRECONDITION,
          details: refusal.reason,
        });
      } else if (method === 'CatchMeUp') {
        this.open.delete(number);
        done(null, Buffer.from(EMPTY_RESPONSE));
      }
    } catch (error) {
      this.open.delete(number);
      if (!(error instanceof MalformedMessageError)) throw error;
      done({ code: status.INVALID_ARGUMENT, details: error.message });
    }
  }

  private checkSender(from: NodeId): void {
    const { self, serverCount } = this.options;
    if (from >= 1 && from <= serverCount && from !== self) return;
    throw new MalformedMessageError(`server ${from} is not one of the other ${serverCount - 1} servers of -servers`);
  }

  /** Answers the call that the message is a response to; false where it answers none of these. */
  answer(message: GorumsMessage): boolean {
    if (message.call <= UNARY_CALL_BASE) return false;
    const done = this.open.get(message.call);
    this.open.delete(message.call);
    done?.(null, asBuffer(encodeResponse(message)));
    return true;
  }
}

function senderOf(message: GorumsMessage): NodeId {
  if (message.type === 'RequestVote') return message.candidate;
  if (message.type === 'CatchMeUp') return message.follower;
  return 'leader' in message ? message.leader : 0;
}

/** The calling side, towards one server. */
export class GorumsUnaryClient {
  private readonly client: GrpcClient;
  private readonly peer: NodeId;
  private readonly receive: (from: NodeId, message: GorumsMessage) => unknown;

  constructor(
    peer: NodeId,
    address: Address,
    maxMessageBytes: number,
    receive: (from: NodeId, message: GorumsMessage) => unknown,
  ) {
    this.peer = peer;
    this.receive = receive;
    this.client = new GrpcClient(
      formatAddress(address),
      credentials.createInsecure(),
      peerChannelOptions(maxMessageBytes),
    );
  }

  /** Messages without a unary method, such as TimeoutNow, are dropped. */
  send(message: GorumsMessage): void {
    const request = encodeRequest(message);
    if (request === undefined) return;
    const { path, requestSerialize, responseDeserialize } = GORUMS_SERVICE[request.method];
    const deadline = Date.now() + CALL_DEADLINE_MS;
    this.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      asBuffer(request.bytes),
      { deadline },
      (error, bytes) => {
        if (error !== null || bytes === undefined) return;
        try {
          const response = decodeResponse(request.method, plainBytes(bytes), message.call);
          if (response !== undefined) this.receive(this.peer, response);
        } catch (malformed) {
          if (!(malformed instanceof MalformedMessageError)) throw malformed;
        }
      },
    );
  }

  close(): void {
    this.client.close();
  }
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
/** Views of a plain Uint8Array cost a third of views of a Buffer. */
const plainBytes = (buffer: Buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
