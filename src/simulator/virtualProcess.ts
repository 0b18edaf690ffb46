import { type Envelope, MalformedMessageError, type NodeId } from '../consensus/contract.ts';
import { messageType } from '../consensus/engineEntry.ts';
import type { ServerFault } from '../faults/serverFault.ts';
import type { AdmissionRequest } from '../server/identity/admission.ts';
import type { Introduction } from '../server/identity/identity.ts';
import type { KeptIdentity } from '../server/identity/keptIdentity.ts';
import type { Answer } from '../server/identity/startDecision.ts';
import { type AimedCrashes, PowerLost } from './aimedCrashes.ts';
import { describeMessage, isDiskFailure, messageOf } from './describe.ts';
import type { ServerJudge } from './invariants/bystander.ts';
import { type Line, PeerDoor } from './peerDoor.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { ServerEnd } from './virtualCall.ts';
import type { VirtualClock } from './virtualClock.ts';
import { type Packet, VirtualFaults } from './virtualFaults.ts';
import type { VirtualFolder } from './virtualFolder.ts';
import type { VirtualLife } from './virtualLife.ts';
import type { AdmissionReply } from './virtualStarting.ts';

/** A server as the processes of others reach it. */
export interface PeerServer {
  readonly endpoint: number;
  readonly folder: VirtualFolder;
  /** What answers to its id. */
  readonly processes: readonly PeerServer[];
  /** Of these, who listens at its address. */
  readonly listening: readonly PeerServer[];
  deliver(packet: Packet): void;
  greeted(line: Line, welcomed: () => void): void;
  introduced(claim: Introduction, answered: (answer: Answer) => void): void;
  askedForAdmission(claim: Introduction, request: AdmissionRequest, answered: (reply: AdmissionReply) => void): void;
}

/** The server that a process is one of. */
export interface ProcessHost extends PeerServer {
  readonly id: NodeId;
  readonly name: string;
  readonly around: Surroundings;
  readonly random: Random;
  readonly aimed: AimedCrashes;
  readonly clock: VirtualClock;
  /** Who watches it at the moment. */
  readonly judge: ServerJudge;
  readonly peers: ReadonlyMap<NodeId, PeerServer>;
  readonly rejoins: boolean;
  /** Another process was admitted in the place of this one, which has no vote in this term and before. */
  readonly pastTerm: number | undefined;
  /** Its power goes in the middle of something. */
  powerLost(): void;
  failed(why: string): void;
  refused(why: string): void;
  note(what: string, detail?: () => string): void;
}

/** One process of a server, from a start to the end of it: when it gets round to what, and what it says to others and hears from them. */
export class VirtualProcess {
  /** Which of its server's. */
  readonly epoch: number;
  readonly identity: KeptIdentity;
  readonly door: PeerDoor;
  /** Of a server that takes faults on purpose. */
  readonly faults: VirtualFaults | undefined;
  /** Of one that takes part. */
  life: VirtualLife | undefined;
  private readonly server: ProcessHost;
  /** What waits for it to go on; undefined while it runs. */
  private backlog: (() => void)[] | undefined;
  private isOver = false;

  /** `faults`: what it has from its start, by name. */
  constructor(
    server: ProcessHost,
    epoch: number,
    identity: KeptIdentity,
    faults: ReadonlyMap<string, ServerFault> | undefined,
  ) {
    this.server = server;
    this.epoch = epoch;
    this.identity = identity;
    this.door = this.openDoor();
    if (faults === undefined) return;
    const { id, around, random } = server;
    this.faults = new VirtualFaults(
      {
        id,
        around,
        random: random.fork(`faults ${epoch}`),
        after: (delayUs, run) => this.after(delayUs, run),
        transmit: (to, packet) => this.transmit(to, packet),
        take: (packet) => this.take(packet),
        note: (what, detail) => server.note(what, detail),
      },
      faults,
    );
  }

  private openDoor(): PeerDoor {
    const { around, folder, rejoins } = this.server;
    const { plan, mutation, network, timeline } = around;
    return new PeerDoor({
      identity: this.identity,
      bootstrap: plan.bootstrap,
      mutation,
      wish: { rejoin: rejoins, survivor: 0 },
      nowUs: () => timeline.nowUs,
      // Where two processes go by one address, either may answer.
      introduce: (to, claim, answered) => {
        for (const peer of this.peer(to).listening) this.askWho(peer, claim, answered);
      },
      replica: () => this.life?.replica,
      forgets: () => folder.forgets,
      pastTerm: () => this.server.pastTerm,
      back: (from, run) => network.send(from, this.server.endpoint, () => this.enter(run)),
      after: (delayUs, run) => this.after(delayUs, run),
      refused: (by, misfit) => this.server.refused(`server ${by} says: ${misfit}`),
    });
  }

  // --- its time ---

  get isPaused(): boolean {
    return this.backlog !== undefined;
  }

  /** Runs part of it, if it still runs; later, if it is paused. */
  enter(run: () => void): void {
    if (this.isOver) return;
    if (this.backlog !== undefined) {
      this.backlog.push(() => this.enter(run));
      return;
    }
    try {
      run();
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      if (error instanceof PowerLost) this.server.powerLost();
      else if (isDiskFailure(error)) this.server.failed(messageOf(error));
      else throw new InvariantViolation('no exception', `${this.server.name}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Runs it in a later turn. */
  soon(run: () => void): void {
    const { around, random } = this.server;
    around.timeline.after(random.between(1, TURN_DELAY_US_MAX), () => this.enter(run));
  }

  after(delayUs: number, run: () => void): void {
    this.server.around.timeline.after(delayUs, () => this.enter(run));
  }

  /** From now on. */
  tick(): void {
    const { around, clock } = this.server;
    const intervalUs = (around.plan.settings.heartbeatMs * 1000) / 2 / clock.rate;
    around.timeline.after(intervalUs, () => {
      if (this.isOver) return;
      if (!this.isPaused) this.enter(() => this.life!.replica.tick());
      this.tick();
    });
  }

  pause(): void {
    this.backlog = [];
  }

  resume(): void {
    const { backlog } = this;
    if (backlog === undefined) return;
    this.server.note('resume', () => `${backlog.length} things waited`);
    this.backlog = undefined;
    for (const run of backlog) run();
  }

  /** Nothing of it runs any more. `random`: of what becomes of its clients' connections; undefined: they hear of its end. */
  end(random: Random | undefined): void {
    this.isOver = true;
    this.life?.sessions.processEnded(random);
  }

  // --- messages ---

  send(envelopes: readonly Envelope<unknown>[]): void {
    const { id, name, around, aimed, judge } = this.server;
    const { engine, trace, promises, chunks } = around;
    const { line } = this.door;
    for (const { to, message } of envelopes) {
      if (messageType(message) === engine.takeOverType) judge.toldToStand(id, to);
      const promised = promises(id, to, message);
      if (promised !== undefined) judge.promises(id, to, promised);
      const chunk = engine.chunkPlace?.(message);
      if (chunk !== undefined) chunks.sent(id, to, chunk);
      aimed.calledOutside();
      const bytes = engine.kind.codec.encode(message);
      trace.mixBytes(3, bytes);
      trace.tell(name, 'send', () => `to ${to}: ${describeMessage(message)}`);
      if (to === id) throw new InvariantViolation('engine contract', `${name} sends a message to itself`);
      const packet: Packet = { line, bytes, promised, mayOvertake: engine.kind.codec.mayOvertake(message) };
      if (this.faults === undefined) this.transmit(to, packet);
      else this.faults.peers.send([{ to, message: packet }]);
    }
  }

  /** As on a connection: its two ends know each other, and it does not outlive the folder of either. */
  private transmit(to: NodeId, packet: Packet): void {
    const { around, endpoint, peers } = this.server;
    for (const peer of peers.get(to)?.processes ?? []) {
      const { instance } = peer.folder.identity;
      const reach = (arrived: () => void) => {
        around.network.send(endpoint, peer.endpoint, () => {
          if (peer.folder.identity.instance === instance) arrived();
        });
      };
      const say = () => reach(() => peer.deliver(packet));
      const isLinked = () => this.door.speaksTo(peer.folder.identity);
      if (isLinked()) say();
      // It waits until the connection is taken up.
      else reach(() => peer.greeted(packet.line, () => isLinked() && say()));
    }
  }

  deliver(packet: Packet): void {
    if (this.life === undefined) return;
    this.enter(() => {
      if (this.faults === undefined) this.take(packet);
      else this.faults.peers.receive(packet.line.claim.id, packet);
    });
  }

  private take(packet: Packet): void {
    const use = () => this.receive(packet);
    if (this.server.around.mutation.forgets === true) use();
    else this.door.hear(packet.line, use);
  }

  private receive({ line, bytes, promised }: Packet): void {
    const { id, name, folder, judge, around } = this.server;
    const from = line.claim.id;
    if (line.forgets && !folder.forgets) {
      throw new InvariantViolation('whole memory', `${name} uses a message of server ${from}, which forgot`);
    }
    if (promised !== undefined) judge.heard(id, from, promised, line.pastTerm());
    const message = this.decode(bytes);
    const chunk = around.engine.chunkPlace?.(message);
    if (chunk !== undefined) around.chunks.arrived(from, id, chunk);
    const { replica } = this.life!;
    const refusal = replica.receive(from, message);
    replica.received(bytes.length);
    if (refusal === undefined || folder.forgets) return;
    if (!refusal.malformed) throw new InvariantViolation('liveness', `${name} does not believe ${refusal.reason}`);
    throw new InvariantViolation('engine contract', `server ${from} sends ${name} ${refusal.reason}`);
  }

  private decode(bytes: Uint8Array): unknown {
    const { name, around } = this.server;
    try {
      return around.engine.kind.codec.decode(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      throw new InvariantViolation('engine contract', `${name} cannot decode a message: ${error.message}`);
    }
  }

  /** Somebody dials, and says who he is and no more; `welcomed` where he hears that he is taken up, by whom he may speak to. */
  greeted(line: Line, welcomed: () => void): void {
    if (this.life !== undefined) this.enter(() => this.door.greeted(line, welcomed));
  }

  // --- questions ---

  private peer(id: NodeId): PeerServer {
    return this.server.peers.get(id)!;
  }

  /** Asks another server something; the answer comes back to this process. */
  private ask(peer: PeerServer, ask: (back: (run: () => void) => void) => void): void {
    const { around, endpoint } = this.server;
    const back = (run: () => void) => around.network.send(peer.endpoint, endpoint, () => this.enter(run));
    around.network.send(endpoint, peer.endpoint, () => ask(back));
  }

  private askWho(peer: PeerServer, claim: Introduction, answered: (answer: Answer) => void): void {
    this.ask(peer, (back) => peer.introduced(claim, (answer) => back(() => answered(answer))));
  }

  introduce(to: NodeId, claim: Introduction, answered: (answer: Answer) => void): void {
    this.askWho(this.peer(to), claim, answered);
  }

  askForAdmission(
    to: NodeId,
    claim: Introduction,
    request: AdmissionRequest,
    answered: (reply: AdmissionReply) => void,
  ): void {
    const peer = this.peer(to);
    this.ask(peer, (back) => peer.askedForAdmission(claim, request, (reply) => back(() => answered(reply))));
  }

  introduced(claim: Introduction, answered: (answer: Answer) => void): void {
    if (this.faults?.isApartFrom(claim.id)) answered({ kind: 'silent' });
    else this.enter(() => this.door.introduced(claim, answered));
  }

  askedForAdmission(claim: Introduction, request: AdmissionRequest, answered: (reply: AdmissionReply) => void): void {
    if (this.faults?.isApartFrom(claim.id)) answered({ ok: false, reason: 'unavailable', leader: 0 });
    else this.enter(() => this.door.askedForAdmission(claim, request, answered));
  }

  /** Whether it takes the call. */
  accept(call: ServerEnd): boolean {
    if (this.life === undefined) return false;
    call.enter = (run) => this.enter(run);
    call.enter(() => this.life!.sessions.serve(call));
    return true;
  }
}

/** A process takes up to so long to get round to something. */
const TURN_DELAY_US_MAX = 30;
