import type { NodeId, Snapshot } from '../consensus/contract.ts';
import type { AdmissionAnswer, AdmissionRequest } from '../server/identity/admission.ts';
import {
  type Answers,
  type Asker,
  askOfMember,
  askWhetherNew,
  isCertain,
  Patience,
} from '../server/identity/asking.ts';
import { type Introduction, introductionOf, type KnownServer, type Misfit } from '../server/identity/identity.ts';
import type { KeptIdentity } from '../server/identity/keptIdentity.ts';
import {
  decideStart,
  isJoining,
  objectionToRestart,
  type StartDecision,
  type Unconfirmed,
} from '../server/identity/startDecision.ts';
import { type Fence, NO_FENCE } from '../wire/fence.ts';
import type { Mutation } from './mutation.ts';
import { type AskingWorld, VIRTUAL_ASK_TIMES, virtualAsker } from './virtualAsker.ts';

/** What a server was given to start from, and by whom it is known from then on. */
export interface GivenState {
  readonly snapshot: Snapshot;
  /** In this term and before it has no vote. */
  readonly spentTerm: number;
  readonly admitted: number;
  readonly cluster: string;
  readonly known: ReadonlyMap<NodeId, KnownServer>;
}

export type AdmissionReply = Exclude<AdmissionAnswer, { ok: true }> | ({ readonly ok: true } & GivenState);

/** The world of a server that does not take part yet. What it asks may never be answered. */
export interface StartingWorld extends AskingWorld {
  readonly identity: KeptIdentity;
  readonly bootstrap: readonly NodeId[];
  readonly others: readonly NodeId[];
  /** An operator said `-rejoin`. */
  readonly rejoins: boolean;
  readonly mutation: Mutation;
  askForAdmission(
    to: NodeId,
    claim: Introduction,
    request: AdmissionRequest,
    answered: (reply: AdmissionReply) => void,
  ): void;
  /** It takes part, with this state. */
  admitted(state: GivenState): void;
  /** It takes part and has nothing; what its identity says then is what it began with. */
  began(kind: 'found' | 'join' | 'original', cluster: string, known: ReadonlyMap<NodeId, KnownServer>): void;
  /** It took part before, and goes on. */
  goesOn(): void;
  /** Binds the data of a server that took part before to this start. */
  bind(then: () => void): void;
  /** The others say that this server must not take part. */
  refused(by: NodeId, misfit: Misfit): void;
}

/**
 * A server before it takes part: what src/server/starting.ts does over gRPC, here over the virtual network. The decisions are
 * the same code.
 */
export class VirtualStarting {
  private readonly world: StartingWorld;
  private readonly asker: Asker;
  private readonly patience: Patience;
  private before: Unconfirmed | undefined;
  private lastFence: Fence = NO_FENCE;

  constructor(world: StartingWorld) {
    this.world = world;
    const times = world.mutation.askTimes ?? VIRTUAL_ASK_TIMES;
    this.patience = new Patience(times);
    this.asker = virtualAsker(world, times);
  }

  // --- a server that took part before ---

  /** Asks once whether it may go on, then binds its data, lets its start count, and tells those that answered. */
  checkMember(): void {
    const { identity, others, mutation, bind, goesOn } = this.world;
    const isMember = mutation.tellsTooSoon === true;
    this.checkWith(others, introductionOf(identity.identity, isMember), (answered) => {
      if (mutation.countsBeforeBinding === true) identity.countStart();
      bind(() => {
        identity.countStart();
        this.checkWith(answered, introductionOf(identity.identity), goesOn);
      });
    });
  }

  private checkWith(others: readonly NodeId[], claim: Introduction, then: (answered: NodeId[]) => void): void {
    const { identity, bootstrap, refused } = this.world;
    // What somebody has to say who answers later is heard as well.
    const objects = (answers: Answers): boolean => {
      const objection = objectionToRestart(identity.identity, bootstrap, answers);
      if (objection !== undefined) refused(objection.by, objection.misfit);
      return objection !== undefined;
    };
    const decide = (answers: Answers) => {
      if (!objects(answers)) then(others.filter((id) => answers.get(id)?.kind === 'introduced'));
    };
    askOfMember(this.asker, others, claim, bootstrap, decide, objects);
  }

  // --- a server whose folder is new ---

  /** Asks until it is clear whether it may take part. */
  ask(): void {
    const { others, identity, bootstrap } = this.world;
    const own = identity.identity;
    const certain = (heard: Answers) => isCertain(this.decideBy(heard), bootstrap, own.id, heard);
    askWhetherNew(this.asker, this.patience, others, introductionOf(own), certain, (answers) => this.decide(answers));
  }

  private decideBy(answers: Answers): StartDecision {
    const { identity, bootstrap, mutation } = this.world;
    const decide = mutation.decideStart?.(decideStart) ?? decideStart;
    return decide(identity.identity, bootstrap, answers, this.before);
  }

  private askAgain(): void {
    this.world.after(ASK_INTERVAL_US, () => this.ask());
  }

  private decide(answers: Answers): void {
    const { identity, rejoins, refused, began } = this.world;
    const own = identity.identity;
    const decision = this.decideBy(answers);
    this.before = decision.kind === 'confirm' ? decision.next : undefined;
    identity.joins = isJoining(decision);
    switch (decision.kind) {
      case 'found':
        began('found', `the cluster of ${own.instance}`, decision.partners);
        break;
      case 'join':
        began('join', decision.cluster, decision.known);
        break;
      case 'original':
        began('original', '', own.known);
        break;
      case 'forgotten':
        if (rejoins) this.askLeader(decision.leader);
        else refused(decision.by, decision.misfit ?? 'forgotten');
        break;
      case 'admission':
        this.askLeader(decision.leader);
        break;
      case 'confirm':
        this.ask();
        break;
      case 'wait':
        this.askAgain();
        break;
    }
  }

  private askLeader(leader: NodeId): void {
    const { others, identity, rejoins, askForAdmission, after, admitted, refused } = this.world;
    if (!others.includes(leader)) {
      this.askAgain();
      return;
    }
    let isOpen = true;
    const once = (then: () => void) => {
      if (isOpen) then();
      isOpen = false;
    };
    after(ADMISSION_TIMEOUT_US, () => once(() => this.ask()));
    const request = { rejoin: rejoins, after: this.lastFence };
    askForAdmission(leader, introductionOf(identity.identity), request, (reply) =>
      once(() => {
        if (reply.ok) admitted(reply);
        else if (reply.reason === 'forgotten') refused(leader, 'forgotten');
        else {
          if (reply.reason === 'superseded') this.lastFence = reply.last;
          this.askAgain();
        }
      }),
    );
  }
}

const ASK_INTERVAL_US = 100_000;
const ADMISSION_TIMEOUT_US = 3_000_000;
