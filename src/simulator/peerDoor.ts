import type { NodeId } from '../consensus/contract.ts';
import type { Replica } from '../server/host/replica.ts';
import { type AdmissionRequest, admit } from '../server/identity/admission.ts';
import { passes, stillCounts } from '../server/identity/fences.ts';
import { Hearsay, UNCONFIRMED } from '../server/identity/hearsay.ts';
import { type Identity, type Introduction, introductionOf, type Misfit } from '../server/identity/identity.ts';
import type { KeptIdentity } from '../server/identity/keptIdentity.ts';
import { Objections } from '../server/identity/objections.ts';
import { ShutOuts } from '../server/identity/shutOuts.ts';
import { type Answer, type Wish, withMember } from '../server/identity/startDecision.ts';
import { type Fences, NO_FENCES } from '../wire/fence.ts';
import type { Mutation } from './mutation.ts';
import { type AskingWorld, VIRTUAL_ASK_TIMES, virtualAsker } from './virtualAsker.ts';
import type { AdmissionReply } from './virtualStarting.ts';

/** The end of a connection that a process dials: what it says of itself at its beginning, and what is true of it. */
export interface Line {
  readonly claim: Introduction;
  /** Its server has promised something that its folder does not hold. */
  readonly forgets: boolean;
  /** Another process was admitted in the place of this one, which has no vote in this term and before; undefined: none was. */
  pastTerm(): number | undefined;
  /** The process hears how it was received, and runs `welcomed` where it has nothing against who received it. */
  received(by: Introduction, misfit: Misfit | undefined, welcomed?: () => void): void;
}

export interface DoorWorld extends AskingWorld {
  readonly identity: KeptIdentity;
  readonly bootstrap: readonly NodeId[];
  readonly mutation: Mutation;
  readonly wish: Wish;
  /** undefined while it does not take part. */
  replica(): Replica<unknown> | undefined;
  forgets(): boolean;
  pastTerm(): number | undefined;
  /** Runs it in this process once it has come back over the network from server `from`. */
  back(from: NodeId, run: () => void): void;
  /** The others say that this process must stop. */
  refused(by: NodeId, misfit: Misfit): void;
}

/**
 * What stands between one process and its peers in `rkvd`'s transport: who is let in, who is met, who is not heard, and what becomes of it
 * when the others do not let it in. The decisions are the production code; connections are virtual.
 */
export class PeerDoor {
  private readonly world: DoorWorld;
  private readonly shutOuts = new ShutOuts();
  private readonly objections: Objections;
  private readonly hearsay: Hearsay;
  /** The last connection of each peer: as long as that is the same, nobody introduces himself again. */
  private readonly accepted = new Map<NodeId, Line>();
  /** Who took up the connection of this process to each peer: PeerLink's `welcomedBy`. */
  private readonly welcomedBy = new Map<NodeId, Introduction>();
  private ownLine: Line | undefined;
  private isAdmitting = false;

  constructor(world: DoorWorld) {
    this.world = world;
    this.objections = new Objections(world.bootstrap);
    this.hearsay = new Hearsay(world.identity, virtualAsker(world, VIRTUAL_ASK_TIMES));
  }

  /** The connection that this process sends on; a new one where it has something new to say of itself. */
  get line(): Line {
    const { identity } = this.world.identity;
    const said = this.ownLine?.claim;
    if (said !== undefined && said.cluster === identity.cluster) return this.ownLine!;
    this.ownLine = {
      claim: introductionOf(identity),
      forgets: this.world.forgets(),
      pastTerm: () => this.world.pastTerm(),
      received: (by, misfit, welcomed) => {
        this.world.back(by.id, () => {
          if (this.received(by, misfit)) welcomed?.();
        });
      },
    };
    return this.ownLine;
  }

  private received(by: Introduction, misfit: Misfit | undefined): boolean {
    if (misfit !== undefined) {
      if (this.objections.areDecisive(by.id, misfit)) this.world.refused(by.id, misfit);
      return false;
    }
    this.objections.withdrawnBy(by.id);
    if (this.meet(by) !== undefined) return false;
    this.welcomedBy.set(by.id, by);
    return true;
  }

  /** The process of a peer ended, and its connections with it. */
  gone(peer: NodeId): void {
    this.objections.withdrawnBy(peer);
    this.welcomedBy.delete(peer);
  }

  /** Uses a message that came on this connection, if it may be used; who sent it is known from then on. */
  hear(line: Line, use: () => void): void {
    const { claim } = line;
    const useIfHeard = () => {
      if (this.hears(claim)) use();
    };
    if (this.accepted.get(claim.id) === line) useIfHeard();
    else if (this.isMet(claim)) {
      this.settle(claim, () => {
        if (this.accepts(line)) useIfHeard();
      });
    }
  }

  private isMet(claim: Introduction): boolean {
    const isShutOut = this.shutOuts.refuses(claim, this.world.identity.identity);
    return !isShutOut && passes(this.fences.get(claim.id), claim);
  }

  private accepts(line: Line): boolean {
    const { claim } = line;
    if (this.accepted.get(claim.id) === line) return true;
    if (!this.isMet(claim)) return false;
    const objection = this.objectionTo(claim);
    if (objection === UNCONFIRMED) return false;
    line.received(introductionOf(this.world.identity.identity), objection);
    if (objection !== undefined) return false;
    this.shutOuts.met(claim);
    this.accepted.set(claim.id, line);
    return true;
  }

  private settle(claim: Introduction, then: () => void): void {
    const { mutation, identity } = this.world;
    if (mutation.believesHearsay === true) identity.meet(claim);
    this.hearsay.settle(claim, then);
  }

  private objectionTo(claim: Introduction): Misfit | typeof UNCONFIRMED | undefined {
    const { mutation } = this.world;
    const found = this.hearsay.objectionTo(claim);
    return found === UNCONFIRMED || mutation.misfit === undefined ? found : mutation.misfit(found);
  }

  /** Somebody dials; where he is taken up he hears who this is. */
  greeted(line: Line, welcomed: () => void): void {
    this.hear(line, () => line.received(introductionOf(this.world.identity.identity), undefined, welcomed));
  }

  /** Whether the connection to this peer is to the process that says this of itself, and what that said still counts. */
  speaksTo({ id, instance, admitted }: Identity): boolean {
    const { mutation, identity } = this.world;
    if (mutation.forgets === true || mutation.hearsOnceMet === true) return true;
    const end = this.welcomedBy.get(id);
    const isTheEnd = end?.instance === instance && end.admitted === admitted;
    return isTheEnd && stillCounts(identity.identity, this.fences, end);
  }

  private hears(claim: Introduction): boolean {
    const { mutation, identity } = this.world;
    const isDeaf = this.shutOuts.isDeafTo(claim.id, identity.identity);
    return !isDeaf && (mutation.hearsOnceMet === true || stillCounts(identity.identity, this.fences, claim));
  }

  private get fences(): Fences {
    const { mutation, replica } = this.world;
    return mutation.ignoresFences === true ? NO_FENCES : (replica()?.fences ?? NO_FENCES);
  }

  private meet(claim: Introduction): Misfit | undefined {
    const { mutation, identity } = this.world;
    const misfit = identity.meet(claim);
    return mutation.misfit === undefined ? misfit : mutation.misfit(misfit);
  }

  /** Another server asks who this is. */
  introduced(claim: Introduction, answered: (answer: Answer) => void): void {
    const { identity, mutation, replica, wish } = this.world;
    if (!identity.answers(claim) && mutation.tellsTooSoon !== true) {
      answered({ kind: 'silent' });
      return;
    }
    this.settle(claim, () => {
      const objection = this.objectionTo(claim);
      if (objection === UNCONFIRMED) {
        answered({ kind: 'silent' });
        return;
      }
      const status = replica()?.status();
      answered({
        kind: 'introduced',
        introduction: introductionOf(identity.identity),
        misfit: objection,
        isVoter: status?.configuration.voters.includes(claim.id) ?? false,
        leader: status?.leader ?? 0,
        known: identity.identity.known,
        wish,
      });
    });
  }

  /** `src/server/transport/admissions.ts`, over the virtual network. */
  askedForAdmission(claim: Introduction, request: AdmissionRequest, answered: (reply: AdmissionReply) => void): void {
    const { replica, mutation } = this.world;
    if (replica() === undefined || claim.isMember) return;
    const admitIf = (isTrue: boolean) => {
      const misfit = this.objectionTo(claim);
      const isElsewhere = misfit === 'other-engine' || misfit === 'other-cluster';
      const now = replica();
      if (!isTrue || isElsewhere || this.isAdmitting || now === undefined) {
        answered({ ok: false, reason: 'unavailable', leader: 0 });
      } else this.admit(now, claim, request, answered);
    };
    if (mutation.believesHearsay === true) admitIf(true);
    else this.hearsay.confirm({ asker: claim, rejoin: request.rejoin, bySurvivor: false }, admitIf);
  }

  private admit(
    replica: Replica<unknown>,
    claim: Introduction,
    request: AdmissionRequest,
    answered: (reply: AdmissionReply) => void,
  ): void {
    const { identity, mutation } = this.world;
    this.isAdmitting = true;
    const shutOut = this.shutOuts.begin(claim);
    // Its connection ends with that.
    this.accepted.delete(claim.id);
    let isOpen = true;
    const over = () => {
      if (isOpen) shutOut.over();
      if (isOpen) this.isAdmitting = false;
      isOpen = false;
    };
    this.world.after(FENCE_TIMEOUT_US, over);
    (mutation.admit ?? admit)(replica, claim, request, (answer) => {
      if (!isOpen) return;
      const { cluster, known } = identity.identity;
      if (answer.ok) {
        shutOut.given(answer.admitted);
        answered({ ...answer, cluster, known: withMember(claim.id, known, introductionOf(identity.identity)) });
      } else answered(answer);
      over();
    });
  }
}

const FENCE_TIMEOUT_US = 2_000_000;
