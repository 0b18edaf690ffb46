import type { EngineStatus, Envelope, MembershipChange, NodeId } from '../consensus/contract.ts';
import { MalformedMessageError } from '../consensus/contract.ts';
import { messageType } from '../consensus/engineEntry.ts';
import { BrokenInvariantError } from '../consensus/parts/turnGuard.ts';
import type { ServerFault } from '../faults/serverFault.ts';
import type { CommandOutcome, RequestResult } from '../server/host/outcomes.ts';
import { type AdmissionRequest, admittedHardState } from '../server/identity/admission.ts';
import { FencedError } from '../server/identity/fences.ts';
import type { Introduction } from '../server/identity/identity.ts';
import type { KeptIdentity } from '../server/identity/keptIdentity.ts';
import type { Answer } from '../server/identity/startDecision.ts';
import type { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import { type LogStoreListener, RefusedDataError } from '../server/storage/contract.ts';
import type { PromisedDisk } from '../server/storage/promisedDisk.ts';
import { type AimedCrash, AimedCrashes, type CrashKind, PowerLost } from './aimedCrashes.ts';
import { checkBeginning } from './beginning.ts';
import { describeMessage, isDiskFailure, messageOf } from './describe.ts';
import { BYSTANDER, type ServerJudge, whoeverJudges } from './invariants/bystander.ts';
import { type Line, PeerDoor } from './peerDoor.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { ServerEnd } from './virtualCall.ts';
import { VirtualClock } from './virtualClock.ts';
import { LOST_WRITES_MAX, VirtualDisk } from './virtualDisk.ts';
import { type Packet, VirtualFaults } from './virtualFaults.ts';
import { type FolderImage, foundingMember, type Misplaced, newFolder, VirtualFolder } from './virtualFolder.ts';
import { type LifeHost, type ListenerTarget, VirtualLife } from './virtualLife.ts';
import { FIRST_EARLIER } from './virtualNetwork.ts';
import { type AdmissionReply, type GivenState, VirtualStarting } from './virtualStarting.ts';
import { bindStore, type OpenedStore, openStore } from './virtualStore.ts';

/** One process, from a start to the end of it. */
interface Process {
  readonly epoch: number;
  readonly identity: KeptIdentity;
  readonly door: PeerDoor;
  /** Of a server that takes faults on purpose. */
  readonly faults: VirtualFaults | undefined;
}

/**
 * One server: a machine with a disk and a clock that outlive its processes, and at most one process, which is a production
 * Replica over the production log store. It starts, crashes, pauses and fails as told, or as its disk or the others make it.
 */
export class VirtualServer {
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
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly name: string;
  private readonly aimed: AimedCrashes;
  private process: Process | undefined;
  private life: VirtualLife | undefined;
  /** Counts processes and ends of processes: what belongs to an earlier one is ignored. */
  private epoch = 0;
  private backlog: (() => void)[] | undefined;
  /** The faults on purpose that whoever starts it keeps up, by name; undefined: it takes none. */
  private faults: Map<string, ServerFault> | undefined;
  /** The process that went on elsewhere when the server was given up for lost. */
  private earlier: VirtualServer | undefined;
  /** Another process was admitted in the place of this one, which has no vote in this term and before. */
  private pastTerm: number | undefined;

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
    return this.backlog !== undefined;
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
  private get judge(): ServerJudge {
    return this.folder.forgets || this.pastTerm !== undefined ? BYSTANDER : this.around.judge;
  }

  /** Whether it is this process whose memory is the server's. */
  private get isTheServer(): boolean {
    return this.pastTerm === undefined && this.earlier?.isTheServerStill !== true;
  }

  /** What answers to its id. */
  get processes(): readonly VirtualServer[] {
    return this.earlier?.isUp === true ? [this, this.earlier] : [this];
  }

  private get listening(): readonly VirtualServer[] {
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
      this.process = { epoch, identity, door: this.door(epoch, identity), faults: this.faultsOf(epoch) };
      if (identity.identity.stage === 'member') {
        this.open(epoch);
        return;
      }
      // It finds nothing, or what is beside the folder is not of a new one.
      const { disk } = this.openStore(epoch, NOBODY);
      if (this.around.mutation.forgets === true) this.beginEmpty(epoch, disk, 'a new cluster', new Map());
      else this.startUp(epoch, disk).ask();
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

  private startUp(epoch: number, disk: PromisedDisk, goesOn: () => void = () => {}): VirtualStarting {
    const { plan, mutation, census } = this.around;
    this.note('does not take part yet');
    return new VirtualStarting({
      identity: this.process!.identity,
      bootstrap: plan.bootstrap,
      others: [...this.peers.keys()].filter((id) => id !== this.id),
      rejoins: this.rejoins,
      mutation,
      nowUs: () => this.around.timeline.nowUs,
      introduce: (to, claim, answered) => this.askWho(this.peers.get(to)!, epoch, claim, answered),
      askForAdmission: (to, claim, request, answered) => {
        const peer = this.peers.get(to)!;
        this.ask(peer, epoch, (back) => peer.askedForAdmission(claim, request, (reply) => back(() => answered(reply))));
      },
      after: (delayUs, run) => this.after(epoch, delayUs, run),
      admitted: (state) => this.install(state, epoch),
      began: (kind, cluster, known) => {
        checkBeginning(kind, this, plan.bootstrap, census);
        this.beginEmpty(epoch, disk, cluster, known);
      },
      goesOn,
      bind: (then) => this.bind(epoch, disk, then),
      refused: (by, misfit) => this.refused(`server ${by} says: ${misfit}`),
    });
  }

  /** Asks another server something; the answer comes back to this process. */
  private ask(peer: VirtualServer, epoch: number, ask: (back: (run: () => void) => void) => void): void {
    const { network } = this.around;
    const back = (run: () => void) => network.send(peer.endpoint, this.endpoint, () => this.enter(epoch, run));
    network.send(this.endpoint, peer.endpoint, () => ask(back));
  }

  private askWho(peer: VirtualServer, epoch: number, claim: Introduction, answered: (answer: Answer) => void): void {
    this.ask(peer, epoch, (back) => peer.introduced(claim, (answer) => back(() => answered(answer))));
  }

  /** Another server asks who this is. Where nobody listens it hears so at once. */
  introduced(claim: Introduction, answered: (answer: Answer) => void): void {
    const process = this.process;
    if (process === undefined || process.faults?.isApartFrom(claim.id)) answered({ kind: 'silent' });
    else this.enter(process.epoch, () => process.door.introduced(claim, answered));
  }

  askedForAdmission(claim: Introduction, request: AdmissionRequest, answered: (reply: AdmissionReply) => void): void {
    const process = this.process;
    if (process === undefined || process.faults?.isApartFrom(claim.id)) {
      answered({ ok: false, reason: 'unavailable', leader: 0 });
    } else this.enter(process.epoch, () => process.door.askedForAdmission(claim, request, answered));
  }

  private door(epoch: number, identity: KeptIdentity): PeerDoor {
    const { plan, mutation, network } = this.around;
    return new PeerDoor({
      identity,
      bootstrap: plan.bootstrap,
      mutation,
      wish: { rejoin: this.rejoins, survivor: 0 },
      nowUs: () => this.around.timeline.nowUs,
      // Where two processes go by one address, either may answer.
      introduce: (to, claim, answered) => {
        for (const peer of this.peers.get(to)!.listening) this.askWho(peer, epoch, claim, answered);
      },
      replica: () => this.life?.replica,
      forgets: () => this.folder.forgets,
      pastTerm: () => this.pastTerm,
      back: (from, run) => network.send(from, this.endpoint, () => this.enter(epoch, run)),
      after: (delayUs, run) => this.after(epoch, delayUs, run),
      refused: (by, misfit) => this.refused(`server ${by} says: ${misfit}`),
    });
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
  private refused(why: string): void {
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

  private beginEmpty(epoch: number, disk: PromisedDisk, cluster: string, known: GivenState['known']): void {
    this.bind(epoch, disk, () => {
      this.process!.identity.change({ stage: 'member', cluster, known });
      this.around.judge.begunEmpty(this.id);
      this.takesPart();
      this.starting(() => this.settle(epoch));
    });
  }

  /** Binds the data to this start; `then` its identity is to say so. */
  private bind(epoch: number, disk: PromisedDisk, then: () => void): void {
    const { identity } = this.process!;
    // To bind is to promise what was found.
    if (this.around.mutation.settlesLate === true) {
      then();
      return;
    }
    bindStore(this.around, this.aimed, disk, identity.startName, (error) => {
      if (error !== null) this.failed(`cannot start: ${messageOf(error)}`);
      if (epoch !== this.epoch) return;
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
  private install({ snapshot, spentTerm, admitted, cluster, known }: GivenState, epoch: number): void {
    const { judge, census } = this.around;
    const { identity } = this.process!;
    this.note('admitted', () => `with the state of index ${snapshot.index}, term ${snapshot.term}`);
    identity.change({ stage: 'admitting' });
    const hardState = admittedHardState(this.id, snapshot, spentTerm);
    const { store, disk } = this.openStore(epoch, {
      durable: () => {
        census.count(this.folder.isHonest ? 'new server admitted' : 'empty member rejoined');
        this.earlier?.isReplaced(hardState.term);
        judge.admitted(this.id, snapshot, hardState);
        identity.change({ stage: 'member', cluster, known, admitted });
        this.takesPart();
        this.starting(() => this.settle(epoch));
      },
      snapshotStored: () => {},
      failed: (error) => this.failed(error.message),
    });
    this.bind(epoch, disk, () => {
      store.persist({ mark: store.durableMark + 1, snapshot, entries: [], hardState, mustSync: true });
    });
  }

  // --- lives ---

  private openStore(epoch: number, listener: LogStoreListener): OpenedStore {
    const enter = (run: () => void) => this.enter(epoch, run);
    const { id, disk, around, aimed, random } = this;
    const boundary = this.process?.faults;
    return openStore({ id, identity: this.folder.identity, disk, around, aimed, random, boundary, enter }, listener);
  }

  /** Opens the store of a server that took part before, and asks the others whether it may go on. */
  private open(epoch: number): void {
    this.settle(epoch, (disk, begin) => this.startUp(epoch, disk, begin).checkMember());
  }

  /** Opens the store and, once it is settled, lets `check` decide when to begin. */
  private settle(
    epoch: number,
    check: (disk: PromisedDisk, begin: () => void) => void = (_disk, begin) => begin(),
  ): void {
    const { census, mutation } = this.around;
    const target: ListenerTarget = { listener: undefined };
    const { store, disk } = this.openStore(epoch, {
      durable: (mark) => {
        this.judge.durable(this.id, mark);
        target.listener!.durable(mark);
      },
      snapshotStored: (index) => target.listener!.snapshotStored(index),
      failed: (error) => target.listener!.failed(error),
    });
    if (this.disk.hasLostTail) census.count('lost tail put back');
    this.disk.acceptLoss();
    const begin = () => this.begin(epoch, store, target);
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
  private begin(epoch: number, chunked: ChunkedLogStore, target: ListenerTarget): void {
    const { census } = this.around;
    this.judge.started(this.id, chunked);
    if (epoch > 1) census.count('restart');
    let life: VirtualLife;
    try {
      life = new VirtualLife(this.lifeHost(epoch), chunked, target);
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      this.refused(messageOf(error));
      return;
    }
    this.life = life;
    const status = life.replica.status();
    this.note('start', () => `term ${status.term}, log to ${status.lastIndex}, commit ${status.commitIndex}`);
    this.scheduleTick(epoch);
  }

  private lifeHost(epoch: number): LifeHost {
    return {
      id: this.id,
      self: this.folder.identity,
      around: this.around,
      judge: this.endpoint === this.id ? this.judge : whoeverJudges(() => this.judge),
      clock: this.process?.faults ?? this.clock,
      faultyClients: this.process?.faults?.clients,
      aimed: this.aimed,
      random: this.random.fork(`engine ${epoch}`),
      soon: (run) => this.soon(epoch, run),
      after: (delayUs, run) => this.after(epoch, delayUs, run),
      send: (envelopes) => this.send(envelopes),
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

  private failed(why: string): void {
    this.note('failed', () => why);
    this.end(() => this.disk.settle());
    this.onDown?.();
  }

  private end(atDisk: () => void): void {
    this.epoch++;
    this.life?.sessions.processEnded(this.around.plan.machinesLast ? undefined : this.random);
    this.process = undefined;
    this.life = undefined;
    this.backlog = undefined;
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
    this.backlog = [];
  }

  resume(): void {
    const backlog = this.backlog;
    if (backlog === undefined) return;
    this.note('resume', () => `${backlog.length} things waited`);
    this.backlog = undefined;
    for (const run of backlog) run();
  }

  aim(kind: AimedCrash): void {
    this.aimed.aim(kind);
  }

  /** No more aimed crashes, not even one that is due. */
  spare(): void {
    this.aimed.spare();
  }

  private crashByItself(kind: CrashKind): void {
    this.crash(kind);
    this.onDown?.();
  }

  // --- what happens to a process ---

  /** Runs part of the process of `epoch`, if it still runs; later, if it is paused. */
  private enter(epoch: number, run: () => void): void {
    if (epoch !== this.epoch) return;
    if (this.backlog !== undefined) {
      this.backlog.push(() => this.enter(epoch, run));
      return;
    }
    try {
      run();
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      if (error instanceof PowerLost) this.crashByItself('crash inside a turn');
      else if (isDiskFailure(error)) this.failed(messageOf(error));
      else throw new InvariantViolation('no exception', `${this.name}: ${messageOf(error)}`, { cause: error });
    }
  }

  private soon(epoch: number, run: () => void): void {
    this.around.timeline.after(this.random.between(1, TURN_DELAY_US_MAX), () => this.enter(epoch, run));
  }

  private after(epoch: number, delayUs: number, run: () => void): void {
    this.around.timeline.after(delayUs, () => this.enter(epoch, run));
  }

  private scheduleTick(epoch: number): void {
    const intervalUs = (this.around.plan.settings.heartbeatMs * 1000) / 2 / this.clock.rate;
    this.around.timeline.after(intervalUs, () => {
      if (epoch !== this.epoch) return;
      if (!this.isPaused) this.enter(epoch, () => this.life!.replica.tick());
      this.scheduleTick(epoch);
    });
  }

  private send(envelopes: readonly Envelope<unknown>[]): void {
    const { engine, trace, promises } = this.around;
    const judge = this.judge;
    const { faults, door } = this.process!;
    const { line } = door;
    for (const { to, message } of envelopes) {
      if (messageType(message) === engine.takeOverType) judge.toldToStand(this.id, to);
      const promised = promises(this.id, to, message);
      if (promised !== undefined) judge.promises(this.id, to, promised);
      this.aimed.calledOutside();
      const bytes = engine.kind.codec.encode(message);
      trace.mixBytes(3, bytes);
      trace.tell(this.name, 'send', () => `to ${to}: ${describeMessage(message)}`);
      if (to === this.id) {
        throw new InvariantViolation('engine contract', `${this.name} sends a message to itself`);
      }
      const packet: Packet = { line, bytes, promised, mayOvertake: engine.kind.codec.mayOvertake(message) };
      if (faults === undefined) this.transmit(to, packet);
      else faults.peers.send([{ to, message: packet }]);
    }
  }

  /** As on a connection: its two ends know each other, and it does not outlive the folder of either. */
  private transmit(to: NodeId, packet: Packet): void {
    const { door } = this.process!;
    for (const process of this.peers.get(to)?.processes ?? []) {
      const { instance } = process;
      const reach = (arrived: () => void) => {
        this.around.network.send(this.endpoint, process.endpoint, () => {
          if (process.instance === instance) arrived();
        });
      };
      const say = () => reach(() => process.deliver(packet));
      const isLinked = () => door.speaksTo(process.folder.identity);
      if (isLinked()) say();
      // It waits until the connection is taken up.
      else reach(() => process.greeted(packet.line, () => isLinked() && say()));
    }
  }

  get instance(): string {
    return this.folder.identity.instance;
  }

  deliver(packet: Packet): void {
    if (this.life === undefined) return;
    this.enter(this.epoch, () => {
      const { faults } = this.process!;
      if (faults === undefined) this.take(packet);
      else faults.peers.receive(packet.line.claim.id, packet);
    });
  }

  private take(packet: Packet): void {
    const use = () => this.receive(packet);
    if (this.around.mutation.forgets === true) use();
    else this.process!.door.hear(packet.line, use);
  }

  private receive({ line, bytes, promised }: Packet): void {
    const from = line.claim.id;
    if (line.forgets && !this.folder.forgets) {
      throw new InvariantViolation('whole memory', `${this.name} uses a message of server ${from}, which forgot`);
    }
    if (promised !== undefined) this.judge.heard(this.id, from, promised, line.pastTerm());
    const refusal = this.life!.replica.receive(from, this.decode(bytes));
    if (refusal === undefined || this.folder.forgets) return;
    if (!refusal.malformed) throw new InvariantViolation('liveness', `${this.name} does not believe ${refusal.reason}`);
    throw new InvariantViolation('engine contract', `server ${from} sends ${this.name} ${refusal.reason}`);
  }

  /** Somebody dials, and says who he is and no more; `welcomed` where he hears that he is taken up, by whom he may speak to. */
  greeted(line: Line, welcomed: () => void): void {
    if (this.life !== undefined) this.enter(this.epoch, () => this.process!.door.greeted(line, welcomed));
  }

  private decode(bytes: Uint8Array): unknown {
    try {
      return this.around.engine.kind.codec.decode(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      throw new InvariantViolation('engine contract', `${this.name} cannot decode a message: ${error.message}`);
    }
  }

  // --- what is asked of it ---

  accept(call: ServerEnd): boolean {
    if (this.life === undefined) return false;
    const epoch = this.epoch;
    call.enter = (run) => this.enter(epoch, run);
    call.enter(() => this.life!.sessions.serve(call));
    return true;
  }

  submit(command: Uint8Array, done: (outcome: CommandOutcome) => void): void {
    if (this.life === undefined) return;
    this.enter(this.epoch, () => this.life!.submit(command, done));
  }

  reconfigure(change: MembershipChange, done: (result: RequestResult) => void): void {
    if (this.life === undefined) return;
    this.enter(this.epoch, () => this.life!.replica.reconfigure(change, done));
  }

  transferLeadership(to: NodeId, done: (result: RequestResult) => void): void {
    if (this.life === undefined) return;
    this.enter(this.epoch, () => this.life!.replica.transferLeadership(to, done));
  }

  // --- faults on purpose ---

  private faultsOf(epoch: number): VirtualFaults | undefined {
    if (this.faults === undefined) return undefined;
    const { id, around } = this;
    const process = {
      id,
      around,
      random: this.random.fork(`faults ${epoch}`),
      after: (delayUs: number, run: () => void) => this.after(epoch, delayUs, run),
      transmit: (to: NodeId, packet: Packet) => this.transmit(to, packet),
      take: (packet: Packet) => this.take(packet),
      note: (what: string, detail: () => string) => this.note(what, detail),
    };
    return new VirtualFaults(process, this.faults);
  }

  /** It is started so that it takes faults from now on. */
  takeFaults(): void {
    this.faults = new Map();
  }

  setFault(name: string, fault: ServerFault): void {
    this.faults!.set(name, fault);
    this.toldOfFaults((faults) => faults.set(name, fault));
  }

  healFault(name: string): void {
    this.faults!.delete(name);
    this.toldOfFaults((faults) => faults.heal(name));
  }

  private toldOfFaults(tell: (faults: VirtualFaults) => void): void {
    const { process } = this;
    if (process !== undefined) this.enter(process.epoch, () => tell(process.faults!));
  }

  private note(what: string, detail?: () => string): void {
    this.around.trace.note(this.name, what, detail);
  }
}

const NOBODY: LogStoreListener = { durable: () => {}, snapshotStored: () => {}, failed: () => {} };

/** A process takes up to so long to get round to something. */
const TURN_DELAY_US_MAX = 30;
