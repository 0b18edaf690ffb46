import { setMaxListeners } from 'node:events';
import { SESSION_PENDING_MAX } from '../../wire/limits.ts';
import { type ClientEnvironment, systemEnvironment } from '../environment.ts';
import type { CommandStatus } from '../pendingCommand.ts';
import type { RequestOptions } from '../request.ts';
import type { Workload } from './workload.ts';

/**
 * Load on a cluster, as `rkvctl` and `rkv-bench` make it:
 *
 *     const client = new RkvClient({ addresses });
 *     const sessions = await openSessions(client, 200);
 *     const recorder = new LatencyRecorder();
 *     const summary = await runLoad({
 *       client, sessions, workload: zipfWorkload({ … }), pace: { kind: 'closed' },
 *       durationMs: 10_000, sinks: [recorder],
 *     });
 *
 * Run it again with the same sessions and another recorder after a warm-up.
 */
export interface LoadOptions {
  readonly client: LoadClient;
  /** One for each simulated client. */
  readonly sessions: readonly LoadSession[];
  readonly workload: Workload;
  readonly pace: Pace;
  /** Fraction of lookups; default 0. */
  readonly reads?: number;
  /** Issue requests for so long. */
  readonly durationMs?: number;
  /** Issue so many requests per client. Without duration and count: until the signal. */
  readonly count?: number;
  /** For each request, from when it was due; default 10 s. */
  readonly timeoutMs?: number;
  /** Open loop: unanswered requests at once; those that become due above it are dropped and counted. Default IN_FLIGHT_MAX. */
  readonly inFlightMax?: number;
  readonly sinks: readonly LoadSink[];
  /** Stops issuing; requests under way are still waited for, until their timeout. */
  readonly signal?: AbortSignal;
  /** The client's. */
  readonly environment?: ClientEnvironment;
}

/** As much of a client as load needs; `RkvClient` is one. The listener hears the result of each request under its tag, once. */
export interface LoadClient<S extends LoadSession = LoadSession> {
  openSession(options?: RequestOptions): Promise<S>;
  submitLookup(key: string, listener: LoadListener, tag: number, deadlineMs: number): void;
}

/** Key and value are not kept: they may be other ones after the call. */
export interface LoadSession {
  submitInsert(key: Uint8Array, value: Uint8Array, listener: LoadListener, tag: number, deadlineMs: number): void;
}

export interface LoadListener {
  commandDone(tag: number, result: { readonly status: 'ok' | FailureKind }): void;
}

/**
 * Closed: each client sends its next request when the last is answered. Open: each client sends at a steady rate
 * whatever the answers do, and a request's time counts from when it was due, so that a stall is seen in full.
 */
export type Pace = { readonly kind: 'closed' } | { readonly kind: 'open'; readonly ratePerClient: number };

/** Receives what happens, in order of time; times are the environment's ms. Must not throw. */
export interface LoadSink {
  /** Requests are issued from now on. */
  started?(nowMs: number): void;
  /**
   * About to be sent, `lateMs` after it was due (open loop); `slot` is this request's alone until it completes or fails. `Workload.nextValue`
   * comes after this.
   */
  issued?(slot: number, read: boolean, key: number, lateMs: number): void;
  /**
   * `fromMs`: when the request was due (open loop) or sent (closed loop). `turnMs`: when it was sent, or when the answer before on its session
   * came, whichever was later.
   */
  completed(read: boolean, fromMs: number, endMs: number, slot: number, turnMs: number): void;
  failed(read: boolean, kind: FailureKind, fromMs: number, endMs: number, slot: number): void;
  /** Requests that were due but not sent, because too many were unanswered. */
  dropped(count: number, nowMs: number): void;
}

/** `lost`: the server, or the way to it, went before the answer came, and to ask again could carry it out twice. */
export type FailureKind = Exclude<CommandStatus, 'ok'> | 'lost';

export interface LoadSummary {
  readonly startedMs: number;
  /** No request was issued after that. */
  readonly issuedUntilMs: number;
  /** The last request was answered or given up. */
  readonly endedMs: number;
  readonly issued: number;
  readonly completed: number;
  readonly failed: number;
  readonly dropped: number;
  /** Open loop: the furthest that issuing lagged behind the schedule, ms; it is part of the latencies. */
  readonly lagMsMax: number;
}

/** As many as the original's client keeps in flight. */
export const IN_FLIGHT_MAX = 50_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often the open loop looks for requests that are due. */
const PACE_INTERVAL_MS = 1;
/** Of a product of a rate and a time, in requests. */
const ROUNDING = 1e-6;
const SESSIONS_AT_ONCE_MAX = 256;

/** Registers the sessions of `count` clients. Rejects as the client's openSession does. */
export async function openSessions<S extends LoadSession>(
  client: LoadClient<S>,
  count: number,
  options: RequestOptions = {},
): Promise<S[]> {
  const sessions: S[] = [];
  // One listener for each session under way is no leak.
  if (options.signal !== undefined) setMaxListeners(SESSIONS_AT_ONCE_MAX + 16, options.signal);
  while (sessions.length < count) {
    const size = Math.min(SESSIONS_AT_ONCE_MAX, count - sessions.length);
    sessions.push(...(await Promise.all(Array.from({ length: size }, () => client.openSession(options)))));
  }
  return sessions;
}

/** Runs to its end and resolves; failed requests do not reject it, they are told to the sinks. */
export function runLoad(options: LoadOptions): Promise<LoadSummary> {
  return new Promise((resolve, reject) => {
    if (options.sessions.length === 0) throw new RangeError('load needs at least one session');
    new LoadRun(options, resolve, reject).start();
  });
}

/** Requests live in slots of typed arrays: one costs no object here. A request's tag is its slot. */
class LoadRun implements LoadListener {
  private readonly options: LoadOptions;
  private readonly resolve: (summary: LoadSummary) => void;
  private readonly reject: (error: unknown) => void;
  private readonly environment: ClientEnvironment;
  private readonly sessions: LoadSession[];
  private readonly timeoutMs: number;
  private readonly reads: number;
  private readonly countMax: number;
  private readonly slotClient: Int32Array;
  private readonly slotRead: Uint8Array;
  private readonly slotKey: Float64Array;
  /** Its key is being looked up before it is inserted. */
  private readonly slotReadsFirst: Uint8Array;
  private readonly slotDeadlineMs: Float64Array;
  private readonly slotFromMs: Float64Array;
  private readonly slotSentMs: Float64Array;
  private readonly freeSlots: Int32Array;
  private freeCount: number;
  private readonly clientIssued: Float64Array;
  private readonly clientPending: Int32Array;
  private readonly clientAnsweredMs: Float64Array;
  /** Clients whose session the servers forgot, until they have another. */
  private readonly clientParked: Uint8Array;
  private startedMs = 0;
  private issuedUntilMs = 0;
  private lagMsMax = 0;
  private issued = 0;
  private completed = 0;
  private failed = 0;
  private dropped = 0;
  /** Open loop: number of the next request in the schedule of all clients together. */
  private scheduled = 0;
  private reopening = 0;
  private issuing = true;
  private cancelTimer: (() => void) | null = null;
  private readonly stop = () => this.stopIssuing();

  constructor(options: LoadOptions, resolve: (summary: LoadSummary) => void, reject: (error: unknown) => void) {
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.environment = options.environment ?? systemEnvironment;
    this.sessions = [...options.sessions];
    this.timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    this.reads = options.reads ?? 0;
    this.countMax = options.count ?? Number.POSITIVE_INFINITY;
    const clients = this.sessions.length;
    const slots = options.pace.kind === 'closed' ? clients : (options.inFlightMax ?? IN_FLIGHT_MAX);
    this.slotClient = new Int32Array(slots);
    this.slotRead = new Uint8Array(slots);
    this.slotKey = new Float64Array(slots);
    this.slotReadsFirst = new Uint8Array(slots);
    this.slotDeadlineMs = new Float64Array(slots);
    this.slotFromMs = new Float64Array(slots);
    this.slotSentMs = new Float64Array(slots);
    this.freeSlots = Int32Array.from({ length: slots }, (_, at) => slots - 1 - at);
    this.freeCount = slots;
    this.clientIssued = new Float64Array(clients);
    this.clientPending = new Int32Array(clients);
    this.clientAnsweredMs = new Float64Array(clients);
    this.clientParked = new Uint8Array(clients);
  }

  start(): void {
    const { signal, durationMs, pace, sinks } = this.options;
    this.startedMs = this.environment.nowMs();
    for (const sink of sinks) sink.started?.(this.startedMs);
    if (signal?.aborted || this.countMax <= 0) {
      this.stopIssuing();
      return;
    }
    signal?.addEventListener('abort', this.stop, { once: true });
    if (pace.kind === 'open') {
      this.issueDue(pace.ratePerClient * this.sessions.length);
      return;
    }
    if (durationMs !== undefined) this.cancelTimer = this.environment.after(durationMs, this.stop);
    for (let client = 0; client < this.sessions.length; client++) this.issue(client, this.startedMs, this.startedMs);
  }

  commandDone(slot: number, result: { readonly status: 'ok' | FailureKind }): void {
    if (this.slotReadsFirst[slot] === 1) {
      this.slotReadsFirst[slot] = 0;
      if (result.status === 'ok') {
        this.submitInsert(slot);
        return;
      }
    }
    const nowMs = this.environment.nowMs();
    const client = this.slotClient[slot]!;
    const read = this.slotRead[slot] === 1;
    const fromMs = this.slotFromMs[slot]!;
    const turnMs = Math.max(this.slotSentMs[slot]!, this.clientAnsweredMs[client]!);
    this.clientAnsweredMs[client] = nowMs;
    this.freeSlots[this.freeCount++] = slot;
    this.clientPending[client]!--;
    if (!read) this.options.workload.inserted?.(this.slotKey[slot]!);
    if (result.status === 'ok') {
      this.completed++;
      for (const sink of this.options.sinks) sink.completed(read, fromMs, nowMs, slot, turnMs);
    } else {
      this.failed++;
      for (const sink of this.options.sinks) sink.failed(read, result.status, fromMs, nowMs, slot);
      if (result.status === 'unknown-session') this.reopen(client);
      if (result.status === 'closed') this.stopIssuing();
    }
    if (this.issuing && this.options.pace.kind === 'closed') this.continueClosed(client, nowMs);
    if (!this.issuing) this.endWhenAnswered();
  }

  private continueClosed(client: number, nowMs: number): void {
    if (this.clientParked[client] === 1) return;
    if (this.clientIssued[client]! < this.countMax) this.issue(client, nowMs, nowMs);
    else if (this.issued >= this.countMax * this.sessions.length) this.stopIssuing();
  }

  /** All clients' schedules interleaved evenly are one schedule: request n is due n / rate after the start, for client n modulo clients. */
  private issueDue(ratePerSecond: number): void {
    this.cancelTimer = null;
    if (!this.issuing) return;
    const { durationMs = Number.POSITIVE_INFINITY } = this.options;
    const clients = this.sessions.length;
    const nowMs = this.environment.nowMs();
    const untilMs = Math.min(nowMs - this.startedMs, durationMs);
    // What would be due just when the time is up is not sent any more.
    const inTime = Math.ceil((durationMs / 1000) * ratePerSecond - ROUNDING);
    const due = Math.min(Math.floor((untilMs / 1000) * ratePerSecond) + 1, inTime, this.countMax * clients);
    let dropped = 0;
    if (this.scheduled < due) {
      const lagMs = nowMs - (this.startedMs + (this.scheduled / ratePerSecond) * 1000);
      if (lagMs > this.lagMsMax) this.lagMsMax = lagMs;
    }
    for (; this.scheduled < due; this.scheduled++) {
      const client = this.scheduled % clients;
      const dueMs = this.startedMs + (this.scheduled / ratePerSecond) * 1000;
      if (
        this.freeCount === 0 ||
        this.clientPending[client]! >= SESSION_PENDING_MAX ||
        this.clientParked[client] === 1
      ) {
        dropped++;
      } else this.issue(client, dueMs, nowMs);
    }
    if (dropped > 0) {
      this.dropped += dropped;
      for (const sink of this.options.sinks) sink.dropped(dropped, nowMs);
    }
    if (untilMs >= durationMs || this.scheduled >= this.countMax * clients) this.stopIssuing();
    else this.cancelTimer = this.environment.after(PACE_INTERVAL_MS, () => this.issueDue(ratePerSecond));
  }

  private issue(client: number, fromMs: number, sentMs: number): void {
    const { workload } = this.options;
    const slot = this.freeSlots[--this.freeCount]!;
    const read = this.reads > 0 && workload.random() < this.reads;
    this.slotClient[slot] = client;
    this.slotRead[slot] = read ? 1 : 0;
    this.slotFromMs[slot] = fromMs;
    this.slotSentMs[slot] = sentMs;
    this.clientIssued[client]!++;
    this.clientPending[client]!++;
    this.issued++;
    const deadlineMs = fromMs + this.timeoutMs;
    const key = workload.nextKey(read);
    this.slotKey[slot] = key;
    this.slotDeadlineMs[slot] = deadlineMs;
    for (const sink of this.options.sinks) sink.issued?.(slot, read, key, sentMs - fromMs);
    const readsFirst = !read && workload.readsFirst === true;
    if (readsFirst) this.slotReadsFirst[slot] = 1;
    if (read || readsFirst) this.options.client.submitLookup(workload.keyText(key), this, slot, deadlineMs);
    else this.submitInsert(slot);
  }

  private submitInsert(slot: number): void {
    const { workload } = this.options;
    const session = this.sessions[this.slotClient[slot]!]!;
    const key = workload.keyBytes(this.slotKey[slot]!);
    session.submitInsert(key, workload.nextValue(slot), this, slot, this.slotDeadlineMs[slot]!);
  }

  /** The failure is counted like any other; going on under the lost session would only repeat it. */
  private reopen(client: number): void {
    if (this.clientParked[client] === 1) return;
    this.clientParked[client] = 1;
    this.reopening++;
    this.options.client.openSession({ timeoutMs: this.timeoutMs }).then(
      (session) => {
        this.reopening--;
        this.sessions[client] = session;
        this.clientParked[client] = 0;
        if (this.issuing && this.options.pace.kind === 'closed') this.continueClosed(client, this.environment.nowMs());
        if (!this.issuing) this.endWhenAnswered();
      },
      (error: unknown) => {
        this.reopening--;
        this.stopIssuing();
        this.reject(error);
      },
    );
  }

  private stopIssuing(): void {
    if (!this.issuing) return;
    this.issuing = false;
    this.cancelTimer?.();
    this.options.signal?.removeEventListener('abort', this.stop);
    this.issuedUntilMs = this.environment.nowMs();
    this.endWhenAnswered();
  }

  private endWhenAnswered(): void {
    if (this.freeCount < this.freeSlots.length || this.reopening > 0) return;
    const { startedMs, issuedUntilMs, issued, completed, failed, dropped, lagMsMax } = this;
    const endedMs = this.environment.nowMs();
    this.resolve({ startedMs, issuedUntilMs, endedMs, issued, completed, failed, dropped, lagMsMax });
  }
}
