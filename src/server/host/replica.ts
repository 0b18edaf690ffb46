import type {
  AcceptedProposals,
  Configuration,
  Engine,
  EngineEvent,
  EngineKind,
  EngineSettings,
  EngineStatus,
  Envelope,
  MembershipChange,
  NodeId,
  Output,
  ReadOutcome,
  Refusal,
  RejectedProposals,
  RequestOutcome,
  Snapshot,
  SnapshotPlace,
} from '../../consensus/contract.ts';
import { namedIn, RejectReason, Role } from '../../consensus/contract.ts';
import { type Entry, EntryType, isConfigurationType, isForStateMachine } from '../../consensus/entry.ts';
import { recordSize } from '../../consensus/entryCodec.ts';
import { LifeEvents } from '../../consensus/parts/lifeEvents.ts';
import { BrokenInvariantError, broken } from '../../consensus/parts/turnGuard.ts';
import { MemoryContent, PieceKeeper } from '../../consensus/snapshotContent.ts';
import { type Fences, NO_FENCES } from '../../wire/fence.ts';
import { SERVER_PENDING_MAX } from '../../wire/limits.ts';
import { FencedError, fencesInForce, passes, type Speaker } from '../identity/fences.ts';
import type { LogStore, LogStoreListener } from '../storage/contract.ts';
import { AppliedPace } from './appliedPace.ts';
import type { CommandSink, RequestResult } from './outcomes.ts';
import { PendingCommands } from './pendingCommands.ts';
import { CheckedContent, restoreStored } from './snapshotReading.ts';
import { isSnapshotDue, SnapshotTaking, StateCopy } from './snapshotTaking.ts';
import type { StageWatch } from './stageWatch.ts';
import type { Restoring, StateMachine } from './stateMachine.ts';

/** The world outside a replica: real in rkvd, virtual in the simulator. */
export interface ReplicaEnvironment<M> {
  /** Monotonic, ms. */
  nowMs(): number;
  /** Runs `turn` once, soon, after the inputs that are already waiting. */
  schedule(turn: () => void): void;
  /** Hands messages to the network, in order; those to one server stay in order or are lost. */
  send(envelopes: readonly Envelope<M>[]): void;
  event(event: EngineEvent): void;
  /** The role, term or leader changed. */
  statusChanged(status: EngineStatus): void;
  /** Storage failed, or holds or was to hold what cannot be used: this replica has stopped for good. */
  failed(error: Error): void;
  /** Servers that the network has no way of telling to take over. */
  cannotTakeOver?(): readonly NodeId[];
  /** Servers that take no snapshots, as far as is known: what they lack has to be in the log. */
  takeNoSnapshots?(): readonly NodeId[];
  /** Whether all of these members read entries of the type BoundSessions, as far as is known; without it, they do not. */
  mayBoundSessions?(members: Iterable<NodeId>): boolean;
  /** Whether all of these members read what leases added to messages, as far as is known; without it, they do. */
  promisesAreRead?(members: Iterable<NodeId>): boolean;
  /** Each entry as it is applied, for observers such as the simulator's invariants. */
  applied?(entry: Entry): void;
  restored?(snapshot: Snapshot): void;
  /** It begins to read its state for a snapshot of this index, or to take up one of others. */
  snapshotBegun?(index: number): void;
  restoreBegun?(index: number): void;
  /** Where time goes, for whoever wants to know. */
  readonly stages?: StageWatch;
}

export interface ReplicaOptions<M> {
  readonly kind: EngineKind<M>;
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly bootstrap: readonly NodeId[];
  /** As EngineInit. */
  readonly promisedBeforeMs?: number;
  /** Who this process is, beyond its id. Without it no fence ends it. */
  readonly self?: Speaker;
  readonly random: () => number;
  readonly stateMachine: StateMachine;
  readonly environment: ReplicaEnvironment<M>;
  /** Applied entries between two snapshots, at places of the server's own (isSnapshotDue); 0 takes none. */
  readonly snapshotEveryEntries: number;
  /** Bytes of a snapshot that are taken, or restored, in one turn. Without it, SNAPSHOT_BYTES_PER_TURN. */
  readonly snapshotBytesPerTurn?: number;
  /** Entries kept in the log below a snapshot, for followers that are a little behind. */
  readonly trailingEntries: number;
  /** As many while a member takes no snapshots, where that is more; without it, `trailingEntries`. */
  readonly originalEntries?: number;
  /** Commands and lookups that may be unanswered; more are refused as overloaded. Without it, SERVER_PENDING_MAX. */
  readonly pendingMax?: number;
  /** Bytes of commands that may be unanswered; more are refused as overloaded. Without it, any number. */
  readonly pendingBytesMax?: number;
}

/** Drains in one turn. Engines are mostly quiet after two or three; one that hands over a long committed log is not. */
const DRAINS_PER_TURN_MAX = 16;
/** Once so much was applied in a turn, input and output go before more is: a value of 32 MiB takes tens of milliseconds. */
const APPLIED_BYTES_PER_TURN_MAX = 8 * 1024 * 1024;
/** Several of these are worth a write each; of fewer bytes they share one. */
export const LONG_MESSAGE_BYTES_MIN = 192 * 1024;
/** Intervals between two snapshots, in entries, after which one is taken though somebody reads the state. */
const COPY_INTERVALS_MAX = 2;
/** So long a leader waits for the entry BoundSessions that it proposed, ms, before it proposes another: one more changes nothing. */
const BOUND_SESSIONS_EVERY_MS = 1000;
/** Nobody waits for what it becomes: tokens of those who do begin at 1. */
const NOBODYS_TOKEN = 0;
const NO_DATA = new Uint8Array(0);
/** Takes about a millisecond. */
const SNAPSHOT_BYTES_PER_TURN = 256 * 1024;

/**
 * One server's replica: an engine, its log store and its state machine, and the rules between them. It owns the order
 * "persist, then send what promises it" and the meaning of an acknowledgement: durable on a quorum and applied here.
 * Synchronous and deterministic; all waiting is done by the environment and the store.
 */
export class Replica<M> implements LogStoreListener {
  readonly engine: Engine<M>;
  private readonly store: LogStore;
  private readonly stateMachine: StateMachine;
  private readonly environment: ReplicaEnvironment<M>;
  private readonly options: ReplicaOptions<M>;
  private readonly stages: StageWatch | undefined;
  private readonly pending = new PendingCommands();
  private readonly pace = new AppliedPace();
  private refusal: string | undefined;
  private turnScheduled = false;
  private inTurn = false;
  private stopped = false;
  private lastMark: number;
  private appliedIndex: number;
  /** Of the entries applied in this turn. */
  private appliedBytes = 0;
  private snapshotIndex: number;
  /** Being read; then it is in flight. */
  private taking: SnapshotTaking | undefined;
  private snapshotInFlight = false;
  /** Being read for somebody else. */
  private giving: { readonly taking: SnapshotTaking; readonly done: (state: Snapshot | undefined) => void } | undefined;
  /** Somebody else reads the state: this server's own snapshot waits, for as many entries again as there are between two. */
  private copy: StateCopy | undefined;
  /** Messages that wait until their mark is durable, in order. */
  private held: { readonly mark: number; readonly messages: readonly Envelope<M>[] }[] = [];
  /** Committed entries wait behind a snapshot that is not durable, or not all read yet; and then for their turn. */
  private waiting: Entry[] = [];
  private restoring:
    | {
        readonly mark: number;
        readonly snapshot: Snapshot;
        readonly fences: Fences;
        /** Once it is durable. */
        reading: Restoring | undefined;
      }
    | undefined;
  /** The fences in force, and what they were made from. */
  private force: { readonly applied: Fences; readonly entries: readonly Entry[]; readonly fences: Fences } = {
    applied: NO_FENCES,
    entries: [],
    fences: NO_FENCES,
  };
  private boundSessionsDueMs = 0;
  private readonly requests = new Map<number, (result: RequestResult) => void>();
  private nextRequestToken = 1;
  private readonly foresee = (command: Uint8Array) => this.stateMachine.foresee(command, this.appliedIndex, false);
  /** After a read: what is acknowledged is applied. Entries that are not may still move a session's mark. */
  private readonly foreseeCurrent = (command: Uint8Array) => {
    const refusal = this.stateMachine.foresee(command, this.appliedIndex, true);
    const mayPass = refusal !== undefined && refusal !== 'undecided' && refusal.status === 'sequence-too-far';
    return mayPass && this.engine.status().lastIndex > this.appliedIndex ? undefined : refusal;
  };
  private readonly life: LifeEvents;
  private role: Role;
  private term: number;
  private leader: NodeId;

  /**
   * The store must be open; its snapshot, if any, is restored into `stateMachine` here. Throws UnknownFormatError where it
   * cannot be, and FencedError where what it holds says that this is an earlier process of its server.
   */
  constructor(store: LogStore, options: ReplicaOptions<M>) {
    this.options = options;
    this.store = store;
    this.stateMachine = options.stateMachine;
    this.environment = options.environment;
    this.stages = options.environment.stages;
    this.lastMark = store.durableMark;
    const snapshot = store.snapshot();
    if (snapshot !== undefined) restoreStored(this.stateMachine, snapshot);
    this.appliedIndex = snapshot?.index ?? 0;
    this.snapshotIndex = this.appliedIndex;
    const fenced = this.whyFenced();
    if (fenced !== undefined) throw fenced;
    this.engine = options.kind.create({
      id: options.id,
      settings: options.settings,
      promisedBeforeMs: options.promisedBeforeMs,
      random: options.random,
      nowMs: this.environment.nowMs(),
      hardState: store.hardState,
      log: store,
      bootstrap: options.bootstrap,
      appliedIndex: this.appliedIndex,
      receiveContent: (place, byteLength) => new CheckedContent(place, byteLength, this.stateMachine),
    });
    this.notePromises();
    const start = this.engine.summary();
    this.role = start.role;
    this.term = start.term;
    this.leader = start.leader;
    const { commitIndex } = this.engine.status();
    this.life = new LifeEvents(options.id, start, this.engine.configurationAt(this.appliedIndex), commitIndex);
  }

  /** Submits a command: the marshalled Cmd that is to enter the log. One commandDone follows, never inside this call. */
  submit(command: Uint8Array, sink: CommandSink, tag: number): void {
    const answerTo = this.stages?.arrived(sink, command) ?? sink;
    this.pending.addCommand(command, answerTo, tag);
    this.wake();
  }

  /**
   * As `submit`, and the engine has the command when this returns: what the caller looked at before holds as long as this server leads
   * the term, or the command does not enter the log.
   */
  submitAtOnce(command: Uint8Array, sink: CommandSink, tag: number): void {
    const batch = this.pending.takeAtOnce(command, sink, tag);
    if (!this.stopped) this.engine.propose(batch);
    this.wake();
  }

  /** Asks for a linearizable read of `key`. One lookupDone follows, never inside this call. */
  lookup(key: string, sink: CommandSink, tag: number): void {
    const answerTo = this.stages?.arrived(sink) ?? sink;
    this.pending.addLookup(key, answerTo, tag);
    this.wake();
  }

  /**
   * Whose processes are fenced off by what this server's log holds, from where it was handed to the store. Nothing is heard
   * between an engine's taking an entry and that, but what was on its way to an earlier role of this server.
   */
  get fences(): Fences {
    const applied = this.restoring?.fences ?? this.stateMachine.fences;
    const entries = this.store.fenceEntries();
    if (applied !== this.force.applied || entries !== this.force.entries) {
      this.force = { applied, entries, fences: fencesInForce(applied, entries) };
    }
    return this.force.fences;
  }

  /** Why this process must not go on, its id being another one's by now; undefined where it may. */
  private whyFenced(): FencedError | undefined {
    const { id, self } = this.options;
    const fence = this.fences.get(id);
    return fence === undefined || self === undefined || passes(fence, self) ? undefined : new FencedError(id, fence);
  }

  /**
   * Whether an entry of the type BoundSessions may stand in the log, as far as this server knows: it is applied here, or was proposed
   * here. One that an earlier leader proposed, and that is not applied here yet, is not known.
   */
  get mayHaveBoundSessions(): boolean {
    return this.stateMachine.sessionsBound === 'in-force' || this.boundSessionsDueMs > 0;
  }

  /** Bytes of the commands and lookups that are not answered yet. */
  get pendingBytes(): number {
    return this.pending.bytes;
  }

  /** Commands and lookups that are not answered yet. */
  get pendingCount(): number {
    return this.pending.size;
  }

  /** How many were refused so far for how much there was. */
  get refusedCount(): number {
    return this.pending.refused;
  }

  /** Whether this server leads, as of the last turn. */
  get leads(): boolean {
    return this.role === Role.Leader;
  }

  /** Who leads, as far as this server knew in the last turn; 0: nobody. */
  get knownLeader(): NodeId {
    return this.leader;
  }

  reconfigure(change: MembershipChange, done: (result: RequestResult) => void): void {
    this.request(done, (token) => this.engine.reconfigure(change, token));
  }

  transferLeadership(to: NodeId, done: (result: RequestResult) => void): void {
    this.request(done, (token) => {
      this.engine.transferLeadership(to, token, this.environment.cannotTakeOver?.() ?? []);
    });
  }

  private request(done: (result: RequestResult) => void, ask: (token: number) => void): void {
    const token = this.nextRequestToken++;
    this.requests.set(token, done);
    if (!this.stopped) ask(token);
    this.wake();
  }

  /** Returns why the engine left the message out; undefined where it did not. */
  receive(from: NodeId, message: M): Refusal | undefined {
    if (this.stopped) return undefined;
    const refusal = this.engine.receive(from, message);
    this.wake();
    return refusal;
  }

  /** To be told, after `receive`, how many bytes the message took. What is long is carried out at once: the disk begins, and others are read. */
  received(bytes: number): void {
    if (bytes >= LONG_MESSAGE_BYTES_MIN) this.turn();
  }

  tick(): void {
    if (this.stopped) return;
    const nowMs = this.environment.nowMs();
    this.pace.tick(nowMs);
    this.notePromises();
    this.engine.tick(nowMs);
    if (this.stateMachine.sessionsBound === 'due') this.boundSessions(nowMs);
    this.turn();
  }

  /** Everybody who is, was or will be one, while that changes. */
  private get members(): ReadonlySet<NodeId> {
    return namedIn(this.engine.summary().configuration);
  }

  /** Members and their versions change while it runs. */
  private notePromises(): void {
    const { environment, engine } = this;
    if (environment.promisesAreRead === undefined) return;
    engine.promisesAreRead(environment.promisesAreRead(this.members));
  }

  /** heldNumbers.ts has the argument. */
  private boundSessions(nowMs: number): void {
    if (!this.leads || nowMs < this.boundSessionsDueMs) return;
    if (this.environment.mayBoundSessions?.(this.members) !== true) return;
    this.boundSessionsDueMs = nowMs + BOUND_SESSIONS_EVERY_MS;
    this.engine.propose({ token: NOBODYS_TOKEN, commands: [NO_DATA], type: EntryType.BoundSessions });
  }

  status(): EngineStatus {
    return this.engine.status();
  }

  configuration(): Configuration {
    return this.engine.status().configuration;
  }

  /** Answers everything that is still open as unknown or not done. The store is the caller's to close. */
  stop(): void {
    this.stopped = true;
    this.loseOpen();
  }

  private loseOpen(): void {
    this.pending.loseAll(this.leader);
    const open = [...this.requests.values()];
    this.requests.clear();
    for (const done of open) done({ ok: false, reason: RejectReason.Timeout, leader: this.leader });
  }

  durable(mark: number): void {
    if (this.stopped) return;
    if (mark > this.lastMark) {
      this.failed(
        new BrokenInvariantError('durable was written', `mark ${mark} is durable, ${this.lastMark} was written`),
      );
      return;
    }
    this.stages?.durable(mark);
    this.engine.durable(mark);
    this.releaseHeld(mark);
    this.beginReading(mark);
    this.turn();
  }

  snapshotStored(index: number): void {
    this.snapshotInFlight = false;
    if (this.stopped) return;
    this.snapshotIndex = Math.max(this.snapshotIndex, index);
    this.engine.snapshotStored(index);
    this.wake();
  }

  hasRoomAgain(): void {
    if (this.taking !== undefined) this.wake();
  }

  failed(error: Error): void {
    if (this.stopped) return;
    this.stop();
    this.environment.failed(error);
  }

  private wake(): void {
    if (this.turnScheduled) return;
    this.turnScheduled = true;
    this.environment.schedule(() => {
      this.turnScheduled = false;
      this.turn();
    });
  }

  /** Gives the engine what gathered, then carries out what it wants until it wants nothing. */
  private turn(): void {
    if (this.inTurn) return;
    if (this.stopped) {
      // Asked since: that is answered, too.
      this.loseOpen();
      return;
    }
    this.inTurn = true;
    try {
      this.restoreOn();
      this.applyWaiting();
      this.offerPending();
      let drains = 0;
      this.appliedBytes = 0;
      while (this.carryOut(this.engine.drain())) {
        if (++drains < DRAINS_PER_TURN_MAX && this.appliedBytes < APPLIED_BYTES_PER_TURN_MAX) continue;
        // Let input and output through before going on.
        this.wake();
        break;
      }
      if (this.stopped) return;
      this.noticeStatus();
      const given = this.giveOn();
      if (given !== undefined) this.storeGiven(given);
      this.maybeSnapshot();
      if (this.pending.hasMore) this.wake();
    } catch (error) {
      if (!(error instanceof BrokenInvariantError)) throw error;
      this.failed(error);
    } finally {
      this.inTurn = false;
    }
  }

  /** Why clients' commands are refused while this server leads; undefined: they are taken. */
  refuseCommands(why: string | undefined): void {
    this.refusal = why;
  }

  private offerPending(): void {
    const { pendingMax = SERVER_PENDING_MAX, pendingBytesMax = Number.POSITIVE_INFINITY } = this.options;
    const { leader, refusal } = this;
    // Who does not lead sends them to the leader, whose disk may have room.
    if (refusal !== undefined && this.leads) this.pending.refuseArrived({ status: 'disk-full', detail: refusal });
    const batch = this.pending.takeCommands(pendingMax, pendingBytesMax, leader, this.foresee, this.pace);
    if (batch !== undefined) {
      this.stages?.offered(batch);
      this.engine.propose(batch);
    }
    const undecidedToken = this.pending.takeUndecided();
    if (undecidedToken !== undefined) this.engine.read(undecidedToken);
    const readToken = this.pending.takeLookups(pendingMax, pendingBytesMax, leader);
    if (readToken !== undefined) this.engine.read(readToken);
    const areAsked = undecidedToken !== undefined || readToken !== undefined;
    // A lease proves something to them by a clock that was read since they came.
    if (areAsked && this.leads && this.options.settings.readProof === 'lease') {
      this.engine.tick(this.environment.nowMs());
    }
  }

  /** Returns whether there was anything to do. */
  private carryOut(output: Output<M>): boolean {
    const { persist } = output;
    if (persist !== undefined) {
      this.stages?.writing(persist.mark, persist.entries.length);
      this.lastMark = persist.mark;
      this.store.persist(persist);
    }
    if (output.restore !== undefined) this.beginRestore(output.restore);
    // Before anything leaves: it would be said in the name of another process.
    const fenced = persist === undefined ? undefined : this.whyFenced();
    if (fenced !== undefined) {
      this.failed(fenced);
      return false;
    }
    if (output.messages.length > 0) this.environment.send(output.messages);
    if (output.messagesAfterPersist.length > 0) this.sendAfterPersist(output.messagesAfterPersist);
    this.tell(output.events);
    for (const accepted of output.accepted) this.accept(accepted);
    for (const rejected of output.rejected) this.reject(rejected);
    if (output.committed.length > 0) this.commit(output.committed);
    for (const read of output.reads) this.readDone(read);
    for (const request of output.requests) this.requestDone(request);
    return !isQuiet(output);
  }

  private sendAfterPersist(messages: readonly Envelope<M>[]): void {
    if (this.store.durableMark >= this.lastMark) this.environment.send(messages);
    else this.held.push({ mark: this.lastMark, messages });
  }

  private releaseHeld(mark: number): void {
    let released = 0;
    for (const { mark: needed, messages } of this.held) {
      if (needed > mark) break;
      this.environment.send(messages);
      released++;
    }
    if (released > 0) this.held.splice(0, released);
  }

  private accept(accepted: AcceptedProposals): void {
    this.pending.accept(accepted);
    this.stages?.accepted(accepted);
  }

  private reject(rejected: RejectedProposals): void {
    const status = rejected.reason === 'not-leader' ? 'not-leader' : 'overloaded';
    this.pending.reject(rejected, { status, leader: rejected.leader });
  }

  private beginRestore(snapshot: Snapshot): void {
    this.copy?.close();
    this.taking?.abandon();
    this.taking = undefined;
    this.giveUpGiving();
    const { content } = snapshot;
    const fences = content instanceof CheckedContent ? content.fences : this.stateMachine.fencesOf(content);
    this.waiting = [];
    this.restoring = { mark: this.lastMark, snapshot, fences, reading: undefined };
    this.environment.restoreBegun?.(snapshot.index);
  }

  private beginReading(mark: number): void {
    const restoring = this.restoring;
    if (restoring === undefined || restoring.mark > mark) return;
    restoring.reading ??= this.stateMachine.beginRestore(restoring.snapshot.content);
  }

  /** Reads on in a snapshot that is durable, and goes on from it once it is read. */
  private restoreOn(): void {
    const restoring = this.restoring;
    if (restoring?.reading === undefined) return;
    if (!restoring.reading.read(this.snapshotBytesPerTurn)) {
      this.wake();
      return;
    }
    this.restoring = undefined;
    this.appliedIndex = restoring.snapshot.index;
    this.snapshotIndex = restoring.snapshot.index;
    this.environment.restored?.(restoring.snapshot);
    this.configurationApplied();
    this.engine.applied(this.appliedIndex);
    this.answerReads();
  }

  private commit(entries: readonly Entry[]): void {
    if (this.restoring !== undefined || this.waiting.length > 0) this.waiting.push(...entries);
    else this.applyAll(entries);
  }

  /** Of what was committed while a snapshot was restored, and since, a part each turn. */
  private applyWaiting(): void {
    const { waiting } = this;
    if (this.restoring !== undefined || waiting.length === 0) return;
    let count = 0;
    for (let bytes = 0; count < waiting.length && bytes < this.snapshotBytesPerTurn; count++) {
      bytes += recordSize(waiting[count]!);
    }
    this.applyAll(waiting.splice(0, count));
    if (waiting.length > 0) this.wake();
  }

  private applyAll(entries: readonly Entry[]): void {
    this.stages?.committed(entries[entries.length - 1]!.index);
    for (const entry of entries) this.apply(entry);
    this.engine.applied(this.appliedIndex);
    this.answerReads();
  }

  private apply(entry: Entry): void {
    if (entry.index !== this.appliedIndex + 1) {
      broken('apply in order', `the engine hands out entry ${entry.index} after ${this.appliedIndex}`);
    }
    this.appliedIndex = entry.index;
    this.appliedBytes += entry.data.length;
    this.pace.applied(entry.data.length);
    const result = isForStateMachine(entry.type) ? this.stateMachine.apply(entry) : undefined;
    if (isConfigurationType(entry.type)) this.configurationApplied();
    this.environment.applied?.(entry);
    this.pending.applied(entry, result);
  }

  private readDone(read: ReadOutcome): void {
    if (read.ok) {
      this.pending.readConfirmed(read.token, read.index);
      this.answerReads();
      return;
    }
    const status = read.reason === 'not-leader' ? 'not-leader' : 'overloaded';
    this.pending.readFailed(read.token, { status, leader: read.leader });
  }

  private answerReads(): void {
    this.pending.answerLookups(this.appliedIndex, this.stateMachine);
    if (this.pending.decideRead(this.appliedIndex, this.foreseeCurrent)) this.wake();
  }

  private requestDone(request: RequestOutcome): void {
    const done = this.requests.get(request.token);
    this.requests.delete(request.token);
    if (request.ok) done?.({ ok: true });
    else done?.({ ok: false, reason: request.reason, leader: request.leader, missing: request.missing });
  }

  private tell(events: readonly EngineEvent[]): void {
    for (const event of events) this.environment.event(event);
  }

  private configurationApplied(): void {
    const { appliedIndex, life, engine } = this;
    this.tell(life.applied(appliedIndex, engine.summary(), engine.configurationAt(appliedIndex)));
  }

  private noticeStatus(): void {
    const now = this.engine.summary();
    this.tell(this.life.turned(now));
    const { role, term, leader } = now;
    if (role === this.role && term === this.term && leader === this.leader) return;
    // A leader that does not name itself has lost its quorum: what stands in its log may commit through another.
    const served = this.role === Role.Leader && this.leader === this.options.id;
    this.role = role;
    this.term = term;
    this.leader = leader;
    if (served) this.pending.loseAccepted(leader);
    this.environment.statusChanged(this.engine.status());
  }

  private maybeSnapshot(): void {
    if (this.taking === undefined) {
      const { id, snapshotEveryEntries } = this.options;
      if (this.snapshotInFlight || this.restoring !== undefined || this.giving !== undefined) return;
      if (!isSnapshotDue(id, snapshotEveryEntries, this.appliedIndex, this.snapshotIndex)) return;
      if (this.copy?.isOpen === true) {
        if (this.appliedIndex - this.snapshotIndex < COPY_INTERVALS_MAX * snapshotEveryEntries) return;
        this.copy.close();
      }
      const place = this.snapshotPlace();
      this.taking = new SnapshotTaking(place, this.stateMachine.openSnapshot(), this.store);
      this.environment.snapshotBegun?.(place.index);
    }
    // Where the disk is behind, it says when it is not.
    if (!this.store.hasRoom) return;
    const snapshot = this.taking.read(this.snapshotBytesPerTurn);
    if (snapshot === undefined) {
      this.wake();
      return;
    }
    this.taking = undefined;
    this.storeSnapshot(snapshot);
  }

  private storeSnapshot(snapshot: Snapshot): void {
    this.snapshotInFlight = true;
    this.store.storeSnapshot(snapshot, this.trailingEntries, () => this.engine.sending());
  }

  /** Whoever leads may have to bring a member up to date: so all keep the log for one that takes no snapshots. */
  private get trailingEntries(): number {
    const { trailingEntries, originalEntries = 0 } = this.options;
    const needLog = this.environment.takeNoSnapshots?.() ?? [];
    const { voters, learners } = this.engine.summary().configuration;
    const isNeeded = needLog.some((id) => voters.includes(id) || learners.includes(id));
    return isNeeded ? Math.max(trailingEntries, originalEntries) : trailingEntries;
  }

  private get snapshotBytesPerTurn(): number {
    return this.options.snapshotBytesPerTurn ?? SNAPSHOT_BYTES_PER_TURN;
  }

  /**
   * Hands over the state as of what is applied now, once it is read, a slice a turn: `done` is called inside this call where one slice is all of it.
   * Undefined where another one is being restored, or comes to be, and where one is read for somebody already. Never called once the
   * replica has stopped.
   */
  readState(done: (state: Snapshot | undefined) => void): void {
    if (this.restoring !== undefined || this.giving !== undefined) {
      done(undefined);
      return;
    }
    // There is one view of the state at a time: a snapshot of our own begins again later where this one is not taken for it, and whoever copies it asks again. A server that waits to take part goes first.
    this.copy?.close();
    this.taking?.abandon();
    this.taking = undefined;
    const taking = new SnapshotTaking(this.snapshotPlace(), this.stateMachine.openSnapshot(), new PieceKeeper());
    this.giving = { taking, done };
    this.giveOn();
  }

  /** Returns the state once it is whole. */
  private giveOn(): Snapshot | undefined {
    const { giving } = this;
    if (giving === undefined) return undefined;
    const state = giving.taking.read(this.snapshotBytesPerTurn);
    if (state === undefined) {
      this.wake();
      return undefined;
    }
    this.giving = undefined;
    giving.done(state);
    return state;
  }

  /** It is as good as one of our own: whoever asks for the state again and again would keep that from ever being read to its end. */
  private storeGiven(state: Snapshot): void {
    const { id, snapshotEveryEntries } = this.options;
    if (this.snapshotInFlight) return;
    if (!isSnapshotDue(id, snapshotEveryEntries, state.index, this.snapshotIndex)) return;
    this.environment.snapshotBegun?.(state.index);
    this.storeSnapshot(state);
  }

  private giveUpGiving(): void {
    const { giving } = this;
    this.giving = undefined;
    giving?.taking.abandon();
    giving?.done(undefined);
  }

  /**
   * The state as of what is applied, to be read in pieces while this replica goes on. The server's own snapshots wait for it, but not for ever: then it is closed.
   * Undefined while the state is read otherwise, or restored: to be asked again.
   */
  openCopy(): StateCopy | undefined {
    if (this.restoring !== undefined || this.taking !== undefined || this.giving !== undefined) return undefined;
    if (this.copy?.isOpen === true) return undefined;
    this.copy = new StateCopy(this.snapshotPlace(), this.stateMachine.openSnapshot());
    return this.copy;
  }

  /** The state as of what is applied, all at once; undefined while another one is being restored. For a server that serves nobody. */
  currentSnapshot(): Snapshot | undefined {
    if (this.restoring !== undefined) return undefined;
    return { ...this.snapshotPlace(), content: new MemoryContent(this.stateMachine.snapshot()) };
  }

  private snapshotPlace(): SnapshotPlace {
    const index = this.appliedIndex;
    // The log begins at what is applied, or before it.
    return { index, term: this.store.term(index)!, configuration: this.engine.configurationAt(index) };
  }
}

/** A state to restore comes with its persist. */
function isQuiet<M>(output: Output<M>): boolean {
  return (
    output.persist === undefined &&
    output.messages.length === 0 &&
    output.messagesAfterPersist.length === 0 &&
    output.committed.length === 0 &&
    output.accepted.length === 0 &&
    output.rejected.length === 0 &&
    output.reads.length === 0 &&
    output.requests.length === 0
  );
}
