import type { HistoryRecorder } from '../checker/history.ts';
import type { KeyValueInput, KeyValueOutput } from '../checker/models/keyValue.ts';
import { ClientSession } from '../client/clientSession.ts';
import type { LeaderChannel } from '../client/leaderChannel.ts';
import type { CommandResult } from '../client/pendingCommand.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../wire/command.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { VirtualServer } from './virtualServer.ts';
import { VirtualTransport, virtualChannel } from './virtualTransport.ts';

export type Recorder = HistoryRecorder<KeyValueInput, KeyValueOutput>;

/** An operation that waits for its result. */
interface Operation {
  readonly historyId: number;
  readonly name: string;
  readonly isPut: boolean;
}

/**
 * A client of the production library: its leader channel decides whom to ask, when to ask again and what an answer means, its session numbers
 * the puts. It keeps up to a window of puts and gets in flight and records each outcome as the library reports it.
 */
export class VirtualClient {
  finished = 0;
  succeeded = 0;
  readonly transport: VirtualTransport;
  readonly endpoint: number;
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly history: Recorder;
  private readonly channel: LeaderChannel;
  private readonly operations = new Map<number, Operation>();
  private session: ClientSession | undefined;
  private values = 0;
  private tags = 0;
  private retries = 0;
  private links = 0;
  private isIdle = false;
  private isPatient = false;

  constructor(endpoint: number, around: Surroundings, servers: readonly VirtualServer[], history: Recorder) {
    this.endpoint = endpoint;
    this.around = around;
    this.random = around.random.fork(`client ${endpoint}`);
    this.history = history;
    this.transport = new VirtualTransport(around, endpoint, servers, this.random.fork('library'));
    this.channel = virtualChannel(around, this.transport, servers);
  }

  get inFlight(): number {
    return this.operations.size;
  }

  start(): void {
    const commandDone = (_tag: number, result: CommandResult) => this.registered(result);
    this.channel.submit(REGISTER_BYTES, { commandDone }, 0, Number.POSITIVE_INFINITY);
  }

  private registered(result: CommandResult): void {
    if (result.status !== 'ok') this.fail('its registration', result);
    this.note('session', () => `${result.clientId}`);
    this.session = new ClientSession(result.clientId, this.channel, {});
    this.think();
  }

  /** From now on it never gives up: the cluster must serve. */
  bePatient(): void {
    this.isPatient = true;
  }

  /** Begins nothing more. */
  rest(): void {
    this.isIdle = true;
  }

  private think(): void {
    const { timeline, plan } = this.around;
    timeline.after(this.random.exponential(plan.clients.thinkMeanUs), () => {
      if (this.isIdle) return;
      if (this.operations.size < plan.clients.windowMax) this.next();
      this.think();
    });
  }

  private next(): void {
    const { plan, timeline } = this.around;
    const key = `k${this.random.int(plan.clients.keyCount)}`;
    const deadlineMs = this.isPatient ? Number.POSITIVE_INFINITY : (timeline.nowUs + plan.clients.patienceUs) / 1000;
    const tag = this.tags++;
    const listener = { commandDone: (of: number, result: CommandResult) => this.done(of, result) };
    if (this.random.chance(plan.clients.readFraction)) {
      const historyId = this.history.invoke(this.endpoint, key, { kind: 'get' }, timeline.nowUs);
      this.operations.set(tag, { historyId, name: `get ${key}`, isPut: false });
      this.channel.submit(encodeCommand({ type: CommandType.Lookup, key }), listener, tag, deadlineMs);
      return;
    }
    const value = `${this.endpoint}.${++this.values}`;
    const historyId = this.history.invoke(this.endpoint, key, { kind: 'put', value }, timeline.nowUs);
    this.operations.set(tag, { historyId, name: `put ${key} ${value}`, isPut: true });
    this.session!.submitInsert(Buffer.from(key), Buffer.from(value), listener, tag, deadlineMs);
  }

  private done(tag: number, result: CommandResult): void {
    const { census, timeline, trace } = this.around;
    const { historyId, name, isPut } = this.operations.get(tag)!;
    this.operations.delete(tag);
    this.finished++;
    trace.mix(4, tag);
    this.countRetries();
    if (result.status === 'ok') {
      this.note('ok', () => (isPut ? name : `${name} = ${result.value ?? '(none)'}`));
      this.history.ok(historyId, isPut ? undefined : result.value, timeline.nowUs);
      this.succeeded++;
      return;
    }
    if (result.status !== 'timeout') this.fail(name, result);
    const isUnknown = isPut && result.maybeDone;
    this.note(isUnknown ? 'unknown' : 'failed', () => `${name}: ${result.detail}`);
    census.count(isUnknown ? 'outcome unknown' : 'outcome failed');
    if (isUnknown) this.history.unknown(historyId, timeline.nowUs);
    else this.history.fail(historyId, timeline.nowUs);
  }

  /** What the library did by itself since the last result. */
  private countRetries(): void {
    const { census } = this.around;
    const { retries, links } = this.channel.counters;
    census.count('client retried', retries - this.retries);
    census.count('client moved', links - this.links);
    this.retries = retries;
    this.links = links;
  }

  private fail(what: string, { status, detail }: CommandResult): never {
    const who = `client ${this.endpoint}, session ${this.session?.id ?? 'none'}`;
    throw new InvariantViolation('acknowledged write', `${who}: ${what} is answered ${status}: ${detail}`);
  }

  private note(what: string, detail: () => string): void {
    this.around.trace.note(`client ${this.endpoint}`, what, detail);
  }
}
