import { Backoff } from '../net/endpoints/backoff.ts';
import { ResultStatus } from '../wire/generated/rkv.ts';
import { BATCH_BYTES_MAX } from '../wire/limits.ts';
import { outcomeOfResult } from '../wire/outcome.ts';
import { parseAddress } from './addresses.ts';
import type { ClientEnvironment } from './environment.ts';
import type { CommandListener, CommandResult, CommandStatus } from './pendingCommand.ts';
import { PendingCommand } from './pendingCommand.ts';
import { SendWindow } from './sendWindow.ts';
import type { LeaderHint, LinkFailure, LinkListener, ServerLink, Transport } from './transport.ts';

export interface LeaderChannelOptions {
  readonly addresses: readonly string[];
  readonly transport: Pick<Transport, 'open'>;
  readonly environment: ClientEnvironment;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /**
   * A server that leaves commands unanswered, or a stream unopened, for so long is left for another. Each time it is left it has twice
   * as long, up to STALL_GROWTH_MAX times this: a server may be farther away than that.
   */
  readonly stallTimeoutMs: number;
  /** Commands larger than this are refused here. */
  readonly commandBytesMax: number;
}

/** What went wrong on the way and was mended by a retry. Counts since the start. */
export interface ChannelCounters {
  /** Links opened, the first included. */
  links: number;
  /** Links that the server or the network ended. */
  linksLost: number;
  /** Servers left because they did not answer. */
  stalls: number;
  notLeader: number;
  /** Attempts whose outcome nobody knew. */
  unknown: number;
  overloaded: number;
  retries: number;
}

const OK_RESULT: CommandResult = { status: 'ok', clientId: 0, value: undefined, detail: '', maybeDone: true };
/** Commands that a server gets before it has answered one: it may not be the leader. */
const PROBE_COMMANDS_MAX = 16;
/** Hints followed at once, one after the other, before a pause: two servers may each take the other for the leader. */
const HINTS_AT_ONCE_MAX = 2;
/** Longest pause while servers answer but none leads: an election takes about as long as a few of these. */
const ELECTION_PAUSE_MS_MAX = 100;
const STALL_GROWTH_MAX = 5;
/** How often deadlines and silent servers are looked for. */
const WATCH_INTERVAL_MS = 25;
/** Who looks so much later than was due heard nobody meanwhile, whatever servers said. */
const LATE_MS_MIN = 500;

/**
 * One link to whichever server leads, and on it the commands of any number of sessions. A command that a server did
 * not carry out, or may not have, is sent again as it is, until its result is certain or its deadline passes: an
 * insert's sequence number makes that safe (Raft §8), a lookup changes nothing, and a register that took place twice
 * leaves a session that nobody uses.
 */
export class LeaderChannel implements LinkListener {
  readonly counters: ChannelCounters = {
    links: 0,
    linksLost: 0,
    stalls: 0,
    notLeader: 0,
    unknown: 0,
    overloaded: 0,
    retries: 0,
  };
  /** Why the last attempt to reach the leader failed, for people. */
  lastFailure = '';
  private readonly options: LeaderChannelOptions;
  private readonly environment: ClientEnvironment;
  private readonly backoff: Backoff;
  /** Waiting to be sent; those before `head` have left. */
  private queue: PendingCommand[] = [];
  private head = 0;
  /** What an overloaded server would not answer in time any more: not sent while it is so. */
  private late: PendingCommand[] = [];
  private window = new SendWindow();
  private link: ServerLink | null = null;
  /** When it was opened; undefined once its server has said something. */
  private openedMs: number | undefined;
  /** How long servers may say nothing that need longer than others, by address. */
  private readonly stallMs = new Map<string, number>();
  /** When this thread last went on after something that took it long: the encoding of a value of many MiB may. */
  private hearsSinceMs = Number.NEGATIVE_INFINITY;
  /** The link's server has carried out a command. */
  private proven = false;
  /** There was a pause since the last success. */
  private paused = false;
  /** Left for another server, with commands still to be answered. */
  private retiring: ServerLink[] = [];
  private nextAddress = 0;
  private hintsFollowed = 0;
  /** Links that ended one after the other without a word from their servers. */
  private silentFailures = 0;
  /** Calls off the pause before the next attempt. */
  private cancelPause: (() => void) | null = null;
  private cancelWatch: (() => void) | null = null;
  private flushing = false;
  private closed = false;
  /** At most the earliest deadline of any unfinished command. */
  private deadlineFloorMs = Number.POSITIVE_INFINITY;
  /** Of the results that arrived together: what has to be sent again, and whether the server is to be left. */
  private returned: PendingCommand[] = [];
  private leave = false;
  private overloaded = false;
  /** Of the results that arrived together: how many commands were carried out, and the last of them. */
  private carriedOut = 0;
  private lastCarriedOut: PendingCommand | undefined;

  constructor(options: LeaderChannelOptions) {
    this.options = options;
    this.environment = options.environment;
    this.backoff = new Backoff(options.backoffMinMs, options.backoffMaxMs, options.environment.random);
  }

  /** The server that carries out commands now, as far as is known. */
  get leaderAddress(): string | undefined {
    return this.proven ? this.link?.address : undefined;
  }

  /** Commands without a result, those that were given up but not yet answered by their server among them. */
  get pending(): number {
    let pending = this.queued;
    for (const link of this.links()) pending += link.unanswered;
    return pending;
  }

  private get queued(): number {
    return this.queue.length - this.head + this.late.length;
  }

  /**
   * Takes a marshalled Cmd; what is submitted in one turn of the event loop travels in one batch. The listener never
   * hears within this call. `deadlineMs` by the environment's clock.
   */
  submit(cmd: Uint8Array, listener: CommandListener, tag: number, deadlineMs: number): PendingCommand {
    const command = new PendingCommand(cmd, listener, tag, deadlineMs);
    this.queue.push(command);
    if (deadlineMs < this.deadlineFloorMs) this.deadlineFloorMs = deadlineMs;
    this.flushSoon();
    return command;
  }

  /** The clock that deadlines go by. */
  nowMs(): number {
    return this.environment.nowMs();
  }

  /** Gives the command up. Its listener hears `cancelled`, at once. */
  cancel(command: PendingCommand, detail: string): void {
    this.abandon(command, 'cancelled', detail);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.cancelPause?.();
    this.cancelWatch?.();
    const open = this.unfinished();
    for (const link of this.links()) link.close();
    this.link = null;
    this.retiring = [];
    this.queue = [];
    this.head = 0;
    this.late = [];
    for (const command of open) this.abandon(command, 'closed', 'the client was closed');
  }

  /** Later in this turn of the event loop, so that everything that is submitted until then travels together. */
  private flushSoon(): void {
    if (this.flushing || this.queued === 0) return;
    this.flushing = true;
    this.environment.soon(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.closed) {
      for (const command of this.takeQueue()) this.abandon(command, 'closed', 'the client was closed');
      return;
    }
    if (this.queued === 0) return;
    this.watch();
    if (this.cancelPause !== null) return;
    const { link } = this;
    if (link === null) {
      this.connect(this.options.addresses[this.nextAddress % this.options.addresses.length]!);
      return;
    }
    if (this.late.length > 0 && !this.window.isOverloaded) this.takeLate();
    const bytesMax = Math.min(this.options.commandBytesMax, link.commandBytesMax);
    const nowMs = this.environment.nowMs();
    while (this.head < this.queue.length && this.roomOn(link) > 0) {
      const command = this.queue[this.head++]!;
      if (command.listener === null) continue;
      if (command.cmd.length > bytesMax) refuseSize(command, bytesMax);
      else if (this.window.isTooLate(command.deadlineMs - nowMs, link.unanswered)) this.late.push(command);
      else {
        command.sent = true;
        command.sentMs = nowMs;
        link.add(command);
      }
    }
    if (this.head === this.queue.length) this.takeQueue();
    else if (this.head >= QUEUE_SLACK_MAX) this.queue = this.takeQueue();
    link.flush();
  }

  private roomOn(link: ServerLink): number {
    const room = Math.min(link.room(), this.window.room(link.unanswered));
    return this.proven ? room : Math.min(room, PROBE_COMMANDS_MAX - link.unanswered);
  }

  private takeLate(): void {
    const { late } = this;
    this.late = [];
    this.queue = [...late, ...this.takeQueue()];
  }

  private takeQueue(): PendingCommand[] {
    const rest = this.head === 0 ? this.queue : this.queue.slice(this.head);
    this.queue = [];
    this.head = 0;
    return rest;
  }

  // What links report

  linkReady(link: ServerLink): void {
    if (link === this.link) this.flushSoon();
  }

  linkResult(
    link: ServerLink,
    command: PendingCommand,
    status: ResultStatus,
    clientId: number,
    value: string | undefined,
    detail: string,
  ): void {
    const current = link === this.link;
    this.silentFailures = 0;
    switch (status) {
      case ResultStatus.RESULT_OK:
        if (current && (!this.proven || this.paused)) this.prove();
        if (current) {
          this.carriedOut++;
          this.lastCarriedOut = command;
        }
        if (clientId === 0 && value === undefined) command.finish(OK_RESULT);
        else command.finish({ status: 'ok', clientId, value, detail: '', maybeDone: true });
        return;
      case ResultStatus.RESULT_NOT_LEADER:
        this.counters.notLeader++;
        command.sent = false;
        this.lastFailure = `${link.address} is not the leader`;
        if (current) this.leave = true;
        this.returned.push(command);
        return;
      case ResultStatus.RESULT_UNKNOWN:
        this.counters.unknown++;
        this.lastFailure = `${link.address} lost its leadership`;
        command.lose();
        if (current) this.leave = true;
        this.returned.push(command);
        return;
      case ResultStatus.RESULT_OVERLOADED:
        this.counters.overloaded++;
        command.sent = false;
        this.lastFailure = detail === '' ? `${link.address} has too much to do` : `${link.address}: ${detail}`;
        if (current) this.overloaded = true;
        this.returned.push(command);
        return;
      default: {
        if (current && !this.proven) this.prove();
        command.finish({
          status: refusalOf(status),
          clientId: 0,
          value: undefined,
          detail,
          maybeDone: command.maybeDone,
        });
      }
    }
  }

  private prove(): void {
    this.proven = true;
    this.paused = false;
    this.hintsFollowed = 0;
    this.backoff.reset();
  }

  linkBatchDone(link: ServerLink, hint: LeaderHint | undefined): void {
    this.requeueReturned();
    if (link !== this.link) {
      if (link.unanswered === 0) {
        link.close();
        this.retiring = this.retiring.filter((each) => each !== link);
      }
      return;
    }
    if (this.openedMs !== undefined) this.firstWord(link.address, this.openedMs);
    this.noteCarriedOut();
    const { leave, overloaded } = this;
    this.leave = false;
    this.overloaded = false;
    if (overloaded) this.window.refused(link.unanswered);
    if (leave) this.moveAway(hint);
    // Where something is on its way still, its answer says when to go on.
    else if (overloaded && link.unanswered === 0) this.pause();
    else this.flushSoon();
  }

  private noteCarriedOut(): void {
    if (this.lastCarriedOut === undefined) return;
    this.window.answered(this.carriedOut, this.environment.nowMs() - this.lastCarriedOut.sentMs);
    this.carriedOut = 0;
    this.lastCarriedOut = undefined;
  }

  linkClosed(link: ServerLink, { message, end }: LinkFailure): void {
    if (end === 'unsupported' && link === this.link) {
      // At once: the server answers, and may be the leader.
      this.connect(link.address);
      return;
    }
    this.counters.linksLost++;
    this.silentFailures++;
    this.lastFailure = `${link.address}: ${message}`;
    // A batch may have broken off in the middle.
    this.requeueReturned();
    this.leave = false;
    this.overloaded = false;
    const lost = link.waiting();
    for (const command of lost) command.lose();
    // Batches stay below that size, so the one that was refused holds a single command, and would be refused for ever.
    const tooLargeFor = end === 'too-large' ? lost.filter((command) => command.cmd.length > BATCH_BYTES_MAX) : [];
    for (const command of tooLargeFor) {
      command.finish({ status: 'too-large', clientId: 0, value: undefined, detail: message, maybeDone: true });
    }
    this.requeue(lost);
    if (link === this.link) this.leaveLink();
    else this.retiring = this.retiring.filter((each) => each !== link);
  }

  // Where to go next

  private connect(address: string): void {
    this.counters.links++;
    this.proven = false;
    this.window = new SendWindow();
    this.openedMs = this.environment.nowMs();
    this.link = this.options.transport.open(address, this);
  }

  /** The current server does not lead: the commands still on it will be answered there; the others go elsewhere. */
  private moveAway(hint: LeaderHint | undefined): void {
    const link = this.link!;
    this.link = null;
    this.proven = false;
    if (link.unanswered > 0) this.retiring.push(link);
    else link.close();
    const { addresses } = this.options;
    // Go clients know a leader by its place in the list; so do we where a server gives no address.
    const hinted = hint === undefined ? '' : filledAddress(hint.address) || (addresses[hint.id - 1] ?? '');
    if (hinted !== '' && hinted !== link.address && this.hintsFollowed < HINTS_AT_ONCE_MAX) {
      this.hintsFollowed++;
      if (this.cancelPause === null) this.connect(hinted);
      return;
    }
    this.tryNextAfterPause(link.address);
  }

  private leaveLink(): void {
    const { address } = this.link!;
    this.link!.close();
    this.link = null;
    this.proven = false;
    this.tryNextAfterPause(address);
  }

  /** Servers are asked in turn whatever hints say: two former members whose hints are old would send us round past the others for ever. */
  private tryNextAfterPause(left: string): void {
    const { addresses } = this.options;
    this.hintsFollowed = 0;
    this.nextAddress = (this.nextAddress + 1) % addresses.length;
    if (addresses[this.nextAddress] === left) this.nextAddress = (this.nextAddress + 1) % addresses.length;
    this.pause();
  }

  /** Sends nothing for a while. */
  private pause(): void {
    if (this.cancelPause !== null) return;
    this.paused = true;
    const electing = this.silentFailures < this.options.addresses.length;
    const pauseMs = this.backoff.nextMs(electing ? ELECTION_PAUSE_MS_MAX : Number.POSITIVE_INFINITY);
    this.cancelPause = this.environment.after(pauseMs, () => {
      this.cancelPause = null;
      this.flush();
    });
  }

  private requeueReturned(): void {
    if (this.returned.length === 0) return;
    this.requeue(this.returned);
    this.returned = [];
  }

  private requeue(commands: readonly PendingCommand[]): void {
    const open = commands.filter((command) => command.listener !== null);
    if (open.length === 0) return;
    this.counters.retries += open.length;
    this.queue = [...open, ...this.takeQueue()];
    this.flushSoon();
  }

  // Deadlines and silent servers

  private watch(): void {
    if (this.cancelWatch !== null || this.closed) return;
    const dueMs = this.environment.nowMs() + WATCH_INTERVAL_MS;
    this.cancelWatch = this.environment.after(WATCH_INTERVAL_MS, () => {
      this.cancelWatch = null;
      const nowMs = this.environment.nowMs();
      if (nowMs - dueMs >= LATE_MS_MIN) this.hearsSinceMs = nowMs;
      this.checkDeadlines();
      this.checkSilence();
      if (this.queued > 0 || this.links().some((link) => link.unanswered > 0)) this.watch();
    });
  }

  private checkDeadlines(): void {
    const nowMs = this.environment.nowMs();
    if (nowMs < this.deadlineFloorMs) return;
    let floorMs = Number.POSITIVE_INFINITY;
    const overdue: PendingCommand[] = [];
    for (const command of this.unfinished()) {
      if (command.deadlineMs <= nowMs) overdue.push(command);
      else if (command.deadlineMs < floorMs) floorMs = command.deadlineMs;
    }
    this.deadlineFloorMs = floorMs;
    for (const command of overdue) this.abandon(command, 'timeout', this.lastFailure);
    if (this.late.length > 0) this.late = this.late.filter((command) => command.listener !== null);
  }

  private checkSilence(): void {
    const nowMs = this.environment.nowMs();
    for (const link of this.links()) {
      const awaited = link.unanswered > 0 || (link === this.link && !this.proven && this.queued > 0);
      const stallMs = this.stallTimeoutMs(link.address);
      if (!awaited || nowMs - Math.max(link.heardMs, this.hearsSinceMs) < stallMs) continue;
      this.counters.stalls++;
      this.giveTime(link.address, 2 * stallMs);
      link.close();
      this.linkClosed(link, { message: `no answer for ${stallMs} ms`, end: 'lost' });
    }
  }

  private stallTimeoutMs(address: string): number {
    return this.stallMs.get(address) ?? this.options.stallTimeoutMs;
  }

  /** A new link's server is there, so it is known how far away. */
  private firstWord(address: string, openedMs: number): void {
    this.openedMs = undefined;
    this.giveTime(address, 2 * (this.environment.nowMs() - openedMs));
  }

  private giveTime(address: string, neededMs: number): void {
    const { stallTimeoutMs } = this.options;
    if (neededMs <= stallTimeoutMs) this.stallMs.delete(address);
    else this.stallMs.set(address, Math.min(neededMs, STALL_GROWTH_MAX * stallTimeoutMs));
  }

  private links(): ServerLink[] {
    return this.link === null ? this.retiring : [this.link, ...this.retiring];
  }

  private unfinished(): PendingCommand[] {
    const sent = this.links().flatMap((link) => link.waiting());
    return [...sent, ...this.late, ...this.queue.slice(this.head)].filter((command) => command.listener !== null);
  }

  private abandon(command: PendingCommand, status: CommandStatus, detail: string): void {
    command.finish({ status, clientId: 0, value: undefined, detail, maybeDone: command.maybeDone });
  }
}

/** Sent commands left at the front of the queue before it is cut. */
const QUEUE_SLACK_MAX = 4096;

/** What a server refused for good. What a later version may say besides is nothing that asking again would mend. */
function refusalOf(status: ResultStatus): CommandStatus {
  const outcome = outcomeOfResult(status);
  switch (outcome) {
    case 'unknown-session':
    case 'sequence-too-old':
    case 'sequence-too-far':
    case 'too-large':
      return outcome;
    default:
      return 'invalid';
  }
}

function refuseSize(command: PendingCommand, bytesMax: number): void {
  const detail = `the command takes ${command.cmd.length} bytes, at most ${bytesMax} are taken (servers: see -maxvalue)`;
  command.finish({ status: 'too-large', clientId: 0, value: undefined, detail, maybeDone: command.maybeDone });
}

/** A server's idea of an address with the host filled in; empty where it is none. */
function filledAddress(text: string): string {
  if (text === '') return '';
  try {
    return parseAddress(text);
  } catch {
    return '';
  }
}
