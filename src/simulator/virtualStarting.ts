import type { NodeId, Snapshot } from '../consensus/contract.ts';
import type { AdmissionAnswer } from '../server/identity/admission.ts';
import { type Identity, type Introduction, introductionOf, type KnownServer } from '../server/identity/identity.ts';
import { type Answer, decideStart } from '../server/identity/startDecision.ts';

/** What a server was given to start from, and by whom it is known from then on. */
export interface GivenState {
  readonly snapshot: Snapshot;
  readonly cluster: string;
  readonly known: ReadonlyMap<NodeId, KnownServer>;
}

export type AdmissionReply = Exclude<AdmissionAnswer, { ok: true }> | ({ readonly ok: true } & GivenState);

/** The world of a server that does not take part yet. What it asks may never be answered. */
export interface StartingWorld {
  readonly bootstrap: readonly NodeId[];
  readonly others: readonly NodeId[];
  /** An operator said `-rejoin`. */
  readonly rejoins: boolean;
  identity(): Identity;
  introduce(to: NodeId, claim: Introduction, answered: (answer: Answer) => void): void;
  askForAdmission(to: NodeId, claim: Introduction, rejoins: boolean, answered: (reply: AdmissionReply) => void): void;
  /** Runs it later, in this process. */
  after(delayUs: number, run: () => void): void;
  admitted(state: GivenState): void;
  /** The others say that this server must not take part. */
  refused(): void;
  /** It would begin without anybody's leave. */
  began(kind: string): void;
}

/**
 * A server whose folder is new, until it may take part: what src/server/starting.ts does over gRPC, here over the virtual
 * network. The decisions are the same code.
 */
export class VirtualStarting {
  readonly #world: StartingWorld;
  #before: ReadonlyMap<NodeId, KnownServer> | undefined;

  constructor(world: StartingWorld) {
    this.#world = world;
  }

  ask(): void {
    const { others, identity, introduce, after } = this.#world;
    const answers = new Map<NodeId, Answer>();
    for (const to of others) introduce(to, introductionOf(identity()), (answer) => answers.set(to, answer));
    after(ASK_TIMEOUT_US, () => {
      const inOrder = others.map((to): [NodeId, Answer] => [to, answers.get(to) ?? { kind: 'silent' }]);
      this.#decide(new Map(inOrder));
    });
  }

  #decide(answers: ReadonlyMap<NodeId, Answer>): void {
    const { identity, bootstrap, rejoins, refused, began } = this.#world;
    const decision = decideStart(identity(), bootstrap, answers, this.#before);
    this.#before = decision.kind === 'confirm' ? decision.partners : undefined;
    switch (decision.kind) {
      case 'found':
      case 'join':
      case 'original':
        began(decision.kind);
        break;
      case 'forgotten':
        if (rejoins) this.#askLeader(decision.leader);
        else refused();
        break;
      case 'admission':
        this.#askLeader(decision.leader);
        break;
      case 'confirm':
      case 'wait':
        this.ask();
        break;
    }
  }

  #askLeader(leader: NodeId): void {
    const { others, identity, rejoins, askForAdmission, after, admitted, refused } = this.#world;
    let isOpen = true;
    const once = (then: () => void) => () => {
      if (!isOpen) return;
      isOpen = false;
      then();
    };
    after(
      ADMISSION_TIMEOUT_US,
      once(() => this.ask()),
    );
    if (!others.includes(leader)) return;
    askForAdmission(leader, introductionOf(identity()), rejoins, (reply) =>
      once(() => {
        if (reply.ok) admitted(reply);
        else if (reply.reason === 'forgotten') refused();
        else this.ask();
      })(),
    );
  }
}

const ASK_TIMEOUT_US = 300_000;
const ADMISSION_TIMEOUT_US = 2_000_000;
