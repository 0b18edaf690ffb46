import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { ClientClosedError, RequestTimeoutError, ServerUnreachableError } from '../../../client/errors.ts';
import { grpcReason } from '../../../client/grpcReason.ts';
import type { LoadListener, LoadSession } from '../../../client/load/loadGenerator.ts';
import { REQUEST_TIMEOUT_MS } from '../../../client/request.ts';
import { parseAddress } from '../../../net/endpoints/addresses.ts';
import { Backoff } from '../../../net/endpoints/backoff.ts';
import { RangeResponse } from '../../../wire/generated/etcd.ts';
import { type CallOwner, type CallRefusal, RawConnection } from '../../calls/rawConnection.ts';
import type { RepeatRecord, StagesRecord } from '../../results/schema.ts';
import type { ServerStatus, SystemClient } from '../system.ts';
import { EtcdMember } from './etcdMember.ts';
import { putRequest, rangeRequest } from './etcdRequests.ts';

const PUT = '/etcdserverpb.KV/Put';
const RANGE = '/etcdserverpb.KV/Range';
/** How long a member may take to say how it is, and how long where none does: they may be busier, or farther away, than that. */
const STATUS_TIMEOUT_MS = 2000;
const STATUS_TIMEOUT_MS_MAX = 10_000;
const BACKOFF_MIN_MS = 2;
const BACKOFF_MAX_MS = 200;
/** How often deadlines are looked for. */
const WATCH_INTERVAL_MS = 50;
const text = new TextDecoder();

type Outcome = Parameters<LoadListener['commandDone']>[1]['status'];

interface ClientOptions {
  /** Nobody else uses the cluster: how many keys each member holds says whether they agree. */
  readonly isOwn: boolean;
  readonly onNotice: (text: string) => void;
}

/**
 * Drives etcd through its KV service, as its own clients do: a unary call a request, all on one connection to the member that leads, or
 * where that is not to be had to another one, which passes them on. A put has no number by which etcd would know it again, so it is sent again
 * only where it certainly was not carried out; a linearizable range is sent again until it is answered.
 */
export class EtcdClient implements SystemClient, LoadSession {
  readonly counters: RepeatRecord['client'] = { retries: 0, linksLost: 0, stalls: 0, notLeader: 0 };
  readonly readBackObstacle = undefined;
  private readonly members: readonly EtcdMember[];
  private readonly options: ClientOptions;
  private readonly backoff = new Backoff(BACKOFF_MIN_MS, BACKOFF_MAX_MS, Math.random);
  /** Those that have no result, the earliest deadline first. */
  private readonly open = new Set<EtcdRequest>();
  /** Those of them that wait for a connection, or for the end of a pause. */
  private queue: EtcdRequest[] = [];
  private connection: RawConnection | undefined;
  /** When the connection brought anything last, ms. */
  private heardMs = 0;
  private connecting = false;
  /** Members are given time: set while nothing is sent. */
  private pause: NodeJS.Timeout | undefined;
  private readonly watch: NodeJS.Timeout;
  private lastFailure = 'no member answered';
  private hasNoted = false;
  private isClosed = false;

  constructor(addresses: readonly string[], options: ClientOptions) {
    this.members = addresses.map((address) => new EtcdMember(address));
    this.options = options;
    this.watch = setInterval(() => this.lookAtDeadlines(), WATCH_INTERVAL_MS);
  }

  /** etcd has no sessions of this kind: a client is one of as many as send at once. Rejects where no member answers. */
  async openSession(): Promise<LoadSession> {
    if (this.connection === undefined) await this.expectMember();
    return this;
  }

  private async expectMember(): Promise<void> {
    if ((await this.askMembers()).length > 0) return;
    const [{ address }] = this.members as [EtcdMember];
    throw new ServerUnreachableError(address, `no member of etcd answers: ${this.lastFailure}`);
  }

  submitInsert(key: Uint8Array, value: Uint8Array, listener: LoadListener, tag: number, deadlineMs: number): void {
    const done = (outcome: Outcome) => listener.commandDone(tag, { status: outcome });
    this.submit(new EtcdRequest(this, PUT, putRequest(key, value), deadlineMs, done));
  }

  submitLookup(key: string, listener: LoadListener, tag: number, deadlineMs: number): void {
    const done = (outcome: Outcome) => listener.commandDone(tag, { status: outcome });
    this.submit(new EtcdRequest(this, RANGE, rangeRequest(key), deadlineMs, done));
  }

  lookup(key: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const done = (outcome: Outcome, answer?: Buffer) => {
        if (outcome === 'closed') reject(new ClientClosedError('the client was closed', false));
        else if (answer === undefined) {
          reject(new RequestTimeoutError(`no answer within ${REQUEST_TIMEOUT_MS} ms (${this.lastFailure})`, false));
        } else {
          const [found] = RangeResponse.decode(answer).kvs;
          resolve(found === undefined ? undefined : text.decode(found.value));
        }
      };
      this.submit(new EtcdRequest(this, RANGE, rangeRequest(key), performance.now() + REQUEST_TIMEOUT_MS, done));
    });
  }

  private submit(request: EtcdRequest): void {
    if (this.isClosed) {
      setImmediate(() => request.finish('closed'));
      return;
    }
    this.open.add(request);
    this.send(request);
  }

  private send(request: EtcdRequest): void {
    const { connection } = this;
    if (connection === undefined || connection.closed || this.pause !== undefined) {
      this.queue.push(request);
      if (this.pause === undefined) void this.connect();
      return;
    }
    request.isSent = false;
    request.sentMs = performance.now();
    connection.call(request.path, request.message, request);
  }

  /** To the leader where one is to be had. */
  private async connect(): Promise<void> {
    if (this.connecting) return;
    this.connecting = true;
    const statuses = await this.askMembers();
    this.connecting = false;
    if (this.isClosed) return;
    const best = statuses.find(({ role }) => role === 'leader') ?? statuses.find(({ role }) => role === 'follower');
    if (best === undefined) {
      this.rest();
      return;
    }
    if (best.role !== 'leader') this.counters.notLeader++;
    const connection = new RawConnection(parseAddress(best.address)!, () => this.lost(connection));
    this.connection = connection;
    this.heardMs = performance.now();
    this.sendQueued();
  }

  private lost(connection: RawConnection): void {
    if (connection !== this.connection || this.isClosed) return;
    this.connection = undefined;
    this.counters.linksLost++;
    this.rest();
  }

  /** Sends nothing for a moment, then all that waits: who fails at once would be asked for ever otherwise. */
  private rest(): void {
    if (this.pause !== undefined || this.isClosed) return;
    this.pause = setTimeout(() => {
      this.pause = undefined;
      this.sendQueued();
    }, this.backoff.nextMs());
  }

  private sendQueued(): void {
    const { queue } = this;
    this.queue = [];
    for (const request of queue) if (this.open.has(request)) this.send(request);
  }

  answered(request: EtcdRequest, answer: Buffer): void {
    this.heardMs = performance.now();
    this.backoff.reset();
    this.finish(request, 'ok', answer);
  }

  refused(request: EtcdRequest, refusal: CallRefusal | undefined): void {
    if (!this.open.has(request)) return;
    if (refusal === undefined) this.lastFailure = 'the connection was lost';
    else {
      this.heardMs = performance.now();
      this.lastFailure = refusal.details;
      this.note(refusal);
      if (refusal.code === GrpcStatus.INVALID_ARGUMENT) {
        this.finish(request, 'invalid');
        return;
      }
    }
    this.rest();
    // Whoever has too much to do says so before anything is done.
    const wasNotDone = !request.isSent || refusal?.code === GrpcStatus.RESOURCE_EXHAUSTED;
    if (request.path === PUT && !wasNotDone) this.finish(request, 'lost');
    else {
      this.counters.retries++;
      this.queue.push(request);
    }
  }

  /** What a figure has to be read with. */
  private note({ code, details }: CallRefusal): void {
    if (this.hasNoted) return;
    this.hasNoted = true;
    this.options.onNotice(`etcd refused a request: ${details} (${GrpcStatus[code] ?? code})`);
  }

  private finish(request: EtcdRequest, outcome: Outcome, answer?: Buffer): void {
    if (this.open.delete(request)) request.finish(outcome, answer);
  }

  /** Deadlines are in order but for a few, which then are seen a little later. */
  private lookAtDeadlines(): void {
    const nowMs = performance.now();
    for (const request of this.open) {
      if (request.deadlineMs > nowMs) break;
      if (request.isSent && request.sentMs > this.heardMs) this.leave();
      this.finish(request, 'timeout');
    }
  }

  /** A member that says nothing at all for as long as a request may take is left for another. */
  private leave(): void {
    const { connection } = this;
    if (connection === undefined) return;
    this.counters.stalls++;
    this.connection = undefined;
    connection.close();
  }

  private async askMembers(wantsKeys = false): Promise<ServerStatus[]> {
    for (const timeoutMs of [STATUS_TIMEOUT_MS, STATUS_TIMEOUT_MS_MAX]) {
      const asked = await Promise.allSettled(this.members.map((member) => statusOf(member, timeoutMs, wantsKeys)));
      const statuses = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      if (statuses.length > 0 || this.isClosed) return statuses;
      const [first] = asked as PromiseRejectedResult[];
      this.lastFailure = `${this.members[0]!.address}: ${grpcReason(first!.reason as ServiceError)}`;
    }
    return [];
  }

  statuses(): Promise<ServerStatus[]> {
    return this.askMembers(this.options.isOwn);
  }

  async beginStages(): Promise<void> {}

  /** etcd has figures of its own of where its time goes, but not of single requests. */
  async endStages(): Promise<ReadonlyMap<number, StagesRecord>> {
    return new Map();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.watch);
    clearTimeout(this.pause);
    this.connection?.close();
    for (const member of this.members) member.close();
    for (const request of this.open) this.finish(request, 'closed');
  }
}

/** One request until its result. */
class EtcdRequest implements CallOwner {
  readonly path: string;
  readonly message: Buffer;
  readonly deadlineMs: number;
  /** May have reached a member. */
  isSent = false;
  sentMs = 0;
  private readonly client: EtcdClient;
  private readonly done: (outcome: Outcome, answer?: Buffer) => void;

  constructor(
    client: EtcdClient,
    path: string,
    message: Buffer,
    deadlineMs: number,
    done: (outcome: Outcome, answer?: Buffer) => void,
  ) {
    this.client = client;
    this.path = path;
    this.message = message;
    this.deadlineMs = deadlineMs;
    this.done = done;
  }

  left(): void {
    this.isSent = true;
  }

  finished(answer: Buffer | undefined, refusal: CallRefusal | undefined): void {
    if (answer === undefined) this.client.refused(this, refusal);
    else this.client.answered(this, answer);
  }

  finish(outcome: Outcome, answer?: Buffer): void {
    this.done(outcome, answer);
  }
}

async function statusOf(member: EtcdMember, timeoutMs: number, wantsKeys: boolean): Promise<ServerStatus> {
  const status = await member.status(timeoutMs);
  return wantsKeys ? { ...status, keys: await member.keys(timeoutMs) } : status;
}
