import type {
  EngineEvent,
  EngineKind,
  EngineStatus,
  Envelope,
  MembershipChange,
  NodeId,
} from '../consensus/contract.ts';
import { MalformedMessageError } from '../consensus/contract.ts';
import {
  type CommandOutcome,
  type CommandSink,
  type LookupOutcome,
  Replica,
  type ReplicaEnvironment,
  type RequestResult,
} from '../server/host/replica.ts';
import { admit, admittedHardState } from '../server/identity/admission.ts';
import {
  type Identity,
  type Introduction,
  introductionOf,
  type KnownServer,
  misfitOf,
  startedAgain,
  withKnown,
} from '../server/identity/identity.ts';
import { type Answer, withMember } from '../server/identity/startDecision.ts';
import { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import {
  type Disk,
  type LogStore,
  type LogStoreListener,
  type PromisedArea,
  RefusedDataError,
} from '../server/storage/contract.ts';
import { PromisedDisk } from '../server/storage/promisedDisk.ts';
import { STORE_ID_BYTES } from '../server/storage/promisedSlot.ts';
import type { FaultKind } from './census.ts';
import { ObservedEngine, ObservedStore, observeStateMachine } from './observers.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import { VirtualClock } from './virtualClock.ts';
import { LOST_WRITES_MAX, VirtualDisk, VirtualDiskError } from './virtualDisk.ts';
import { type AdmissionReply, type GivenState, VirtualStarting } from './virtualStarting.ts';

/** A command or lookup as it arrives at a server. */
export interface ClientCall {
  /** The client's endpoint in the network. */
  readonly from: number;
  /** The marshalled command; undefined for a lookup of `key`. */
  readonly command: Uint8Array | undefined;
  readonly key: string;
  /** The session's command, for the judge; 0 where it is a registration. */
  readonly clientId: number;
  readonly clientSeq: number;
  commandDone(outcome: CommandOutcome): void;
  lookupDone(outcome: LookupOutcome): void;
}

/** Thrown out of whatever a server is doing when its power goes. */
class PowerLost extends Error {
  override readonly name = 'PowerLost';
}

export type CrashKind = Extract<
  FaultKind,
  | 'crash between events'
  | 'crash inside a turn'
  | 'crash with a write pending'
  | 'crash with a vote pending'
  | 'crash right after a sync'
  | 'crash of the whole cluster'
>;
export type AimedCrash = Exclude<CrashKind, 'crash between events' | 'crash of the whole cluster'>;

/** Who is told what becomes of a store's writes, once there is somebody. */
interface ListenerTarget {
  listener: LogStoreListener | undefined;
}

/** One process: from a start to the end of it. */
interface Life {
  readonly replica: Replica<unknown>;
  readonly store: LogStore;
  readonly stateMachine: KeyValueStore;
}

/**
 * One server: a machine with a disk and a clock that outlive its processes, and at most one process, which is a production
 * Replica over the production log store. It starts, crashes, pauses and fails as told, or as its disk makes it.
 */
export class VirtualServer {
  readonly id: NodeId;
  readonly clock: VirtualClock;
  readonly disk: VirtualDisk;
  /** Its next start is one with `-rejoin`: an operator has read why the last one was refused. */
  rejoins = false;
  /** Told whenever the server went down by itself: it is to be started again. */
  onDown: (() => void) | undefined;
  /** Nobody starts it. */
  staysAway = false;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #name: string;
  #life: Life | undefined;
  /** A process that does not take part yet. */
  #starting: VirtualStarting | undefined;
  /** What its folder says of who wrote it. */
  #folder: Identity;
  #foldersMade = 1;
  /** Its store was read, and is being settled. */
  #isOpening = false;
  /** Counts lives and ends of lives: what belongs to an earlier one is ignored. */
  #epoch = 0;
  #backlog: (() => void)[] | undefined;
  #aimed: AimedCrash | undefined;
  #callsToCrash = 0;
  #isSpared = false;
  /** A vote was handed to the store and no sync has begun since. */
  #isVoting = false;

  constructor(id: NodeId, around: Surroundings) {
    const { timeline, random, census, plan } = around;
    this.id = id;
    this.#name = `server ${id}`;
    this.#around = around;
    this.#random = random.fork(`server ${id}`);
    const rate = plan.clockRates[id - 1]!;
    this.clock = new VirtualClock(timeline, rate, this.#random.int(1_000_000_000));
    if (rate !== 1) census.count('clock drift');
    this.disk = new VirtualDisk(timeline, this.#random.fork('disk'), census, plan.disk);
    this.#folder = foundingMember(id, plan.serverCount, around.engine.kind.name);
  }

  /** Whether it still knows what it promised. */
  get remembers(): boolean {
    return this.#folder.stage === 'member';
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  get isPaused(): boolean {
    return this.#backlog !== undefined;
  }

  get stateMachine(): KeyValueStore | undefined {
    return this.#life?.stateMachine;
  }

  status(): EngineStatus | undefined {
    return this.#life?.replica.status();
  }

  // --- lives ---

  /** Opens the store and, once it is settled, starts a replica on it. Where the disk cannot be read the server stays down. */
  start(): void {
    if (this.#life !== undefined || this.#starting !== undefined || this.#isOpening || this.staysAway) return;
    const epoch = ++this.#epoch;
    // What an admission that was interrupted has left is no good.
    if (this.#folder.stage === 'admitting') this.loseFolder();
    this.#folder = startedAgain(this.#folder, `${epoch}`);
    if (this.#folder.stage === 'new') {
      if (this.#around.mutation.forgets === true) this.#folder = { ...this.#folder, stage: 'member' };
      else {
        this.#beginStarting(epoch);
        return;
      }
    }
    this.#isOpening = true;
    try {
      this.#open(epoch);
    } catch (error) {
      if (isDiskFailure(error)) {
        this.#failed(`cannot start: ${messageOf(error)}`);
        return;
      }
      if (error instanceof InvariantViolation) throw error;
      const isRefused = error instanceof RefusedDataError;
      if (isRefused && this.disk.hasLostTail) {
        this.#around.census.count('lost tail refused');
        this.#note('refuses', () => messageOf(error));
        this.#isOpening = false;
        this.onDown?.();
        return;
      }
      const invariant = isRefused ? 'durability' : 'no exception';
      throw new InvariantViolation(invariant, `${this.#name} cannot start: ${messageOf(error)}`, { cause: error });
    }
  }

  // --- a folder that is lost, and how a server gets another one ---

  /** All that the machine kept of the server is gone; its process ended before. */
  loseFolder(): void {
    this.disk.wipe();
    this.#foldersMade++;
    this.#folder = newFolder(this.id, `${this.id}.${this.#foldersMade}`, this.#around.engine.kind.name);
    this.#around.judge.lost(this.id);
  }

  #beginStarting(epoch: number): void {
    const { plan, network, census } = this.#around;
    this.#note('does not take part yet');
    this.#starting = new VirtualStarting({
      bootstrap: plan.bootstrap,
      others: [...this.peers.keys()].filter((id) => id !== this.id),
      rejoins: this.rejoins,
      identity: () => this.#folder,
      introduce: (to, claim, answered) => {
        network.send(this.id, to, () =>
          this.#peers(to)?.introduced(claim, (answer) =>
            network.send(to, this.id, () => this.#enter(epoch, () => answered(answer))),
          ),
        );
      },
      askForAdmission: (to, claim, rejoins, answered) => {
        network.send(this.id, to, () =>
          this.#peers(to)?.askedForAdmission(claim, rejoins, (reply) =>
            network.send(to, this.id, () => this.#enter(epoch, () => answered(reply))),
          ),
        );
      },
      after: (delayUs, run) => this.#around.timeline.after(delayUs, () => this.#enter(epoch, run)),
      admitted: (state) => this.#install(state, epoch),
      refused: () => {
        census.count('empty member refused');
        this.rejoins = true;
        this.#failed('the others know it by another folder');
      },
      began: (kind) => {
        throw new InvariantViolation('durability', `${this.#name} begins anew (${kind}), though not all forgot`);
      },
    });
    this.#starting.ask();
  }

  /** Another server asks who this is. */
  introduced(claim: Introduction, answered: (answer: Answer) => void): void {
    if (this.#life === undefined && this.#starting === undefined) return;
    this.#enter(this.#epoch, () => {
      const status = this.#life?.replica.status();
      answered({
        kind: 'introduced',
        introduction: introductionOf(this.#folder),
        misfit: misfitOf(this.#folder, claim),
        isVoter: status?.configuration.voters.includes(claim.id) ?? false,
        leader: status?.leader ?? 0,
        known: this.#folder.known,
      });
    });
  }

  askedForAdmission(claim: Introduction, rejoins: boolean, answered: (reply: AdmissionReply) => void): void {
    if (this.#life === undefined) return;
    this.#enter(this.#epoch, () => {
      admit(this.#life!.replica, claim.id, rejoins, (answer) => {
        const { cluster } = this.#folder;
        const known = withMember(claim.id, this.#folder.known, introductionOf(this.#folder));
        answered(answer.ok ? { ...answer, cluster, known } : answer);
      });
    });
  }

  /** Makes the state durable that the leader gave, and starts from it. */
  #install({ snapshot, cluster, known }: GivenState, epoch: number): void {
    const { judge, census } = this.#around;
    this.#note('admitted', () => `with the state of index ${snapshot.index}, term ${snapshot.term}`);
    this.#folder = { ...this.#folder, stage: 'admitting' };
    const hardState = admittedHardState(this.id, snapshot);
    const { store } = this.#openStore(epoch, {
      durable: () => {
        census.count(this.rejoins ? 'empty member rejoined' : 'new server admitted');
        judge.admitted(this.id, snapshot, hardState);
        this.#folder = { ...this.#folder, stage: 'member', cluster, known, admitted: snapshot.index };
        this.rejoins = false;
        this.#end(() => this.disk.settle());
        this.start();
      },
      snapshotStored: () => {},
      failed: (error) => this.#failed(error.message),
    });
    store.persist({ mark: store.durableMark + 1, snapshot, entries: [], hardState, mustSync: true });
  }

  #openStore(epoch: number, listener: LogStoreListener): { store: ChunkedLogStore; disk: PromisedDisk } {
    const { plan, mutation } = this.#around;
    const disk = this.disk.open({ syncBegun: (us) => this.#syncBegun(us), syncDone: () => this.#syncDone() });
    const area = this.disk.promised.open();
    const promised = PromisedDisk.open(
      this.#guarded(mutation.disk?.(disk) ?? disk, epoch),
      this.#guardedArea(mutation.promised?.(area) ?? area, epoch),
      () => Uint8Array.from({ length: STORE_ID_BYTES }, () => this.#random.int(256)),
    );
    const { store } = promised.recover((whole) =>
      ChunkedLogStore.open(whole, listener, { cacheEntries: plan.cacheEntries }),
    );
    return { store, disk: promised };
  }

  #open(epoch: number): void {
    const { judge, census, mutation } = this.#around;
    const target: ListenerTarget = { listener: undefined };
    const { store, disk } = this.#openStore(epoch, {
      durable: (mark) => {
        judge.durable(this.id, mark);
        target.listener!.durable(mark);
      },
      snapshotStored: (index) => target.listener!.snapshotStored(index),
      failed: (error) => target.listener!.failed(error),
    });
    if (this.disk.hasLostTail) census.count('lost tail put back');
    this.disk.acceptLoss();
    if (mutation.settlesLate === true) {
      this.#begin(epoch, store, target);
      return;
    }
    if (!this.#isSpared && this.#random.chance(CRASH_WHILE_OPENING_CHANCE)) this.#aimed = 'crash with a write pending';
    disk.settle((error) => {
      this.#aimed = undefined;
      if (error === null) this.#begin(epoch, store, target);
      else this.#failed(`cannot start: ${messageOf(error)}`);
    });
  }

  /** The store is settled: what it holds counts from here. */
  #begin(epoch: number, chunked: ChunkedLogStore, target: ListenerTarget): void {
    const { judge, census } = this.#around;
    judge.started(this.id, chunked);
    this.#isOpening = false;
    if (epoch > 1) census.count('restart');
    const life = this.#newLife(epoch, chunked, target);
    this.#life = life;
    const status = life.replica.status();
    this.#note('start', () => `term ${status.term}, log to ${status.lastIndex}, commit ${status.commitIndex}`);
    this.#scheduleTick(epoch);
  }

  #newLife(epoch: number, chunked: ChunkedLogStore, target: ListenerTarget): Life {
    const { judge, plan, engine, mutation, census } = this.#around;
    let store: LogStore = new ObservedStore(chunked, {
      votes: () => {
        this.#isVoting = true;
      },
      snapshotTaken: (snapshot) => {
        census.count('snapshot taken');
        this.#note('snapshot', () => `at ${snapshot.index}`);
        judge.snapshotTaken(this.id, snapshot);
        this.#maybeLosePower();
      },
    });
    const later = (run: () => void) => this.#soon(epoch, run);
    const replicaListener: LogStoreListener = {
      durable: (mark) => target.listener!.durable(mark),
      snapshotStored: (index) => target.listener!.snapshotStored(index),
      failed: (error) => target.listener!.failed(error),
    };
    store = mutation.store?.(store, replicaListener, later) ?? store;
    const stateMachine = observeStateMachine(
      mutation.stateMachine?.() ?? new KeyValueStore(),
      (entry) => judge.applying(this.id, entry),
      (entry, result) => judge.appliedAs(this.id, entry, result),
    );
    const replica = new Replica(store, {
      kind: this.#observedKind(engine.kind),
      id: this.id,
      settings: plan.settings,
      bootstrap: plan.bootstrap,
      random: this.#random.fork(`engine ${epoch}`).next,
      stateMachine,
      environment: this.#environment(epoch, stateMachine),
      snapshotEveryEntries: plan.snapshotEveryEntries,
      trailingEntries: plan.trailingEntries,
    });
    target.listener = replica;
    return { replica, store, stateMachine };
  }

  #observedKind(kind: EngineKind<unknown>): EngineKind<unknown> {
    const { mutation, judge } = this.#around;
    return {
      name: kind.name,
      codec: kind.codec,
      create: (init) => {
        const engine = kind.create(init);
        return new ObservedEngine(mutation.engine?.(engine, init) ?? engine, this.id, judge);
      },
    };
  }

  /** A disk whose completions reach only the process that asked, and only while it runs. */
  #guarded(disk: Disk, epoch: number): Disk {
    return {
      get: (key) => disk.get(key),
      keys: (prefix) => disk.keys(prefix),
      write: (operations, sync, done) => {
        this.#around.trace.mix(2, this.id);
        disk.write(operations, sync, (error) => this.#enter(epoch, () => done(error)));
      },
      close: () => disk.close(),
    };
  }

  #guardedArea(area: PromisedArea, epoch: number): PromisedArea {
    const entering = (done: (error: Error | null) => void) => (error: Error | null) =>
      this.#enter(epoch, () => done(error));
    return {
      name: area.name,
      found: area.found,
      create: (slots, done) => area.create(slots, entering(done)),
      write: (slot, pieces, done) => area.write(slot, pieces, entering(done)),
      close: () => area.close(),
    };
  }

  #environment(epoch: number, stateMachine: KeyValueStore): ReplicaEnvironment<unknown> {
    const { judge, census } = this.#around;
    return {
      nowMs: () => this.clock.nowMs,
      schedule: (turn) => this.#soon(epoch, turn),
      send: (envelopes) => this.#send(envelopes),
      event: (event) => this.#event(event),
      statusChanged: ({ role, term, leader }) => this.#note(role, () => `term ${term}, leader ${leader || 'unknown'}`),
      failed: (error) => this.#failed(error.message),
      applied: (entry) => {
        judge.applied(this.id, entry, stateMachine);
        this.#maybeLosePower();
      },
      restored: (snapshot) => {
        census.count('snapshot installed');
        this.#note('restore', () => `snapshot at ${snapshot.index}`);
        judge.restored(this.id, snapshot, stateMachine);
      },
    };
  }

  #event(event: EngineEvent): void {
    this.#note(`event ${event}`);
  }

  /** A process that stops in an orderly way; the machine goes on. */
  stop(): void {
    const life = this.#life;
    if (life === undefined || this.isPaused) return;
    this.#around.census.count('graceful stop');
    this.#note('stop');
    life.replica.stop();
    this.#end(() => this.disk.settle());
  }

  crash(kind: CrashKind): void {
    if (this.#life === undefined && this.#starting === undefined && !this.#isOpening) return;
    this.#around.census.count(kind);
    this.#note('crash', () => `${kind}${this.disk.hasUnsyncedWrites ? ', with unsynced writes' : ''}`);
    this.#end(() => this.disk.crash());
  }

  /** A crash after which what the disk had promised is not there either. */
  crashAndLoseTail(): void {
    this.crash('crash between events');
    if (!this.isRunning && this.disk.loseTail(this.#random.between(1, LOST_WRITES_MAX))) {
      this.#note('lost tail');
    }
  }

  #failed(why: string): void {
    this.#note('failed', () => why);
    this.#end(() => this.disk.settle());
    this.onDown?.();
  }

  #end(atDisk: () => void): void {
    this.#epoch++;
    this.#life = undefined;
    this.#starting = undefined;
    this.#isOpening = false;
    this.#backlog = undefined;
    this.#aimed = undefined;
    atDisk();
    this.#around.judge.stopped(this.id);
  }

  pause(): void {
    if (this.#life === undefined || this.isPaused) return;
    this.#note('pause');
    this.#around.census.count('pause');
    this.#backlog = [];
  }

  resume(): void {
    const backlog = this.#backlog;
    if (backlog === undefined) return;
    this.#note('resume', () => `${backlog.length} things waited`);
    this.#backlog = undefined;
    for (const run of backlog) run();
  }

  // --- aimed crashes ---

  aim(kind: AimedCrash): void {
    if (this.#isSpared) return;
    this.#aimed = kind;
    this.#callsToCrash = this.#random.between(1, 40);
  }

  /** No more aimed crashes, not even one that is due. */
  spare(): void {
    this.#isSpared = true;
    this.#aimed = undefined;
  }

  /** Every call that a process makes to the outside is a moment at which the power may go. */
  #maybeLosePower(): void {
    if (this.#aimed !== 'crash inside a turn' || --this.#callsToCrash > 0) return;
    throw new PowerLost();
  }

  #syncBegun(latencyUs: number): void {
    this.#crashWhilePending(latencyUs);
    this.#isVoting = false;
  }

  #crashWhilePending(latencyUs: number): void {
    const aimed = this.#aimed;
    if (aimed !== 'crash with a write pending' && !(aimed === 'crash with a vote pending' && this.#isVoting)) return;
    const epoch = this.#epoch;
    this.#aimed = undefined;
    this.#around.timeline.after(this.#random.int(latencyUs), () => {
      if (epoch === this.#epoch && !this.#isSpared) this.#crashByItself(aimed);
    });
  }

  #syncDone(): void {
    if (this.#aimed === 'crash right after a sync') this.#crashByItself('crash right after a sync');
  }

  #crashByItself(kind: CrashKind): void {
    this.crash(kind);
    this.onDown?.();
  }

  // --- what happens to a process ---

  /** Runs part of the process of `epoch`, if it still runs; later, if it is paused. */
  #enter(epoch: number, run: () => void): void {
    if (epoch !== this.#epoch) return;
    if (this.#backlog !== undefined) {
      this.#backlog.push(() => this.#enter(epoch, run));
      return;
    }
    try {
      run();
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      if (error instanceof PowerLost) this.#crashByItself('crash inside a turn');
      else if (isDiskFailure(error)) this.#failed(messageOf(error));
      else throw new InvariantViolation('no exception', `${this.#name}: ${messageOf(error)}`, { cause: error });
    }
  }

  #soon(epoch: number, run: () => void): void {
    this.#around.timeline.after(this.#random.between(1, TURN_DELAY_US_MAX), () => this.#enter(epoch, run));
  }

  #scheduleTick(epoch: number): void {
    const intervalUs = (this.#around.plan.settings.heartbeatMs * 1000) / 2 / this.clock.rate;
    this.#around.timeline.after(intervalUs, () => {
      if (epoch !== this.#epoch) return;
      if (!this.isPaused) this.#enter(epoch, () => this.#life!.replica.tick());
      this.#scheduleTick(epoch);
    });
  }

  #send(envelopes: readonly Envelope<unknown>[]): void {
    const { engine, network, trace, judge } = this.#around;
    for (const { to, message } of envelopes) {
      if (engine.tellsToStand(message)) judge.toldToStand(this.id, to);
      this.#maybeLosePower();
      const bytes = engine.kind.codec.encode(message);
      trace.mixBytes(3, bytes);
      trace.tell(this.#name, 'send', () => `to ${to}: ${describeMessage(message)}`);
      if (to === this.id) {
        throw new InvariantViolation('engine contract', `${this.#name} sends a message to itself`);
      }
      // As on a connection: its two ends know each other, and it does not outlive the folder of either.
      const peer = this.#peers(to);
      const claim = introductionOf(this.#folder);
      const instance = peer?.instance;
      network.send(this.id, to, () => {
        if (peer?.instance === instance) peer?.deliver(claim, bytes);
      });
    }
  }

  /** Set by the world once all servers exist. */
  peers: ReadonlyMap<NodeId, VirtualServer> = new Map();

  #peers(id: NodeId): VirtualServer | undefined {
    return this.peers.get(id);
  }

  get instance(): string {
    return this.#folder.instance;
  }

  deliver(claim: Introduction, bytes: Uint8Array): void {
    if (this.#life === undefined) return;
    this.#enter(this.#epoch, () => {
      if (!this.#meets(claim)) return;
      const from = claim.id;
      const refusal = this.#life!.replica.receive(from, this.#decode(bytes));
      if (refusal === undefined) return;
      if (!refusal.malformed)
        throw new InvariantViolation('liveness', `${this.#name} does not believe ${refusal.reason}`);
      throw new InvariantViolation('engine contract', `server ${from} sends ${this.#name} ${refusal.reason}`);
    });
  }

  /** Whether a message of this sender may be used; who sent it is known from then on. */
  #meets(claim: Introduction): boolean {
    if (this.#around.mutation.forgets === true) return true;
    if (misfitOf(this.#folder, claim) !== undefined) return false;
    this.#folder = withKnown(this.#folder, claim);
    return true;
  }

  #decode(bytes: Uint8Array): unknown {
    try {
      return this.#around.engine.kind.codec.decode(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      throw new InvariantViolation('engine contract', `${this.#name} cannot decode a message: ${error.message}`);
    }
  }

  // --- what is asked of it ---

  call(call: ClientCall): void {
    if (this.#life === undefined) return;
    this.#enter(this.#epoch, () => {
      const { replica } = this.#life!;
      const sink = this.#sink(call);
      if (call.command === undefined) replica.lookup(call.key, sink, 0);
      else replica.submit(call.command, sink, 0);
    });
  }

  #sink(call: ClientCall): CommandSink {
    const { judge, network } = this.#around;
    return {
      commandDone: (_tag, outcome) => {
        if (outcome.status === 'ok' && call.clientId !== 0) judge.acknowledged(this.id, call.clientId, call.clientSeq);
        if (outcome.status === 'ok' && call.clientId === 0) judge.registered(this.id, outcome.clientId);
        network.send(this.id, call.from, () => call.commandDone(outcome));
      },
      lookupDone: (_tag, outcome) => {
        network.send(this.id, call.from, () => call.lookupDone(outcome));
      },
    };
  }

  reconfigure(change: MembershipChange, done: (result: RequestResult) => void): void {
    if (this.#life === undefined) return;
    this.#enter(this.#epoch, () => this.#life!.replica.reconfigure(change, done));
  }

  transferLeadership(to: NodeId, done: (result: RequestResult) => void): void {
    if (this.#life === undefined) return;
    this.#enter(this.#epoch, () => this.#life!.replica.transferLeadership(to, done));
  }

  #note(what: string, detail?: () => string): void {
    this.#around.trace.note(this.#name, what, detail);
  }
}

const CRASH_WHILE_OPENING_CHANCE = 0.05;

/** A process takes up to so long to get round to something. */
const TURN_DELAY_US_MAX = 30;

function isDiskFailure(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof VirtualDiskError) return true;
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function describeMessage(message: unknown): string {
  return JSON.stringify(message, (key, value: unknown) => {
    if (key === 'record' || key === 'recordStart' || key === 'recordEnd') return undefined;
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    return value;
  });
}

/** A folder of a server that has promised nothing. */
function newFolder(id: NodeId, instance: string, engine: string): Identity {
  const known = new Map();
  const never = { boots: 0, life: '', earlierLives: [] };
  return { id, engine, cluster: '', instance, stage: 'new', ...never, admitted: 0, known };
}

/** The folders of a cluster that was founded before the run begins: all know each other. */
function foundingMember(id: NodeId, serverCount: number, engine: string): Identity {
  const known = new Map<NodeId, KnownServer>();
  for (let other = 1; other <= serverCount; other++) {
    if (other !== id) known.set(other, { instance: `${other}.1`, boots: 0, life: '', admitted: 0, ran: true });
  }
  return { ...newFolder(id, `${id}.1`, engine), cluster: 'the cluster', stage: 'member', known };
}
