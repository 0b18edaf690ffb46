import {
  Client as GrpcClient,
  type MethodDefinition,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { MalformedMessageError, type NodeId, type Refusal } from '../../consensus/contract.ts';
import type { UnaryCalls } from '../../consensus/unaryCalls.ts';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import { openChannel, peerChannelOptions } from '../../net/endpoints/channels.ts';
import type { Security } from '../../net/endpoints/security.ts';
import { rawMethod } from '../../wire/rawMethod.ts';
import { Patience } from '../identity/asking.ts';
import { explainMisfit, type Introduction, introductionOf, type Misfit } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import type { Answer } from '../identity/startDecision.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { askPatiently, Introducer } from './introductions.ts';
import type { Originals } from './originals.ts';

/** Calls that come in get numbers from here on, so that the engine's answer finds the call it belongs to; the engine's own calls stay far below. */
const UNARY_CALL_BASE = 2 ** 40;
const CALL_DEADLINE_MS = 5_000;
/** So long after it was asked who it is, what does not know our links is asked again: one of the original's only where a message is kept from it. */
export const ASK_AGAIN_MS = 5_000;

/** The service as gRPC knows it. */
export function unaryService({
  service,
  methods,
}: UnaryCalls<unknown>): Readonly<Record<string, MethodDefinition<Buffer, Buffer>>> {
  return Object.fromEntries(methods.map((method) => [method, rawMethod(`/${service}/${method}`)]));
}

export interface UnaryServerOptions<M> {
  readonly calls: UnaryCalls<M>;
  readonly self: NodeId;
  readonly serverCount: number;
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
  /** Why who made a call does not speak as this server. */
  readonly impersonation: (call: object, id: NodeId) => string | undefined;
}

/** The answering side of an engine's unary calls. */
export class UnaryServer<M> {
  private readonly options: UnaryServerOptions<M>;
  private readonly open = new Map<number, sendUnaryData<Buffer>>();
  private count = 0;

  constructor(options: UnaryServerOptions<M>) {
    this.options = options;
  }

  implementation(): UntypedServiceImplementation {
    return Object.fromEntries(
      this.options.calls.methods.map((method) => [
        method,
        (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => this.handle(method, call, done),
      ]),
    );
  }

  private handle(method: string, call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
    const { calls, receive } = this.options;
    const number = UNARY_CALL_BASE + ++this.count;
    try {
      const message = calls.decodeRequest(method, plainBytes(call.request), number);
      const from = calls.senderOf(message);
      this.checkSender(from);
      const objection = this.options.impersonation(call, from);
      if (objection !== undefined) {
        done({ code: status.PERMISSION_DENIED, details: objection });
        return;
      }
      this.open.set(number, done);
      call.once('cancelled', () => this.open.delete(number));
      const refusal = receive(from, message);
      const atOnce = calls.responseAtOnce(method);
      if (refusal !== undefined) {
        this.open.delete(number);
        done({
          code: refusal.malformed ? status.INVALID_ARGUMENT : status.FAILED_PRECONDITION,
          details: refusal.reason,
        });
      } else if (atOnce !== undefined) {
        this.open.delete(number);
        done(null, asBuffer(atOnce));
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
  answer(message: M): boolean {
    const { calls } = this.options;
    const number = calls.callOf(message);
    if (number <= UNARY_CALL_BASE) return false;
    const done = this.open.get(number);
    this.open.delete(number);
    done?.(null, asBuffer(calls.encodeResponse(message)));
    return true;
  }
}

export interface UnaryClientOptions<M> {
  readonly calls: UnaryCalls<M>;
  readonly peer: NodeId;
  readonly address: Address;
  readonly security: Security;
  readonly maxMessageBytes: number;
  readonly identity: IdentityFile;
  readonly log: LimitedLog;
  readonly receive: (from: NodeId, message: M) => unknown;
  /** Whether what the process that introduced itself so says still counts. */
  readonly counts: (claim: Introduction) => boolean;
  /** It said at its own address who it is, and that fits. */
  readonly accepted: (peer: NodeId, claim: Introduction) => void;
  readonly refused: (peer: NodeId, misfit: Misfit, details: string) => void;
  readonly originals: Originals;
}

/** Messages that wait for the answer to an introduction; what comes on top is dropped, as a network would. */
const WAITING_MAX = 16;

/**
 * The calling side, towards one server. Unary calls do not say who makes them as a stream's hello does, so before the first
 * of a connection the two introduce themselves; one of the original's servers does not know that, and is taken as it is.
 */
export class UnaryClient<M> {
  private readonly client: GrpcClient;
  private readonly options: UnaryClientOptions<M>;
  private readonly service: ReturnType<typeof unaryService>;
  private readonly introducer: Introducer;
  private readonly patience = new Patience();
  private state: 'unknown' | 'asking' | 'fits' = 'unknown';
  /** Who answers; undefined where that is one of the original's servers. */
  private claim: Introduction | undefined;
  private waiting: M[] = [];
  private askedMs = 0;
  /** Methods of which one call at a time is on its way, where one is. */
  private readonly alone = new Set<string>();
  private reported = '';

  constructor(options: UnaryClientOptions<M>) {
    this.options = options;
    const { calls, peer, address, security, maxMessageBytes } = options;
    this.service = unaryService(calls);
    this.introducer = new Introducer(peer, address, security);
    const channelOptions = peerChannelOptions(maxMessageBytes);
    this.client = openChannel(GrpcClient, formatAddress(address), channelOptions, security, peer);
  }

  send(message: M): void {
    if (this.state === 'fits') {
      this.call(message);
      return;
    }
    if (this.waiting.length < WAITING_MAX) this.waiting.push(message);
    if (this.state === 'asking') return;
    this.state = 'asking';
    this.askedMs = performance.now();
    const own = introductionOf(this.options.identity.identity);
    void askPatiently(this.introducer, this.patience, own).then((answer) => this.introduced(answer));
  }

  private introduced(answer: Answer): void {
    const { waiting } = this;
    this.waiting = [];
    this.state = this.fits(answer) ? 'fits' : 'unknown';
    if (this.state === 'fits') for (const message of waiting) this.call(message);
  }

  private fits(answer: Answer): boolean {
    const { peer, accepted, refused } = this.options;
    this.claim = undefined;
    if (answer.kind === 'original') this.options.originals.met(peer);
    if (answer.kind !== 'introduced') return answer.kind === 'original';
    const { introduction, misfit } = answer;
    if (misfit !== undefined) refused(peer, misfit, `server ${peer} refuses this server: ${misfit}`);
    // One that does not take part yet answers no calls.
    if (misfit !== undefined || !introduction.isMember) return false;
    const objection = this.objectionTo(introduction);
    this.claim = introduction;
    if (objection === undefined) accepted(peer, introduction);
    else this.report(objection);
    return objection === undefined;
  }

  private objectionTo(introduction: Introduction): string | undefined {
    const { identity } = this.options;
    const own = identity.identity;
    try {
      const misfit = identity.meet(introduction);
      return misfit === undefined ? undefined : explainMisfit(misfit, own, introduction);
    } catch (error) {
      return `whom it speaks to cannot be noted: ${(error as Error).message}`;
    }
  }

  private report(reason: string): void {
    const { log, peer } = this.options;
    if (reason !== this.reported) log.error({ peer }, `refused to speak to a peer: ${reason}`);
    this.reported = reason;
  }

  /** Messages without a unary method, such as TimeoutNow, are dropped. */
  private call(message: M): void {
    const { calls, originals, peer, maxMessageBytes } = this.options;
    if (this.claim === undefined && !originals.takes(peer, calls.toOriginal(message))) {
      // It may be one of ours by now, started where no call failed meanwhile; and to whom nothing goes, none would fail.
      if (performance.now() - this.askedMs > ASK_AGAIN_MS) this.state = 'unknown';
      return;
    }
    const request = calls.encodeRequest(message, maxMessageBytes);
    if (request === undefined || this.alone.has(request.method)) return;
    if (request.isAlone) this.alone.add(request.method);
    const { path, requestSerialize, responseDeserialize } = this.service[request.method]!;
    const deadline = Date.now() + CALL_DEADLINE_MS;
    const { claim } = this;
    this.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      asBuffer(request.bytes),
      { deadline },
      (error, bytes) => {
        if (request.isAlone) this.alone.delete(request.method);
        // Behind a new connection there may be another server.
        if (error?.code === status.UNAVAILABLE) this.state = 'unknown';
        if (error !== null || bytes === undefined) return;
        if (claim !== undefined && !this.options.counts(claim)) {
          this.state = 'unknown';
          return;
        }
        try {
          const response = calls.decodeResponse(request.method, plainBytes(bytes), calls.callOf(message));
          if (response !== undefined) this.options.receive(this.options.peer, response);
        } catch (malformed) {
          if (!(malformed instanceof MalformedMessageError)) throw malformed;
        }
      },
    );
  }

  close(): void {
    this.client.close();
    this.introducer.close();
  }
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
/** Views of a plain Uint8Array cost a third of views of a Buffer. */
const plainBytes = (buffer: Buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
