import type { AcceptedProposals, NodeId, ProposalBatch, RejectedProposals } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { sessionOf } from '../../wire/commandScan.ts';
import type { CommandOutcome, CommandSink, LookupOutcome } from './outcomes.ts';
import type { ApplyResult, StateMachine } from './stateMachine.ts';

/** Who waits for the commands of one batch, in the batch's order. */
interface Waiters {
  readonly sinks: CommandSink[];
  readonly tags: number[];
  /** Bytes of each command. */
  readonly sizes: number[];
  /** Some of them are large, and are the engine's. */
  holdsLarge: boolean;
}

interface Lookups {
  readonly keys: string[];
  readonly sinks: CommandSink[];
  readonly tags: number[];
  /** Of all their keys together, about. */
  bytes: number;
}

/** Commands that stand in the leader's log as the entries from firstIndex on. */
interface Accepted {
  readonly waiters: Waiters;
  readonly offset: number;
  readonly firstIndex: number;
  readonly count: number;
  readonly term: number;
  /** How many of them, from the front, are answered. */
  answered: number;
}

interface ProposedBatch {
  readonly waiters: Waiters;
  /** How many commands, from the front, the engine accepted or rejected so far. */
  decided: number;
}

/** Commands that are not given to the engine yet. */
interface Queue {
  commands: Uint8Array[];
  waiters: Waiters;
}

/** How many commands that are not large may be open, and how many bytes of them. */
export interface SmallBounds {
  readonly commandsMax: number;
  readonly bytesMax: number;
}

/** Says what a command is certain to be answered with, before it enters the log. */
export type Foresee = (command: Uint8Array) => ApplyResult | 'undecided' | undefined;

interface ConfirmedRead {
  readonly index: number;
  readonly lookups: Lookups;
}

/**
 * Commands that one turn offers have fewer bytes together, or there is only one: a turn scans, copies, checks, encodes and writes
 * all of them, and hears nothing meanwhile. A command of that many is large.
 */
export const OFFERED_BYTES_MAX = 1024 * 1024;
/**
 * Of what has just come, a turn offers no more than this, or one command: the first are on their way to the other servers and to the
 * disks, in messages and writes of that size, while the rest is gone through. What came in one burst would else stay one burst for ever.
 */
export const FRESH_BYTES_MAX = 250 * 1024;
/**
 * Large commands that the engine has and that are not answered have fewer bytes together, or there is only one. Followers take the
 * log in its order, so this is what a small command may have to wait behind.
 */
export const LARGE_OPEN_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Commands and lookups between their arrival and their answer. Work is per batch wherever it can be: a batch is one
 * token in the engine and one record here, and commands are matched to committed entries by walking both in log order.
 */
export class PendingCommands {
  /** Commands and lookups not answered yet. */
  size = 0;
  /** Bytes of the commands, and about those of the lookups' keys, that are not answered yet. */
  bytes = 0;
  /** Commands and lookups that were refused so far for how much there was. */
  refused = 0;
  /** Of the commands that are not large. */
  private smallSize = 0;
  private smallBytes = 0;
  private arrived: Queue = emptyQueue();
  private arrivedBytes = 0;
  /** Large commands, and those of the same sessions that came after them: they leave one after the other. */
  private waiting: Queue = emptyQueue();
  /** Commands of each session that wait. */
  private readonly waitingSessions = new Map<number, number>();
  /** Of the large commands that the engine has. */
  private largeOpenBytes = 0;
  /** Commands that only a read can decide on, and those that one let pass. */
  private undecided: Queue = emptyQueue();
  private readonly deciding = new Map<number, Queue>();
  private decidable: { readonly index: number; readonly queue: Queue }[] = [];
  private cleared: Queue = emptyQueue();
  private lookups: Lookups = noLookups();
  private nextToken = 1;
  private readonly proposed = new Map<number, ProposedBatch>();
  private readonly reading = new Map<number, Lookups>();
  /** Ascending by firstIndex; those before `acceptedHead` are done. */
  private accepted: Accepted[] = [];
  private acceptedHead = 0;
  private confirmed: ConfirmedRead[] = [];

  addCommand(command: Uint8Array, sink: CommandSink, tag: number): void {
    this.count(command.length);
    this.arrivedBytes += command.length;
    append(this.arrived, command, sink, tag);
  }

  private count(size: number): void {
    this.size++;
    this.bytes += size;
    if (size >= OFFERED_BYTES_MAX) return;
    this.smallSize++;
    this.smallBytes += size;
  }

  addLookup(key: string, sink: CommandSink, tag: number): void {
    this.size++;
    this.bytes += key.length;
    this.lookups.bytes += key.length;
    this.lookups.keys.push(key);
    this.lookups.sinks.push(sink);
    this.lookups.tags.push(tag);
  }

  /**
   * Commands that gathered, as one batch of bounded size; those that would take the open ones past `sizeMax` or `bytesMax`, or the
   * small ones past `small`, are refused, the last first, and those whose answer is certain get it: they do not enter the log.
   */
  takeCommands(
    sizeMax: number,
    bytesMax: number,
    leader: NodeId,
    foresee: Foresee,
    small: SmallBounds = UNBOUNDED,
  ): ProposalBatch | undefined {
    let offered = this.arrived;
    if (offered.commands.length > 0) {
      this.refuseExcess(offered, sizeMax, bytesMax, leader);
      this.refuseSmallExcess(offered, small, leader);
    }
    const isPlain = this.arrivedBytes <= FRESH_BYTES_MAX && this.waiting.commands.length === 0;
    if (isPlain) {
      this.arrived = emptyQueue();
      this.arrivedBytes = 0;
    } else offered = this.portion();
    if (offered.commands.length > 0) this.sift(offered, foresee);
    const isAsSifted = isPlain && this.cleared.commands.length === 0;
    this.appendCleared(offered);
    const { commands, waiters } = offered;
    if (commands.length === 0) return undefined;
    if (!isAsSifted) this.noteLarge(waiters);
    return this.batchOf(offered);
  }

  /** One small command as a batch of its own, ahead of all that gathered. */
  takeAtOnce(command: Uint8Array, sink: CommandSink, tag: number): ProposalBatch {
    this.count(command.length);
    const alone = emptyQueue();
    append(alone, command, sink, tag);
    return this.batchOf(alone);
  }

  private batchOf({ commands, waiters }: Queue): ProposalBatch {
    const token = this.nextToken++;
    this.proposed.set(token, { waiters, decided: 0 });
    return { token, commands };
  }

  /** Whether there is more that can be taken at once. */
  get hasMore(): boolean {
    return this.arrived.commands.length > 0 || this.mayLeave(0, false);
  }

  /**
   * What of the commands that gathered leaves in this turn: small ones, as long as there is room, and one large one. What is not
   * large passes what is; but a session's commands keep their order, for a number that later ones leave far behind is refused as
   * too old (Session.admit).
   */
  private portion(): Queue {
    const { commands, waiters } = this.arrived;
    const offered = emptyQueue();
    const { length } = commands;
    let bytes = 0;
    let at = 0;
    for (; at < length; at++) {
      const size = waiters.sizes[at]!;
      const isLarge = size >= OFFERED_BYTES_MAX;
      if (isLarge || this.waitingSessions.size > 0) {
        const session = sessionOf(commands[at]!);
        if (isLarge || this.waitingSessions.has(session)) {
          if (session !== 0) this.waitingSessions.set(session, (this.waitingSessions.get(session) ?? 0) + 1);
          move(this.arrived, at, this.waiting);
          this.arrivedBytes -= size;
          continue;
        }
      }
      if (bytes + size > FRESH_BYTES_MAX && bytes > 0) break;
      bytes += size;
      this.arrivedBytes -= size;
      move(this.arrived, at, offered);
    }
    dropFirst(this.arrived, at);
    this.takeWaiting(offered, bytes);
    return offered;
  }

  private takeWaiting(offered: Queue, offeredBytes: number): void {
    const { commands, waiters } = this.waiting;
    let bytes = offeredBytes;
    let hasLarge = false;
    let at = 0;
    for (; this.mayLeave(at, hasLarge) && bytes <= OFFERED_BYTES_MAX; at++) {
      const size = waiters.sizes[at]!;
      if (size >= OFFERED_BYTES_MAX) hasLarge = true;
      else bytes += size;
      const session = sessionOf(commands[at]!);
      const others = (this.waitingSessions.get(session) ?? 1) - 1;
      if (others === 0) this.waitingSessions.delete(session);
      else this.waitingSessions.set(session, others);
      move(this.waiting, at, offered);
    }
    dropFirst(this.waiting, at);
  }

  private mayLeave(at: number, hasLarge: boolean): boolean {
    const size = this.waiting.waiters.sizes[at];
    if (size === undefined || size < OFFERED_BYTES_MAX) return size !== undefined;
    return !hasLarge && (this.largeOpenBytes === 0 || this.largeOpenBytes + size <= LARGE_OPEN_BYTES_MAX);
  }

  private noteLarge(waiters: Waiters): void {
    for (const size of waiters.sizes) {
      if (size < OFFERED_BYTES_MAX) continue;
      waiters.holdsLarge = true;
      this.largeOpenBytes += size;
    }
  }

  private refuseExcess({ commands, waiters }: Queue, sizeMax: number, bytesMax: number, leader: NodeId): void {
    while ((this.size > sizeMax || this.bytes > bytesMax) && commands.length > 0) {
      this.refuseLast({ commands, waiters }, { status: 'overloaded', leader });
    }
  }

  private refuseLast({ commands, waiters }: Queue, outcome: CommandOutcome): void {
    this.arrivedBytes -= commands.pop()!.length;
    this.refused++;
    this.answer(waiters, commands.length, outcome);
    cut(waiters, commands.length);
  }

  /** Refuses all commands that gathered; what waits for its turn was taken before. */
  refuseArrived(outcome: CommandOutcome): void {
    while (this.arrived.commands.length > 0) this.refuseLast(this.arrived, outcome);
  }

  private refuseSmallExcess({ commands, waiters }: Queue, small: SmallBounds, leader: NodeId): void {
    const large = emptyQueue();
    let at = commands.length;
    for (; at > 0 && (this.smallSize > small.commandsMax || this.smallBytes > small.bytesMax); at--) {
      if (waiters.sizes[at - 1]! >= OFFERED_BYTES_MAX) move({ commands, waiters }, at - 1, large);
      else {
        this.arrivedBytes -= waiters.sizes[at - 1]!;
        this.refused++;
        this.answer(waiters, at - 1, { status: 'overloaded', leader });
      }
    }
    if (at === commands.length) return;
    commands.length = at;
    cut(waiters, at);
    for (let i = large.commands.length - 1; i >= 0; i--) move(large, i, { commands, waiters });
  }

  /** Mostly every command passes, and nothing is moved then. */
  private sift({ commands, waiters }: Queue, foresee: Foresee): void {
    const { sinks, tags, sizes } = waiters;
    let kept = 0;
    for (let i = 0; i < commands.length; i++) {
      const verdict = foresee(commands[i]!);
      if (verdict === undefined) {
        if (kept < i) {
          commands[kept] = commands[i]!;
          sinks[kept] = sinks[i]!;
          tags[kept] = tags[i]!;
          sizes[kept] = sizes[i]!;
        }
        kept++;
      } else if (verdict === 'undecided') append(this.undecided, commands[i]!, sinks[i]!, tags[i]!);
      else this.answer(waiters, i, verdict);
    }
    commands.length = kept;
    cut(waiters, kept);
  }

  private appendCleared(offered: Queue): void {
    const { cleared } = this;
    if (cleared.commands.length === 0) return;
    this.cleared = emptyQueue();
    for (let i = 0; i < cleared.commands.length; i++) move(cleared, i, offered);
  }

  /** The token of a read that decides on what applied state alone could not. */
  takeUndecided(): number | undefined {
    if (this.undecided.commands.length === 0) return undefined;
    const token = this.nextToken++;
    this.deciding.set(token, this.undecided);
    this.undecided = emptyQueue();
    return token;
  }

  /** Refuses or lets pass the commands whose read is applied. Returns whether some passed and are to be taken. */
  decideRead(appliedIndex: number, foresee: Foresee): boolean {
    if (this.decidable.length === 0) return false;
    const ready = this.decidable.filter(({ index }) => index <= appliedIndex);
    this.decidable = this.decidable.filter(({ index }) => index > appliedIndex);
    for (const { queue } of ready) this.decideQueue(queue, foresee);
    return this.cleared.commands.length > 0;
  }

  private decideQueue({ commands, waiters }: Queue, foresee: Foresee): void {
    for (let i = 0; i < commands.length; i++) {
      const verdict = foresee(commands[i]!);
      if (verdict === undefined || verdict === 'undecided') {
        append(this.cleared, commands[i]!, waiters.sinks[i]!, waiters.tags[i]!);
      } else this.answer(waiters, i, verdict);
    }
  }

  /** The token under which the lookups that gathered are to be confirmed; too many are refused as with commands. */
  takeLookups(sizeMax: number, bytesMax: number, leader: NodeId): number | undefined {
    const { keys, sinks, tags } = this.lookups;
    while ((this.size > sizeMax || this.bytes > bytesMax) && keys.length > 0) {
      const { length } = keys.pop()!;
      this.bytes -= length;
      this.lookups.bytes -= length;
      this.size--;
      this.refused++;
      sinks.pop()!.lookupDone(tags.pop()!, { status: 'overloaded', leader });
    }
    if (keys.length === 0) return undefined;
    const token = this.nextToken++;
    this.reading.set(token, this.lookups);
    this.lookups = noLookups();
    return token;
  }

  accept({ token, offset, count, firstIndex, term }: AcceptedProposals): void {
    const waiters = this.decide(token, count);
    if (waiters !== undefined) this.accepted.push({ waiters, offset, firstIndex, count, term, answered: 0 });
  }

  reject({ token, offset, count }: RejectedProposals, outcome: CommandOutcome): void {
    const waiters = this.decide(token, count);
    if (waiters === undefined) return;
    this.answerRange(waiters, offset, offset + count, outcome);
  }

  private decide(token: number, count: number): Waiters | undefined {
    const batch = this.proposed.get(token);
    if (batch === undefined) return undefined;
    batch.decided += count;
    if (batch.decided >= batch.waiters.tags.length) this.proposed.delete(token);
    return batch.waiters;
  }

  /** `entry` is applied; `result` is undefined for entries that are not commands. */
  applied(entry: Entry, result: ApplyResult | undefined): void {
    while (this.acceptedHead < this.accepted.length) {
      const head = this.accepted[this.acceptedHead]!;
      if (entry.index < head.firstIndex) return;
      const position = entry.index - head.firstIndex;
      if (position >= head.count) {
        // A snapshot took the place of the entries, so what became of them here is not known.
        this.forgetHead();
        this.answerRest(head, UNKNOWN);
        continue;
      }
      const at = head.offset + position;
      // Or of those before it.
      if (head.answered < position) this.answerRange(head.waiters, head.offset + head.answered, at, UNKNOWN);
      head.answered = position + 1;
      // Another entry committed in the place of ours, so ours is certainly lost.
      const outcome: CommandOutcome = entry.term === head.term && result !== undefined ? result : NOT_DONE;
      this.answer(head.waiters, at, outcome);
      if (head.answered === head.count) this.forgetHead();
      return;
    }
  }

  private forgetHead(): void {
    this.acceptedHead++;
    if (this.acceptedHead === this.accepted.length) {
      this.accepted = [];
      this.acceptedHead = 0;
    } else if (this.acceptedHead >= ACCEPTED_SLACK_MAX) {
      this.accepted = this.accepted.slice(this.acceptedHead);
      this.acceptedHead = 0;
    }
  }

  readConfirmed(token: number, index: number): void {
    const queue = this.deciding.get(token);
    if (queue !== undefined) {
      this.deciding.delete(token);
      this.decidable.push({ index, queue });
      return;
    }
    const lookups = this.reading.get(token);
    if (lookups === undefined) return;
    this.reading.delete(token);
    this.confirmed.push({ index, lookups });
  }

  readFailed(token: number, outcome: Exclude<LookupOutcome, { readonly status: 'ok' }>): void {
    const queue = this.deciding.get(token);
    if (queue !== undefined) {
      this.deciding.delete(token);
      this.answerRange(queue.waiters, 0, queue.commands.length, outcome);
      return;
    }
    const lookups = this.reading.get(token);
    if (lookups === undefined) return;
    this.reading.delete(token);
    this.answerAll(lookups, () => outcome);
  }

  /** Answers the confirmed lookups whose index is applied. */
  answerLookups(appliedIndex: number, stateMachine: StateMachine): void {
    if (this.confirmed.length === 0) return;
    const waiting: ConfirmedRead[] = [];
    for (const read of this.confirmed) {
      if (read.index > appliedIndex) waiting.push(read);
      else this.answerAll(read.lookups, (key) => ({ status: 'ok', value: stateMachine.lookup(key) }));
    }
    this.confirmed = waiting;
  }

  /** Leadership is lost: what stands in the log may commit or not, so nobody can be told. */
  loseAccepted(leader: NodeId): void {
    const lost = this.accepted.slice(this.acceptedHead);
    this.accepted = [];
    this.acceptedHead = 0;
    for (const batch of lost) this.answerRest(batch, { status: 'unknown', leader });
  }

  private answerRest({ waiters, offset, count, answered }: Accepted, outcome: CommandOutcome): void {
    this.answerRange(waiters, offset + answered, offset + count, outcome);
  }

  /** The replica stops. What the engine never appended was certainly not done. */
  loseAll(leader: NodeId): void {
    this.loseAccepted(leader);
    const undecided = [...this.proposed.values()];
    this.proposed.clear();
    for (const { waiters, decided } of undecided) this.answerRange(waiters, decided, waiters.tags.length, NOT_DONE);
    const unproposed = [this.arrived, this.waiting, this.undecided, this.cleared, ...this.deciding.values()];
    for (const { queue } of this.decidable) unproposed.push(queue);
    this.arrived = emptyQueue();
    this.arrivedBytes = 0;
    this.waiting = emptyQueue();
    this.waitingSessions.clear();
    this.undecided = emptyQueue();
    this.cleared = emptyQueue();
    this.deciding.clear();
    this.decidable = [];
    for (const { waiters } of unproposed) this.answerRange(waiters, 0, waiters.tags.length, NOT_DONE);
    const lookups = [this.lookups, ...this.reading.values(), ...this.confirmed.map((read) => read.lookups)];
    this.lookups = noLookups();
    this.reading.clear();
    this.confirmed = [];
    for (const each of lookups) this.answerAll(each, () => NOT_DONE);
  }

  private answerRange(waiters: Waiters, from: number, to: number, outcome: CommandOutcome): void {
    for (let i = from; i < to; i++) this.answer(waiters, i, outcome);
  }

  private answer({ sinks, tags, sizes, holdsLarge }: Waiters, at: number, outcome: CommandOutcome): void {
    const size = sizes[at]!;
    this.size--;
    this.bytes -= size;
    if (size < OFFERED_BYTES_MAX) {
      this.smallSize--;
      this.smallBytes -= size;
    } else if (holdsLarge) this.largeOpenBytes -= size;
    sinks[at]!.commandDone(tags[at]!, outcome);
  }

  private answerAll({ keys, sinks, tags, bytes }: Lookups, outcome: (key: string) => LookupOutcome): void {
    this.size -= keys.length;
    this.bytes -= bytes;
    for (let i = 0; i < keys.length; i++) sinks[i]!.lookupDone(tags[i]!, outcome(keys[i]!));
  }
}

function emptyQueue(): Queue {
  return { commands: [], waiters: { sinks: [], tags: [], sizes: [], holdsLarge: false } };
}

function cut({ sinks, tags, sizes }: Waiters, length: number): void {
  sinks.length = length;
  tags.length = length;
  sizes.length = length;
}

function append({ commands, waiters }: Queue, command: Uint8Array, sink: CommandSink, tag: number): void {
  commands.push(command);
  waiters.sinks.push(sink);
  waiters.tags.push(tag);
  waiters.sizes.push(command.length);
}

function move(from: Queue, at: number, to: Queue): void {
  append(to, from.commands[at]!, from.waiters.sinks[at]!, from.waiters.tags[at]!);
}

function dropFirst({ commands, waiters }: Queue, count: number): void {
  commands.splice(0, count);
  waiters.sinks.splice(0, count);
  waiters.tags.splice(0, count);
  waiters.sizes.splice(0, count);
}

const noLookups = (): Lookups => ({ keys: [], sinks: [], tags: [], bytes: 0 });

const UNBOUNDED: SmallBounds = { commandsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };
const UNKNOWN = { status: 'unknown', leader: 0 } as const;
const NOT_DONE = { status: 'not-leader', leader: 0 } as const;
/** Finished batches left at the front of the queue before it is cut. */
const ACCEPTED_SLACK_MAX = 256;
