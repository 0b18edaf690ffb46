import { Backoff } from '../net/endpoints/backoff.ts';
import { NO_SECURITY, type Security } from '../net/endpoints/security.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../wire/command.ts';
import type {
  ListClientsResponse,
  MeasureStagesResponse,
  SnapshotPiece,
  StatusResponse,
} from '../wire/generated/admin.ts';
import { ReconfStatus } from '../wire/generated/rkv.ts';
import { CLIENT_PENDING_MAX, STAGES_LAST_MS_MAX } from '../wire/limits.ts';
import { mayAskAgain } from '../wire/requestRefusal.ts';
import { parseAddress } from './addresses.ts';
import { ClientSession } from './clientSession.ts';
import { type ClientEnvironment, systemEnvironment } from './environment.ts';
import {
  AddressError,
  ClientClosedError,
  RefusedError,
  RequestAbortedError,
  RequestTimeoutError,
  RkvError,
  ServerUnreachableError,
  TooManyPendingError,
  UnsupportedError,
} from './errors.ts';
import { grpcTransport } from './grpcTransport.ts';
import { type ChannelCounters, LeaderChannel } from './leaderChannel.ts';
import { checkMs, checkWhole, TIMER_MS_MAX } from './numbers.ts';
import type { CommandListener, PendingCommand } from './pendingCommand.ts';
import { type Effect, REQUEST_TIMEOUT_MS, type RequestOptions, requestResult } from './request.ts';
import type { LeaderWord, Reconfiguration, Transport } from './transport.ts';
import { encodeText } from './wellFormed.ts';

export interface RkvClientOptions {
  /** `host:port` of the servers, in the order of their ids where that is known. */
  readonly addresses: readonly string[];
  /** Default 'stream'. */
  readonly rpc?: 'stream' | 'unary';
  /** Default for every request: 10 s. */
  readonly timeoutMs?: number;
  /** Pauses between attempts: default 1 ms doubling to 1 s. */
  readonly backoffMinMs?: number;
  readonly backoffMaxMs?: number;
  /**
   * A server that answers nothing for so long is left for another; default 2 s. One that is busy may say nothing for 500 ms: whoever leaves
   * it sooner than after twice that asks for everything again all the time.
   */
  readonly stallTimeoutMs?: number;
  /** Largest command sent, where a server takes larger ones: each tells what it takes (by its `-maxvalue`, 8 MiB by default). */
  readonly commandBytesMax?: number;
  /** Told once, for people: what this client does without, because a server is older than it is. */
  readonly onNotice?: (text: string) => void;
  /** Of its connections; default: none. */
  readonly security?: Security;
  readonly environment?: ClientEnvironment;
  readonly transport?: Transport;
}

/** Of a client's options those that say which servers it speaks to, and as whom. */
export type ReachedServers = Pick<RkvClientOptions, 'addresses' | 'security'>;

const STALL_TIMEOUT_MS = 2000;
const RECONFIGURE_ATTEMPT_MS_MAX = 30_000;
/** How long one server may take to answer about itself, and how long where nobody does: they may be farther away than that. */
const STATUS_TIMEOUT_MS = 2000;
const STATUS_TIMEOUT_MS_MAX = 10_000;
/** What servers may look longer than what they look at is planned to last: it may come to its end late. */
const STAGES_SPARE_MS = 60_000;

/** What one server said about itself, or why it did not. */
export type ServerReport =
  | { readonly address: string; readonly status: StatusResponse }
  | { readonly address: string; readonly error: Error };

/** What one server says of its time since it was asked before, or why it does not. */
export type StageReport =
  | { readonly address: string; readonly stages: MeasureStagesResponse }
  | { readonly address: string; readonly error: Error };

/** Who is connected to one server, or why it does not tell. */
export type ClientsReport =
  | { readonly address: string; readonly told: ListClientsResponse }
  | { readonly address: string; readonly error: Error };

/** What each of them answers, or why it does not, in their order. Does not reject. */
function askEach<T extends object>(
  addresses: readonly string[],
  ask: (address: string) => Promise<T>,
): Promise<(({ readonly address: string } & T) | { readonly address: string; readonly error: Error })[]> {
  return Promise.all(
    addresses.map((address) =>
      ask(address).then(
        (answer) => ({ address, ...answer }),
        (error: Error) => ({ address, error }),
      ),
    ),
  );
}

/** Whether the server answered, though it has no status to give. */
export function isOlder(report: ServerReport): boolean {
  return 'error' in report && report.error instanceof UnsupportedError;
}

function wasLate(report: ServerReport): boolean {
  return 'error' in report && report.error instanceof ServerUnreachableError && report.error.isLate;
}

/** The report of the server that says that it leads; of two that do, of the one in the later term. */
export function leadingReport(
  reports: readonly ServerReport[],
): { readonly address: string; readonly status: StatusResponse } | undefined {
  let found: { address: string; status: StatusResponse } | undefined;
  for (const report of reports) {
    if (!('status' in report) || report.status.role !== 'leader') continue;
    if (found === undefined || report.status.term > found.status.term) found = report;
  }
  return found;
}

/**
 * A client of the cluster. It finds the leader by itself, keeps one stream to it for all its sessions, and sends again
 * what may not have arrived. An open stream keeps the process alive: call `close`.
 */
export class RkvClient {
  private readonly addresses: readonly string[];
  private readonly transport: Transport;
  private readonly environment: ClientEnvironment;
  private readonly channel: LeaderChannel;
  private readonly defaults: { readonly timeoutMs: number };
  private readonly newBackoff: () => Backoff;
  private closed = false;

  /** Throws AddressError or InvalidNumberError. Connects with the first request. */
  constructor(options: RkvClientOptions) {
    const { timeoutMs, backoffMinMs: leastMs, backoffMaxMs: mostMs, stallTimeoutMs, commandBytesMax } = options;
    checkMs('timeoutMs', timeoutMs);
    checkMs('backoffMinMs', leastMs, TIMER_MS_MAX);
    checkMs('backoffMaxMs', mostMs, TIMER_MS_MAX);
    checkMs('stallTimeoutMs', stallTimeoutMs);
    if (commandBytesMax !== undefined && commandBytesMax !== Number.POSITIVE_INFINITY) {
      checkWhole('commandBytesMax', commandBytesMax, 1);
    }
    if (options.addresses.length === 0) throw new AddressError('no server address given');
    this.addresses = options.addresses.map(parseAddress);
    this.environment = options.environment ?? systemEnvironment;
    this.transport =
      options.transport ??
      grpcTransport({
        rpc: options.rpc ?? 'stream',
        environment: this.environment,
        ...(options.onNotice === undefined ? {} : { notice: options.onNotice }),
        security: options.security ?? NO_SECURITY,
      });
    this.defaults = { timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS };
    const backoffMinMs = options.backoffMinMs ?? 1;
    const backoffMaxMs = options.backoffMaxMs ?? 1000;
    this.newBackoff = () => new Backoff(backoffMinMs, backoffMaxMs, this.environment.random);
    this.channel = new LeaderChannel({
      addresses: this.addresses,
      transport: this.transport,
      environment: this.environment,
      backoffMinMs,
      backoffMaxMs,
      stallTimeoutMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
      commandBytesMax: options.commandBytesMax ?? Number.POSITIVE_INFINITY,
    });
  }

  /** What was mended by retries so far. */
  get counters(): Readonly<ChannelCounters> {
    return this.channel.counters;
  }

  /** Requests without an answer. */
  get pending(): number {
    return this.channel.pending;
  }

  /** The server that carried out the last command, where it is still thought to lead. */
  get leaderAddress(): string | undefined {
    return this.channel.leaderAddress;
  }

  /** Registers a session. */
  async openSession(options: RequestOptions = {}): Promise<ClientSession> {
    const { clientId } = await this.request(REGISTER_BYTES, 'reads', options);
    return new ClientSession(clientId, this.channel, this.defaults);
  }

  /** A linearizable read; undefined where the key is not there. */
  async lookup(key: string, options: RequestOptions = {}): Promise<string | undefined> {
    encodeText(key, 'key');
    const { value } = await this.request(encodeCommand({ type: CommandType.Lookup, key }), 'reads', options);
    return value;
  }

  /** As `lookup`, without a promise, for load. `deadlineMs` by the client's environment. */
  submitLookup(key: string, listener: CommandListener, tag: number, deadlineMs: number): PendingCommand {
    return this.channel.submit(encodeCommand({ type: CommandType.Lookup, key }), listener, tag, deadlineMs);
  }

  /** What a server says about itself. Rejects with ServerUnreachableError, or UnsupportedError where it cannot tell. */
  async status(address: string, options: RequestOptions = {}): Promise<StatusResponse> {
    checkMs('timeoutMs', options.timeoutMs);
    return this.transport.status(parseAddress(address), options.timeoutMs ?? STATUS_TIMEOUT_MS);
  }

  /**
   * The status of each of the servers, or why there is none; by default of all of this client's, in the order of their addresses. Where
   * `timeoutMs` is not given and none of them answers in its time, they are asked once more and given longer.
   */
  async statuses(options: RequestOptions = {}, addresses = this.addresses): Promise<ServerReport[]> {
    const reports = await this.askStatuses(options, addresses);
    const isAway = options.timeoutMs === undefined && reports.length > 0 && reports.every(wasLate);
    return isAway ? this.askStatuses({ ...options, timeoutMs: STATUS_TIMEOUT_MS_MAX }, addresses) : reports;
  }

  private askStatuses(options: RequestOptions, addresses: readonly string[]): Promise<ServerReport[]> {
    return askEach(addresses, async (address) => ({ status: await this.status(address, options) }));
  }

  /** Has every server look where its time goes while something lasts about so long: `measureStages(0)` tells then. */
  beginStages(durationMs: number): Promise<StageReport[]> {
    return this.measureStages(Math.min(STAGES_LAST_MS_MAX, durationMs + STAGES_SPARE_MS));
  }

  /**
   * Where the time of each server went since it was asked before, as far as it looked; from now on it looks for `lastsMs`, at most an
   * hour, or with 0 no more.
   */
  measureStages(lastsMs: number, options: RequestOptions = {}): Promise<StageReport[]> {
    checkWhole('lastsMs', lastsMs, 0);
    checkMs('timeoutMs', options.timeoutMs);
    const timeoutMs = options.timeoutMs ?? STATUS_TIMEOUT_MS;
    return askEach(this.addresses, async (address) => ({
      stages: await this.transport.measureStages(parseAddress(address), lastsMs, timeoutMs),
    }));
  }

  /** Who is connected to each server, at most so many by name. Where there is TLS only operators are told. */
  connectedClients(most: number, options: RequestOptions = {}): Promise<ClientsReport[]> {
    checkWhole('most', most, 1);
    checkMs('timeoutMs', options.timeoutMs);
    const timeoutMs = options.timeoutMs ?? STATUS_TIMEOUT_MS;
    return askEach(this.addresses, async (address) => ({
      told: await this.transport.listClients(parseAddress(address), most, timeoutMs),
    }));
  }

  /**
   * Who leads by the word of a server that has no status to give (`UnsupportedError`). The only way to find out is to have
   * a session registered, as every client does: where the server leads, its log grows by an entry. Rejects with
   * ServerUnreachableError or RefusedError.
   */
  async whoLeads(address: string, options: RequestOptions = {}): Promise<LeaderWord> {
    checkMs('timeoutMs', options.timeoutMs);
    return this.transport.whoLeads(parseAddress(address), options.timeoutMs ?? STATUS_TIMEOUT_MS);
  }

  /** The status of the server that leads, by what the servers say of themselves; of two, the one of the later term. */
  async leader(options: RequestOptions = {}): Promise<{ address: string; status: StatusResponse } | undefined> {
    return leadingReport(await this.statuses(options));
  }

  /** As `leader`, where it is: also where only a server leads that does not say so. */
  private async findLeader(timeoutMs: number): Promise<string | undefined> {
    const reports = await this.statuses({ timeoutMs });
    const leader = leadingReport(reports);
    if (leader !== undefined) return leader.address;
    for (const report of reports.filter(isOlder)) {
      const word = await this.whoLeads(report.address, { timeoutMs }).catch(() => undefined);
      if (word?.leads) return report.address;
    }
    return undefined;
  }

  /**
   * Adds or removes a server and resolves once that is committed. Tries again until the time is up, unless it is refused: then it
   * rejects with RefusedError, which says what is missing.
   */
  async reconfigure(change: Reconfiguration, options: RequestOptions = {}): Promise<void> {
    checkWhole('the id of the server', change.serverId, 1);
    await this.onLeader(options, async (address, timeoutMs) => {
      // A server that waits to lead again is not asked for ever: by then another may lead.
      const attemptMs = Math.min(timeoutMs, RECONFIGURE_ATTEMPT_MS_MAX);
      const response = await this.transport.reconfigure(address, change, attemptMs);
      if (response.status === ReconfStatus.OK) return 'done';
      if (response.status === ReconfStatus.TIMEOUT) {
        if (response.detail !== '' && !change.waitForLeadership) throw new RefusedError(response.detail);
        return response.detail || `${address} did not get it committed in its time`;
      }
      return `${address} is not the leader`;
    });
  }

  /**
   * Hands leadership to a server; `to` 0 for the most up-to-date voter that answers. The leader is asked once: rejects with
   * RefusedError where it refuses or the target does not take over, with ServerUnreachableError where no answer came.
   */
  async transferLeadership(to: number, options: RequestOptions = {}): Promise<void> {
    checkWhole('the id of the server that is to lead (0: any)', to, 0);
    const transfer = async (address: string, timeoutMs: number): Promise<'done'> => {
      await this.transport.transferLeadership(address, to, timeoutMs);
      return 'done';
    };
    // Whoever is not the leader has not tried.
    await this.onLeader(options, transfer, (error) => error instanceof RefusedError && error.reason === 'not-leader');
  }

  /**
   * The leader's state as it is at some moment after this call, in pieces (wire/snapshotPieces.ts), each of which is waited for; `take` is told whose they are. Once the
   * first has come nothing is tried again. `timeoutMs` is how long a leader is looked for, and how long it may take to the next piece. Rejects with
   * what `take` rejects with, too.
   */
  async saveSnapshot(
    take: (piece: SnapshotPiece, address: string) => Promise<void>,
    options: RequestOptions = {},
  ): Promise<void> {
    const { signal } = options;
    let hasBegun = false;
    const save = async (address: string, timeoutMs: number): Promise<'done'> => {
      const begin = (piece: SnapshotPiece) => {
        hasBegun = true;
        return take(piece, address);
      };
      await this.transport.saveSnapshot(address, begin, timeoutMs, signal).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error;
        throw new RequestAbortedError('the request was aborted', false, { cause: signal.reason });
      });
      return 'done';
    };
    const mayRetry = (error: RkvError) =>
      !hasBegun && (!(error instanceof RefusedError) || mayAskAgain(error.reason)) && signal?.aborted !== true;
    await this.onLeader(options, save, mayRetry);
  }

  /** Ends everything; requests under way reject with ClientClosedError. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.channel.close();
    this.transport.close();
  }

  private request(cmd: Uint8Array, effect: Effect, options: RequestOptions) {
    if (this.channel.pending >= CLIENT_PENDING_MAX) {
      throw new TooManyPendingError(`${this.channel.pending} requests have no answer, as many as may`);
    }
    return requestResult(this.channel, cmd, effect, { ...this.defaults, ...options });
  }

  /** Makes an unary call to the leader, with pauses between attempts; `call` says what went wrong where it may be tried again. */
  private async onLeader(
    { timeoutMs = this.defaults.timeoutMs, signal }: RequestOptions,
    call: (address: string, timeoutMs: number) => Promise<'done' | string>,
    mayRetry = (error: RkvError) => !(error instanceof RefusedError) || mayAskAgain(error.reason),
  ): Promise<void> {
    checkMs('timeoutMs', timeoutMs);
    const deadlineMs = this.environment.nowMs() + timeoutMs;
    const backoff = this.newBackoff();
    let failure = 'no server says that it leads';
    let statusMs = STATUS_TIMEOUT_MS;
    let maybeDone = false;
    for (;;) {
      const leftMs = deadlineMs - this.environment.nowMs();
      if (leftMs <= 0) throw new RequestTimeoutError(`not done within ${timeoutMs} ms (${failure})`, maybeDone);
      if (signal?.aborted)
        throw new RequestAbortedError('the request was aborted', maybeDone, { cause: signal.reason });
      if (this.closed) throw new ClientClosedError('the client was closed', maybeDone);
      const leader = await this.findLeader(Math.min(leftMs, statusMs));
      if (leader !== undefined) {
        try {
          const outcome = await call(leader, Math.max(1, deadlineMs - this.environment.nowMs()));
          if (outcome === 'done') return;
          failure = outcome;
        } catch (error) {
          if (!(error instanceof RkvError) || error instanceof UnsupportedError || !mayRetry(error)) throw error;
          failure = error.message;
        }
        maybeDone = true;
      } else statusMs = Math.min(2 * statusMs, STATUS_TIMEOUT_MS_MAX);
      await this.pause(backoff.nextMs(), signal);
    }
  }

  private pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.environment.after(delayMs, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      const stop = () => {
        cancel();
        resolve();
      };
      signal?.addEventListener('abort', stop, { once: true });
    });
  }
}
