import type { HistoryRecorder } from '../checker/history.ts';
import type { KeyValueInput, KeyValueOutput } from '../checker/models/keyValue.ts';
import type { NodeId } from '../consensus/contract.ts';
import type { CommandOutcome, LookupOutcome } from '../server/host/replica.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../wire/command.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { TimelineEvent } from './timeline.ts';
import { InvariantViolation } from './violation.ts';
import type { ClientCall } from './virtualLife.ts';
import type { VirtualServer } from './virtualServer.ts';

export type Recorder = HistoryRecorder<KeyValueInput, KeyValueOutput>;

/** What a client wants done, over as many attempts as it takes. */
interface Operation {
  /** In the recorded history; undefined for the registration. */
  readonly historyId: number | undefined;
  readonly name: string;
  readonly key: string;
  /** undefined: a lookup. */
  readonly command: Uint8Array | undefined;
  readonly clientSeq: number;
  readonly beganUs: number;
  attempt: number;
  /** An attempt may have taken effect, or may yet, without an answer. */
  isUncertain: boolean;
  isDone: boolean;
  timer: TimelineEvent | undefined;
}

/**
 * One client session: it registers, then keeps up to a window of puts and gets in flight, retries them at other servers
 * under the same sequence number, and gives up when its patience ends. It records each outcome as ok, failed or unknown.
 */
export class VirtualClient {
  /** Operations that ended, in any way. */
  finished = 0;
  succeeded = 0;
  readonly #endpoint: number;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #servers: readonly VirtualServer[];
  readonly #history: Recorder;
  #target: NodeId;
  /** 0 until it is registered. */
  #sessionId = 0;
  #nextSeq = 1;
  #inFlight = 0;
  #isIdle = false;
  #isPatient = false;

  constructor(endpoint: number, around: Surroundings, servers: readonly VirtualServer[], history: Recorder) {
    this.#endpoint = endpoint;
    this.#around = around;
    this.#random = around.random.fork(`client ${endpoint}`);
    this.#servers = servers;
    this.#history = history;
    this.#target = this.#random.pick(servers).id;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  start(): void {
    this.#begin({ historyId: undefined, name: 'register', key: '', command: REGISTER_BYTES, clientSeq: 0 });
  }

  /** From now on it never gives up: the cluster must serve. */
  bePatient(): void {
    this.#isPatient = true;
  }

  /** Begins nothing more. */
  rest(): void {
    this.#isIdle = true;
  }

  #think(): void {
    this.#around.timeline.after(this.#random.exponential(this.#around.plan.clients.thinkMeanUs), () => {
      if (this.#isIdle) return;
      if (this.#inFlight < this.#around.plan.clients.windowMax) this.#next();
      this.#think();
    });
  }

  #next(): void {
    const { clients } = this.#around.plan;
    const key = `k${this.#random.int(clients.keyCount)}`;
    const nowUs = this.#around.timeline.nowUs;
    if (this.#random.chance(clients.readFraction)) {
      const historyId = this.#history.invoke(this.#endpoint, key, { kind: 'get' }, nowUs);
      this.#begin({ historyId, name: `get ${key}`, key, command: undefined, clientSeq: 0 });
      return;
    }
    const clientSeq = this.#nextSeq++;
    const value = `${this.#endpoint}.${clientSeq}`;
    const historyId = this.#history.invoke(this.#endpoint, key, { kind: 'put', value }, nowUs);
    const clientId = this.#sessionId;
    const command = encodeCommand({ type: CommandType.Insert, clientId, clientSeq, key, value });
    this.#begin({ historyId, name: `put ${key} ${value}`, key, command, clientSeq });
  }

  #begin(what: Pick<Operation, 'historyId' | 'name' | 'key' | 'command' | 'clientSeq'>): void {
    const { historyId, name, key, command, clientSeq } = what;
    const beganUs = this.#around.timeline.nowUs;
    this.#inFlight++;
    this.#attempt({
      historyId,
      name,
      key,
      command,
      clientSeq,
      beganUs,
      attempt: 0,
      isUncertain: false,
      isDone: false,
      timer: undefined,
    });
  }

  // --- attempts ---

  #attempt(operation: Operation): void {
    const { network, timeline, census, plan } = this.#around;
    const attempt = ++operation.attempt;
    if (attempt > 1) census.count('client retried');
    const server = this.#servers[this.#target - 1]!;
    this.#note('ask', () => `server ${server.id}: ${operation.name}`);
    const call: ClientCall = {
      from: this.#endpoint,
      command: operation.command,
      key: operation.key,
      clientId: operation.historyId === undefined ? 0 : this.#sessionId,
      clientSeq: operation.clientSeq,
      commandDone: (outcome) => this.#commandDone(operation, attempt, outcome),
      lookupDone: (outcome) => this.#lookupDone(operation, attempt, outcome),
    };
    const copies = network.send(this.#endpoint, server.id, () => server.call(call));
    if (copies > 1) operation.isUncertain = true;
    // Waiting longer each time keeps retries from being all that a slow cluster has time for.
    const timeoutUs = plan.clients.attemptTimeoutUs * 2 ** Math.min(attempt - 1, TIMEOUT_DOUBLINGS_MAX);
    operation.timer = timeline.after(timeoutUs, () => {
      operation.isUncertain = true;
      this.#retry(operation, 0, 0);
    });
  }

  /** Tries again elsewhere, or at `leader` if that is known; or gives up. */
  #retry(operation: Operation, leader: NodeId, delayUs: number): void {
    const { timeline, plan } = this.#around;
    if (operation.timer !== undefined) operation.timer.run = undefined;
    const isTired = timeline.nowUs - operation.beganUs >= plan.clients.patienceUs;
    if (isTired && !this.#isPatient && operation.historyId !== undefined) {
      this.#giveUp(operation);
      return;
    }
    this.#move(leader, operation.attempt);
    operation.timer = timeline.after(delayUs + this.#random.exponential(RETRY_MEAN_US), () => this.#attempt(operation));
  }

  #move(leader: NodeId, attempt: number): void {
    const before = this.#target;
    // Former members may send a client round in a circle for long; so it asks everybody in turn at last.
    if (attempt > HINTED_ATTEMPTS_MAX) this.#target = this.#servers[attempt % this.#servers.length]!.id;
    // A hint may be out of date, and may point at a server that cannot be reached.
    else if (leader !== 0 && this.#random.chance(0.8)) this.#target = leader;
    else this.#target = this.#random.pick(this.#servers).id;
    if (this.#target !== before) this.#around.census.count('client moved');
  }

  #giveUp(operation: Operation): void {
    const { census, timeline } = this.#around;
    const isUnknown = operation.isUncertain && operation.command !== undefined;
    census.count(isUnknown ? 'outcome unknown' : 'outcome failed');
    this.#note(isUnknown ? 'unknown' : 'failed', () => operation.name);
    if (isUnknown) this.#history.unknown(operation.historyId!, timeline.nowUs);
    else this.#history.fail(operation.historyId!, timeline.nowUs);
    this.#end(operation);
  }

  #end(operation: Operation): void {
    operation.isDone = true;
    if (operation.timer !== undefined) operation.timer.run = undefined;
    this.#inFlight--;
    if (operation.historyId !== undefined) this.finished++;
  }

  // --- answers ---

  #commandDone(operation: Operation, attempt: number, outcome: CommandOutcome): void {
    if (operation.isDone) return;
    switch (outcome.status) {
      case 'ok':
        this.#done(operation, undefined, outcome.clientId);
        break;
      case 'unknown':
        operation.isUncertain = true;
        if (attempt === operation.attempt) this.#retry(operation, outcome.leader, 0);
        break;
      case 'not-leader':
      case 'overloaded':
        if (attempt === operation.attempt) this.#retry(operation, outcome.leader, backOffUs(attempt));
        break;
      default:
        throw new InvariantViolation(
          'acknowledged write',
          `client ${this.#endpoint}: ${operation.name} under the acknowledged session ${this.#sessionId} is answered ${outcome.status}: ${outcome.detail}`,
        );
    }
  }

  #lookupDone(operation: Operation, attempt: number, outcome: LookupOutcome): void {
    if (operation.isDone) return;
    if (outcome.status === 'ok') this.#done(operation, outcome.value, 0);
    else if (attempt === operation.attempt) this.#retry(operation, outcome.leader, backOffUs(attempt));
  }

  #done(operation: Operation, output: KeyValueOutput, sessionId: number): void {
    const { trace, timeline } = this.#around;
    this.#note('ok', () => `${operation.name}${operation.command === undefined ? ` = ${output ?? '(none)'}` : ''}`);
    trace.mix(4, operation.attempt);
    if (operation.historyId === undefined) {
      this.#sessionId = sessionId;
      this.#end(operation);
      this.#think();
      return;
    }
    this.#history.ok(operation.historyId, output, timeline.nowUs);
    this.succeeded++;
    this.#end(operation);
  }

  #note(what: string, detail: () => string): void {
    this.#around.trace.note(`client ${this.#endpoint}`, what, detail);
  }
}

const TIMEOUT_DOUBLINGS_MAX = 4;
/** Attempts of one request that follow hints or chance, before it asks all servers in turn. */
const HINTED_ATTEMPTS_MAX = 12;
const RETRY_MEAN_US = 5000;
const REFUSED_DELAY_US = 10_000;
const BACK_OFF_US_MAX = 640_000;

/** How long to wait after a refusal: longer and longer, for there may be no leader for a while. */
function backOffUs(attempt: number): number {
  return Math.min(BACK_OFF_US_MAX, REFUSED_DELAY_US * 2 ** Math.min(attempt, 10));
}
