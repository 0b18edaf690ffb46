import type { NodeId } from '../../consensus/contract.ts';
import { type Asker, Patience } from './asking.ts';
import { explainMisfit, type Introduction, introductionOf, type Misfit, misfitOf, withKnown } from './identity.ts';
import type { KeptIdentity } from './keptIdentity.ts';
import type { Answer } from './startDecision.ts';

/**
 * What is said under a server's name by whoever dialled. There is no authentication yet: anybody who reaches a port can say that he is
 * server 3, at its next start, or admitted at index 2^52. Noted, that would keep the real server 3 out for good. The rule:
 *
 * - **What a server knows of another it has heard at that one's own address.** A claim that tells something new is not noted. The server
 *   that it is about is asked, where `-servers` says that it is; what it says there is noted, and then the claim is judged by that. It is
 *   taken if it tells nothing new any more; else it is not refused for good, for it may be true in a moment, but not now.
 * - A claim that says what is known, and one that does not fit, take no question: the first was true when it was heard, whoever repeats it,
 *   and nothing follows from the second.
 * - **Who leads asks a server that wants to be admitted** as well, before the fence: whether that very start is there and waits, and
 *   whether an operator told it what is said in its name (`-rejoin`, `-survivor`).
 *
 * What follows of it:
 *
 * - Nothing that a stranger says changes what is known, so nothing that he says ends a server or keeps one out: the worst is a question more.
 *   (He may bring it about that something true is noted before its server says so itself: a start is on disk before anybody hears of it.)
 * - "Known, durably, before the first message is used" (identity.ts) is as it was: who is not known yet is not heard.
 * - It costs no server its place that had one. Whoever is not reached at its address gets no answer of ours either, for these go by
 *   the same way; and there is nobody who is refused but once was heard, except as another server's true word has it.
 * - No two wait for each other. The question is that of one who asks whether it may go on (`isMember: false`): it is noted by nobody, so it
 *   raises none, and it is answered by everybody whose start counts, which is so before anybody hears of that start.
 *
 * Whoever listens at a server's address is that server: who can take its address away can do everything until there is TLS.
 */
export class Hearsay {
  private readonly identity: KeptIdentity;
  private readonly asker: Asker;
  private readonly patience: Patience;
  /** What waits for an answer of a server: one question at a time, whose answer is everybody's. */
  private readonly waiting = new Map<NodeId, ((answer: Answer) => void)[]>();
  private readonly answeredMs = new Map<NodeId, number>();
  /** Why the last answer could not be noted; empty where it could. */
  private whyUnnoted = '';
  private isClosed = false;

  constructor(identity: KeptIdentity, asker: Asker) {
    this.identity = identity;
    this.asker = asker;
    this.patience = new Patience(asker.times);
  }

  /** `then` is called once: at once, or when the server that `claim` is about was asked. Then `objectionTo` is as good as it can be. */
  settle(claim: Introduction, then: () => void): void {
    if (this.objectionTo(claim) === UNCONFIRMED) this.ask(claim.id, then);
    else then();
  }

  /** What is wrong with `claim`; where nothing is, and this server takes part, it has noted all that `claim` says. */
  objectionTo(claim: Introduction): Misfit | typeof UNCONFIRMED | undefined {
    const own = this.identity.identity;
    return misfitOf(own, claim) ?? (withKnown(own, claim) === own ? undefined : UNCONFIRMED);
  }

  /** The objection, in words for a log. */
  explain(objection: Misfit | typeof UNCONFIRMED, claim: Introduction): string {
    const own = this.identity.identity;
    if (objection !== UNCONFIRMED) return explainMisfit(objection, own, claim);
    if (this.whyUnnoted !== '') return `server ${own.id} cannot note whom it speaks to: ${this.whyUnnoted}`;
    return `server ${own.id} did not hear the same at the address that -servers names for server ${claim.id}`;
  }

  /** Whether a server is admitted whose request this is: `then` is called once. */
  confirm(request: AdmissionClaim, then: (isTrue: boolean) => void): void {
    this.ask(request.asker.id, (answer) => then(wantsAdmission(this.identity.identity.id, request, answer)));
  }

  /** Nothing is noted any more, and who waits hears nothing. */
  close(): void {
    this.isClosed = true;
  }

  private ask(peer: NodeId, then: (answer: Answer) => void): void {
    const waiting = this.waiting.get(peer);
    if (waiting !== undefined) {
      if (waiting.length < WAITING_MAX) waiting.push(then);
      else then(UNHEARD);
      return;
    }
    this.waiting.set(peer, [then]);
    const { asker } = this;
    const pauseMs = (this.answeredMs.get(peer) ?? Number.NEGATIVE_INFINITY) + PAUSE_MS - asker.nowMs();
    if (pauseMs <= 0) this.put(peer);
    else asker.after(pauseMs, () => this.put(peer));
  }

  private put(peer: NodeId): void {
    const { asker, patience } = this;
    const startMs = asker.nowMs();
    const question = introductionOf(this.identity.identity, false);
    asker.ask(peer, question, patience.timeoutMs(peer), (answer) => {
      if (this.isClosed) return;
      patience.heard(peer, answer, asker.nowMs() - startMs);
      this.answeredMs.set(peer, asker.nowMs());
      const waiting = this.waiting.get(peer) ?? [];
      this.waiting.delete(peer);
      this.note(answer);
      for (const then of waiting) then(answer);
    });
  }

  private note(answer: Answer): void {
    this.whyUnnoted = '';
    if (answer.kind !== 'introduced') return;
    try {
      this.identity.meet(answer.introduction);
    } catch (error) {
      // A disk that is full: who is not noted is not known.
      this.whyUnnoted = (error as Error).message;
    }
  }
}

/** What is said is not known to be true. */
export const UNCONFIRMED = 'unconfirmed';

export interface AdmissionClaim {
  readonly asker: Introduction;
  readonly rejoin: boolean;
  readonly bySurvivor: boolean;
}

/** Whether `answer` is of the start that asks server `self` for admission, and wants that. Earlier versions do not tell what they want. */
export function wantsAdmission(self: NodeId, { asker, rejoin, bySurvivor }: AdmissionClaim, answer: Answer): boolean {
  if (answer.kind !== 'introduced') return false;
  const { introduction, wish } = answer;
  const { id, instance, life, isMember } = introduction;
  const isThere = id === asker.id && instance === asker.instance && life === asker.life && !isMember;
  if (!isThere || wish === undefined) return isThere;
  return (wish.rejoin || !rejoin) && (wish.survivor === self || !bySurvivor);
}

const UNHEARD: Answer = { kind: 'silent' };
/** An honest server waits with a link and a question or two. What comes on top may ask again, by which time the answer is known. */
const WAITING_MAX = 64;
/** Between an answer and the next question: whatever strangers say, a server is asked ten times a second. */
const PAUSE_MS = 100;
