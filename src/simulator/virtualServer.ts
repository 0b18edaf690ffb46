import type { EngineStatus, MembershipChange, NodeId } from '../consensus/contract.ts';
import { BrokenInvariantError } from '../consensus/parts/turnGuard.ts';
import type { ServerFault } from '../faults/serverFault.ts';
import type { CommandOutcome, RequestResult } from '../server/host/outcomes.ts';
import { type AdmissionRequest, admittedHardState } from '../server/identity/admission.ts';
import { FencedError } from '../server/identity/fences.ts';
import type { Introduction } from '../server/identity/identity.ts';
import type { Answer } from '../server/identity/startDecision.ts';
import type { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import { type LogStoreListener, RefusedDataError } from '../server/storage/contract.ts';
import type { PromisedDisk } from '../server/storage/promisedDisk.ts';
import { type AimedCrash, AimedCrashes, type CrashKind } from './aimedCrashes.ts';
import { checkBeginning } from './beginning.ts';
import { isDiskFailure, messageOf } from './describe.ts';
import { BYSTANDER, type ServerJudge, whoeverJudges } from './invariants/bystander.ts';
import type { Line } from './peerDoor.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { ServerEnd } from './virtualCall.ts';
import { VirtualClock } from './virtualClock.ts';
import { LOST_WRITES_MAX, VirtualDisk } from './virtualDisk.ts';
import type { Packet } from './virtualFaults.ts';
import { type FolderImage, foundingMember, type Misplaced, newFolder, VirtualFolder } from './virtualFolder.ts';
import { type LifeHost, type ListenerTarget, VirtualLife } from './virtualLife.ts';
import { FIRST_EARLIER } from './virtualNetwork.ts';
import { type ProcessHost, VirtualProcess } from './virtualProcess.ts';
import { type AdmissionReply, type GivenState, VirtualStarting } from './virtualStarting.ts';
import { bindStore, type OpenedStore, openStore } from './virtualStore.ts';

/**
 * One server: a machine with a disk and a clock that outlive its processes, and at most one process, which is a production
 * Replica over the production log store. It starts, crashes, pauses and fails as told, or as its disk or the others make it.
 */
export class VirtualServer implements ProcessHost {
  readonly id: NodeId;
  /** In the network. */
  readonly endpoint: number;
  readonly clock: VirtualClock;
  readonly disk: VirtualDisk;
  readonly folder: VirtualFolder;
  /** Its next start is one with `-rejoin`: an operator has read why the last one was refused. */
  rejoins = false;
  /** Told whenever the server went down by itself: it is to be started again. */
  onDown: (() => void) | undefined;
  /** Nobody starts it. */
  staysAway = false;
  /** Whether it ever took part. */
  hasTakenPart: boolean;
  /** Set by the world once all servers exist. */
  peers: ReadonlyMap<NodeId, VirtualServer> = new Map();
  readonly around: Surroundings;
  readonly random: Random;
  readonly name: string;
  readonly aimed: AimedCrashes;
  private process: VirtualProcess | undefined;
  /** Counts processes and ends of processes. */
  private epoch = 0;
  /** The faults on purpose that whoever starts it keeps up, by name; undefined: it takes none. */
  private faults: Map<string, ServerFault> | undefined;
  /** The process that went on elsewhere when the server was given up for lost. */
  private earlier: VirtualServer | undefined;
  pastTerm: number | undefined;

  /** `leftBy`: of whom it is the process that goes on elsewhere, on what that one kept. */
  constructor(id: NodeId, around: Surroundings, leftBy?: VirtualServer) {
    const { timeline, random, census, plan } = around;
    this.id = id;
    this.endpoint = leftBy === undefined ? id : FIRST_EARLIER + id;
    this.name = leftBy === undefined ? `server ${id}` : `earlier ${id}`;
    this.around = around;
    this.random = random.fork(leftBy === undefined ? this.name : `${this.name}, ${timeline.nowUs}`);
    this.aimed = new AimedCrashes(timeline, this.random, (kind) => this.crashByItself(kind));
    const rate = plan.clockRates[id - 1]!;
    this.clock = new VirtualClock(timeline, rate, this.random.int(1_000_000_000));
    if (rate !== 1) census.count('clock drift');
    this.disk = new VirtualDisk(timeline, this.random.fork('disk'), census, plan.disk);
    const engine = around.engine.kind.name;
    this.hasTakenPart = !plan.founding;
    const first = plan.founding ? newFolder(id, engine) : foundingMember(id, plan.serverCount, engine);
    this.folder = new VirtualFolder(id, engine, this.disk, leftBy?.folder.identity ?? first);
    if (leftBy === undefined) return;
    this.disk.put(leftBy.disk.image);
    this.hasTakenPart = true;
    this.folder.isHonest = false;
    this.peers = leftBy.peers;
    this.epoch = leftBy.epoch;
  }

  /** Whether it takes part, or may, with everything that it promised. */
  get remembers(): boolean {
    return this.folder.identity.stage === 'member' && !this.folder.forgets;
  }

  /** Whether it has a process, which may not take part yet. */
  get isUp(): boolean {
    return this.process !== undefined;
  }

  get isRunning(): boolean {
    return this.life !== undefined;
  }

  get isPaused(): boolean {
    return this.process?.isPaused === true;
  }

  private get life(): VirtualLife | undefined {
    return this.process?.life;
  }

  get stateMachine(): KeyValueStore | undefined {
    return this.life?.stateMachine;
  }

  status(): EngineStatus | undefined {
    return this.life?.replica.status();
  }

  /** Whether it prepares a membership change, or has one in its log that is not known to be committed. */
  get isChangingMembers(): boolean {
    return this.status()?.pendingChange !== undefined || this.around.judge.hasOpenChange(this.id);
  }

  /** What a server does on a folder that is not its own is no business of the rules, as long as nobody uses it. */
  get judge(): ServerJudge {
    return this.folder.forgets || this.pastTerm !== undefined ? BYSTANDER : this.around.judge;
  }

  /** Whether it is this process whose memory is the server's. */
  private get isTheServer(): boolean {
    return this.pastTerm === undefined && this.earlier?.isTheServerStill !== true;
  }

  get processes(): readonly VirtualServer[] {
    return this.earlier?.isUp === true ? [this, this.earlier] : [this];
  }

  get listening(): readonly VirtualServer[] {
    return this.earlier?.isUp === true && !this.isUp ? [this.earlier] : this.processes;
  }

  get isTheServerStill(): boolean {
    return this.isUp && this.pastTerm === undefined;
  }

  // --- starts ---

  /** Starts a process. Where its folder cannot be read, or the others refuse it, the server stays down. */
  start(): void {
    if (this.process !== undefined || this.staysAway) return;
    const epoch = ++this.epoch;
    // What an admission that was interrupted has left is no good.
    if (this.folder.identity.stage === 'admitting') this.loseFolder();
    if (this.rejoins) this.loseFolder();
    this.starting(() => {
      const identity = this.folder.open(`${epoch}`);
      const process = new VirtualProcess(this, epoch, identity, this.faults);
      this.process = process;
      if (identity.identity.stage === 'member') {
        this.open(process);
        return;
      }
      // It finds nothing, or what is beside the folder is not of a new one.
      const { disk } = this.openStore(process, NOBODY);
      if (this.around.mutation.forgets === true) this.beginEmpty(process, disk, 'a new cluster', new Map());
      else this.startUp(process, disk).ask();
    });
  }

  /** A folder that cannot be read, or that is not the right one, keeps a process from starting. */
  private starting(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      if (isDiskFailure(error)) this.failed(`cannot start: ${messageOf(error)}`);
      else if (!(error instanceof RefusedDataError)) this.failStart('no exception', error);
      else if (this.folder.misplaced !== undefined) this.refused(messageOf(error));
      else if (this.disk.hasLostTail) {
        this.around.census.count('lost tail refused');
        this.failed(messageOf(error));
      } else this.failStart('durability', error);
    }
  }

  private failStart(invariant: 'durability' | 'no exception', cause: unknown): never {
    throw new InvariantViolation(invariant, `${this.name} cannot start: ${messageOf(cause)}`, { cause });
  }

  private startUp(process: VirtualProcess, disk: PromisedDisk, goesOn: () => void = () => {}): VirtualStarting {
    const { plan, mutation, census } = this.around;
    this.note('does not take part yet');
    return new VirtualStarting({
      identity: process.identity,
      bootstrap: plan.bootstrap,
      others: [...this.peers.keys()].filter((id) => id !== this.id),
      rejoins: this.rejoins,
      mutation,
      nowUs: () => this.around.timeline.nowUs,
      introduce: (to, claim, answered) => process.introduce(to, claim, answered),
      askForAdmission: (to, claim, request, answered) => process.askForAdmission(to, claim, request, answered),
      after: (delayUs, run) => process.after(delayUs, run),
      admitted: (state) => this.install(state, process),
      began: (kind, cluster, known) => {
        checkBeginning(kind, this, plan.bootstrap, census);
        this.beginEmpty(process, disk, cluster, known);
      },
      goesOn,
      bind: (then) => this.bind(process, disk, then),
      refused: (by, misfit) => this.refused(`server ${by} says: ${misfit}`),
    });
  }

  /** Another server asks who this is. Where nobody listens it hears so at once. */
  introduced(claim: Introduction, answered: (answer: Answer) => void): void {
    if (this.process === undefined) answered({ kind: 'silent' });
    else this.process.introduced(claim, answered);
  }

  askedForAdmission(claim: Introduction, request: AdmissionRequest, answered: (reply: AdmissionReply) => void): void {
    if (this.process === undefined) answered({ ok: false, reason: 'unavailable', leader: 0 });
    else this.process.askedForAdmission(claim, request, answered);
  }

  // --- folders ---

  /** All that the machine kept of the server is gone; its process ended before. */
  loseFolder(): void {
    if (this.hasTakenPart && this.isTheServer) this.around.judge.lost(this.id);
    this.folder.lose();
  }

  /** The server, whose process ended, goes on elsewhere on what it kept, while here its folder is gone. undefined: one does already. */
  leaveBehind(): VirtualServer | undefined {
    if (this.earlier?.isUp === true) return undefined;
    this.earlier = new VirtualServer(this.id, this.around, this);
    this.earlier.start();
    this.loseFolder();
    return this.earlier.isUp ? this.earlier : undefined;
  }

  /** Another process takes the server's place. */
  isReplaced(term: number): void {
    if (this.pastTerm !== undefined) return;
    if (this.isUp) this.around.census.count('earlier process outlives an admission');
    if (this.isUp) this.around.judge.stopped(this.id);
    this.pastTerm = term;
  }

  /** Another folder stands in the place of its own; its process ended before. */
  misplaceFolder(by: FolderImage, misplaced: Misplaced): void {
    this.note('misplaced', () => misplaced);
    this.folder.replace(by, misplaced);
  }

  /** Who must not take part says so, and an operator reads it. */
  refused(why: string): void {
    const { census } = this.around;
    const { misplaced, isHonest, identity } = this.folder;
    this.note('refused', () => why);
    if (this.endpoint !== this.id) {
      this.endProcess();
      return;
    }
    if (isHonest) throw new InvariantViolation('right refusal', `${this.name} forgot nothing, and is refused: ${why}`);
    if (misplaced === 'older copy') census.count('older copy refused');
    else if (misplaced !== undefined) census.count('foreign folder refused');
    else census.count('empty member refused');
    if (identity.stage === 'new' && misplaced === 'older copy') census.count('copy of a new folder refused');
    this.mend();
    this.failed(why);
  }

  /** What an operator does about a server that must not go on as it is. */
  mend(): void {
    if (this.folder.canBePutBack && this.random.chance(0.5)) this.putBackFolder();
    else this.rejoins = true;
  }

  /** An operator ends whatever process it is. */
  endProcess(): void {
    if (this.process !== undefined) this.end(() => this.disk.settle());
  }

  putBackFolder(): void {
    this.endProcess();
    this.note('puts back its own folder');
    this.around.census.count('right folder put back');
    this.folder.putBack();
    this.rejoins = false;
  }

  private beginEmpty(process: VirtualProcess, disk: PromisedDisk, cluster: string, known: GivenState['known']): void {
    this.bind(process, disk, () => {
      process.identity.change({ stage: 'member', cluster, known });
      this.around.judge.begunEmpty(this.id);
      this.takesPart();
      this.starting(() => this.settle(process));
    });
  }

  /** Binds the data to this start; `then` its identity is to say so. */
  private bind(process: VirtualProcess, disk: PromisedDisk, then: () => void): void {
    const { identity } = process;
    // To bind is to promise what was found.
    if (this.around.mutation.settlesLate === true) {
      then();
      return;
    }
    bindStore(this.around, this.aimed, disk, identity.startName, (error) => {
      if (error !== null) this.failed(`cannot start: ${messageOf(error)}`);
      if (process !== this.process) return;
      identity.noteBound();
      then();
    });
  }

  private takesPart(): void {
    this.folder.begins();
    this.hasTakenPart = true;
    this.rejoins = false;
  }

  /** Makes the state durable that the leader gave, and starts from it. */
  private install({ snapshot, spentTerm, admitted, cluster, known }: GivenState, process: VirtualProcess): void {
    const { judge, census } = this.around;
    const { identity } = process;
    this.note('admitted', () => `with the state of index ${snapshot.index}, term ${snapshot.term}`);
    identity.change({ stage: 'admitting' });
    const hardState = admittedHardState(this.id, snapshot, spentTerm);
    const { store, disk } = this.openStore(process, {
      durable: () => {
        census.count(this.folder.isHonest ? 'new server admitted' : 'empty member rejoined');
        this.earlier?.isReplaced(hardState.term);
        judge.admitted(this.id, snapshot, hardState);
        identity.change({ stage: 'member', cluster, known, admitted });
        this.takesPart();
        this.starting(() => this.settle(process));
      },
      snapshotStored: () => {},
      failed: (error) => this.failed(error.message),
    });
    this.bind(process, disk, () => {
      store.persist({ mark: store.durableMark + 1, snapshot, entries: [], hardState, mustSync: true });
    });
  }

  // --- lives ---

  private openStore(process: VirtualProcess, listener: LogStoreListener): OpenedStore {
    const enter = (run: () => void) => process.enter(run);
    const after = (delayUs: number, run: () => void) => process.after(delayUs, run);
    const { id, disk, around, aimed, random } = this;
    const boundary = process.faults;
    const identity = this.folder.identity;
    return openStore({ id, identity, disk, around, aimed, random, boundary, enter, after }, listener);
  }

  /** Opens the store of a server that took part before, and asks the others whether it may go on. */
  private open(process: VirtualProcess): void {
    this.settle(process, (disk, begin) => this.startUp(process, disk, begin).checkMember());
  }

  /** Opens the store and, once it is settled, lets `check` decide when to begin. */
  private settle(
    process: VirtualProcess,
    check: (disk: PromisedDisk, begin: () => void) => void = (_disk, begin) => begin(),
  ): void {
    const { census, mutation } = this.around;
    const target: ListenerTarget = { listener: undefined };
    const { store, disk } = this.openStore(process, {
      durable: (mark) => {
        this.judge.durable(this.id, mark);
        target.listener!.durable(mark);
      },
      snapshotStored: (index) => target.listener!.snapshotStored(index),
      hasRoomAgain: () => target.listener!.hasRoomAgain?.(),
      failed: (error) => target.listener!.failed(error),
    });
    if (this.disk.hasLostTail) census.count('lost tail put back');
    this.disk.acceptLoss();
    const begin = () => this.begin(process, store, target);
    if (mutation.settlesLate === true) {
      check(disk, begin);
      return;
    }
    this.aimed.aimAtOpening();
    disk.settle((error) => {
      this.aimed.forget();
      if (error === null) check(disk, begin);
      else this.failed(`cannot start: ${messageOf(error)}`);
    });
  }

  /** The store is settled: what it holds counts from here. */
  private begin(process: VirtualProcess, chunked: ChunkedLogStore, target: ListenerTarget): void {
    const { census } = this.around;
    this.judge.started(this.id, chunked);
    if (process.epoch > 1) census.count('restart');
    let life: VirtualLife;
    try {
      life = new VirtualLife(this.lifeHost(process), chunked, target);
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      this.refused(messageOf(error));
      return;
    }
    process.life = life;
    const status = life.replica.status();
    this.note('start', () => `term ${status.term}, log to ${status.lastIndex}, commit ${status.commitIndex}`);
    process.tick();
  }

  private lifeHost(process: VirtualProcess): LifeHost {
    return {
      id: this.id,
      self: this.folder.identity,
      around: this.around,
      judge: this.endpoint === this.id ? this.judge : whoeverJudges(() => this.judge),
      clock: process.faults ?? this.clock,
      faultyClients: process.faults?.clients,
      aimed: this.aimed,
      random: this.random.fork(`engine ${process.epoch}`),
      soon: (run) => process.soon(run),
      after: (delayUs, run) => process.after(delayUs, run),
      send: (envelopes) => process.send(envelopes),
      failed: (error) => {
        if (error instanceof BrokenInvariantError) {
          throw new InvariantViolation('no exception', `${this.name}: ${error.message}`, { cause: error });
        }
        if (error instanceof FencedError) this.refused(error.message);
        else this.failed(error.message);
      },
      note: (what, detail) => this.note(what, detail),
    };
  }

  /** A process that stops in an orderly way; the machine goes on. */
  stop(): void {
    const life = this.life;
    if (life === undefined || this.isPaused) return;
    this.around.census.count('graceful stop');
    this.note('stop');
    life.replica.stop();
    this.end(() => this.disk.settle());
  }

  crash(kind: CrashKind): void {
    if (this.process === undefined) return;
    if (!this.hasTakenPart) this.around.census.count('crash before the founding');
    this.around.census.count(kind);
    this.note('crash', () => `${kind}${this.disk.hasUnsyncedWrites ? ', with unsynced writes' : ''}`);
    this.end(() => this.disk.crash());
  }

  /** A crash after which what the disk had promised is not there either. */
  crashAndLoseTail(): void {
    this.crash('crash between events');
    if (!this.isRunning && this.disk.loseTail(this.random.between(1, LOST_WRITES_MAX))) {
      this.note('lost tail');
    }
  }

  failed(why: string): void {
    this.note('failed', () => why);
    this.end(() => this.disk.settle());
    this.onDown?.();
  }

  private end(atDisk: () => void): void {
    this.epoch++;
    this.process?.end(this.around.plan.machinesLast ? undefined : this.random);
    this.process = undefined;
    this.aimed.processEnded();
    atDisk();
    if (this.isTheServer) this.around.judge.stopped(this.id);
    if (this.isTheServer && this.endpoint !== this.id) this.around.judge.lost(this.id);
    for (const peer of this.peers.values()) peer.process?.door.gone(this.id);
  }

  pause(): void {
    if (this.process === undefined || this.isPaused) return;
    this.note('pause');
    this.around.census.count('pause');
    this.process.pause();
  }

  resume(): void {
    this.process?.resume();
  }

  aim(kind: AimedCrash): void {
    this.aimed.aim(kind);
  }

  /** No more aimed crashes, not even one that is due. */
  spare(): void {
    this.aimed.spare();
  }

  powerLost(): void {
    this.crashByItself('crash inside a turn');
  }

  private crashByItself(kind: CrashKind): void {
    this.crash(kind);
    this.onDown?.();
  }

  // --- what is asked of it ---

  deliver(packet: Packet): void {
    this.process?.deliver(packet);
  }

  greeted(line: Line, welcomed: () => void): void {
    this.process?.greeted(line, welcomed);
  }

  accept(call: ServerEnd): boolean {
    return this.process?.accept(call) === true;
  }

  submit(command: Uint8Array, done: (outcome: CommandOutcome) => void): void {
    const { process, life } = this;
    if (life !== undefined) process!.enter(() => life.submit(command, done));
  }

  reconfigure(change: MembershipChange, done: (result: RequestResult) => void): void {
    const { process, life } = this;
    if (life !== undefined) process!.enter(() => life.replica.reconfigure(change, done));
  }

  transferLeadership(to: NodeId, done: (result: RequestResult) => void): void {
    const { process, life } = this;
    if (life !== undefined) process!.enter(() => life.replica.transferLeadership(to, done));
  }

  // --- faults on purpose ---

  /** It is started so that it takes faults from now on. */
  takeFaults(): void {
    this.faults = new Map();
  }

  setFault(name: string, fault: ServerFault): void {
    this.faults!.set(name, fault);
    const { process } = this;
    process?.enter(() => process.faults!.set(name, fault));
  }

  healFault(name: string): void {
    this.faults!.delete(name);
    const { process } = this;
    process?.enter(() => process.faults!.heal(name));
  }

  note(what: string, detail?: () => string): void {
    this.around.trace.note(this.name, what, detail);
  }
}

const NOBODY: LogStoreListener = { durable: () => {}, snapshotStored: () => {}, failed: () => {} };
