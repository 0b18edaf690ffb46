import type { NodeId } from '../../consensus/contract.ts';
import { type Identity, type Introduction, type KnownServer, type Misfit, misfitOf } from './identity.ts';

/**
 * When a server whose folder is new may take part. It cannot tell by itself whether the cluster is as new as it is, or
 * whether its id has voted and acknowledged before, in a folder that is lost. The rule:
 *
 * - **Founding.** Every other initial member answers that it is new as well, in two rounds one after the other, under the
 *   same instance in both. Then the lowest of those that run this program, and nobody else, founds the cluster: it makes
 *   the cluster's id and writes down, before its engine runs, the instance of every initial member.
 * - **Joining the founding.** A member that is asked knows this very instance: the founder wrote it down. Nor has anybody
 *   that answers met it as a member, or a later start of it: this folder may be a copy, made while it was new and put
 *   back after the other one ran. All this in two rounds as well, and from the first on it answers no server that is new
 *   (`KeptIdentity.answers`). It takes over the cluster's id and what that member knows, and starts.
 * - **Admission.** Some member answers and does not know this instance. What this id may have promised before is made
 *   harmless by the leader (admission.ts); but if the id is a voter, data were lost, and an operator has to say
 *   `-rejoin`.
 * - Otherwise it waits. In particular a server that does not answer may be the one that remembers.
 *
 * Why no promise is forgotten: say that an earlier folder of this id has promised something to a server r, which used it.
 * Then r was a member and had written that instance down. Either r answers: not as new (a founding is refused), and not as
 * knowing this instance. Or r was lost too, and all who ever used a promise of this id answer as new, or do not answer,
 * which refuses the founding. So a cluster is founded only where of an earlier one nothing is left on any initial member.
 * (Members that joined later and answer refuse it as well, but for their silence nobody waits: most of what `-servers` names
 * does not exist yet. So `-cluster` is to name members that there are.)
 * That some be missing is therefore no reason to begin without them, however long they stay away: two of three that are
 * new and a third that is off are what a cluster looks like that is about to lose what it acknowledged.
 *
 * Why two rounds: answers of one round are of different moments, and some of them may be of folders that are lost by its
 * end. An instance that stops being new never is again, so between two such rounds all were new at one moment, and what
 * the founder writes down is what was there then. (Such a moment is all that the argument needs. The test of this file
 * goes through all that three servers can do, and found what one round allows: two clusters, one after the other.)
 *
 * Why joining takes two rounds: the member that answered the first one may be gone, with all that was founded, and this
 * server may since have told the next founder that it is new. It would join a cluster that can never have a majority, and be
 * kept out of the one that serves. Say that a founding needs an answer of this instance. There is a moment, before that answer,
 * at which all initial members are new, and remain so until they have answered too. The second round begins after the last such
 * answer, so who is a member in it has become one after that moment; not by the earlier founding, for then it would have
 * joined that after such a moment itself, and the first that did cannot have found a member.
 *
 * Why there is one founding: only the lowest founds, and only while all others are new. Another member that founds as well
 * would have to be the lowest too. Should the founder's folder be lost before anybody joined, nothing was promised to
 * anybody; if somebody joined, that one knows the lost instance, and the new one is refused.
 */
export type StartDecision =
  /** Ask everybody once more, and say then what this round would have led to. */
  | { readonly kind: 'confirm'; readonly next: Unconfirmed }
  /** Make a cluster id; know these instances; start. */
  | { readonly kind: 'found'; readonly partners: ReadonlyMap<NodeId, KnownServer> }
  /** Belong to `cluster`; know these instances; start. */
  | { readonly kind: 'join'; readonly cluster: string; readonly known: ReadonlyMap<NodeId, KnownServer> }
  /**
   * Ask who leads for admission; `leader` is whom somebody believes to lead, 0 if nobody does. `isStranger`: nobody that
   * answers takes this id for a voter, or knows it by another folder.
   */
  | { readonly kind: 'admission'; readonly leader: NodeId; readonly isStranger: boolean }
  /** Start without admission: there are only servers of the original to take part with, and those cannot admit. */
  | { readonly kind: 'original' }
  /** This id is a voter, and its data are not these. */
  | {
      readonly kind: 'forgotten';
      readonly by: NodeId;
      readonly misfit: Misfit | undefined;
      readonly leader: NodeId;
    }
  | { readonly kind: 'wait'; readonly silent: readonly NodeId[]; readonly answered: readonly NodeId[] };

/** What a round led to, if the next one agrees. */
export type Unconfirmed =
  /** All initial members are new, under these instances. */
  | { readonly kind: 'found'; readonly partners: ReadonlyMap<NodeId, KnownServer> }
  /** A member of this cluster knows this instance. */
  | { readonly kind: 'join'; readonly cluster: string };

/** What one other server said in this round. */
export type Answer =
  /** No answer: not there, not running, paused, cut off. `isLate`: none in time, rather than word that nobody listens. */
  | { readonly kind: 'silent'; readonly isLate?: boolean }
  /** A server that does not know the question: one of the original's, which remembers no instances, or any other program. */
  | { readonly kind: 'original' }
  | {
      readonly kind: 'introduced';
      readonly introduction: Introduction;
      /** What it has against us. */
      readonly misfit: Misfit | undefined;
      /** Whether we are a voter in its configuration. */
      readonly isVoter: boolean;
      /** Whom it believes to lead; 0: nobody. */
      readonly leader: NodeId;
      readonly known: ReadonlyMap<NodeId, KnownServer>;
      /** What it was started for; of an earlier version it is not known. */
      readonly wish?: Wish | undefined;
    };

/** What an operator told a server that is to take part again: `-rejoin`, and `-survivor`, 0 where that was not said. */
export interface Wish {
  readonly rejoin: boolean;
  readonly survivor: NodeId;
}

/** The engine of the original, whose servers can be in one cluster with ours. */
export const ORIGINAL_ENGINE = 'gorums';

type Introduced = Extract<Answer, { kind: 'introduced' }>;

/**
 * `answers` holds every other server of `-servers`, in ascending order; `bootstrap` is `-cluster`; `before` is what
 * the last round led to, where that was to be confirmed.
 */
export function decideStart(
  own: Identity,
  bootstrap: readonly NodeId[],
  answers: ReadonlyMap<NodeId, Answer>,
  before: Unconfirmed | undefined,
): StartDecision {
  const members = [...answers].filter(
    (each): each is [NodeId, Introduced] =>
      each[1].kind === 'introduced' && each[1].introduction.isMember && each[1].introduction.engine === own.engine,
  );
  const witness = members.find((each) => remembersMore(own, each[1]));
  for (const [, { introduction, known }] of witness === undefined ? members : []) {
    if (known.get(own.id)?.instance !== own.instance) continue;
    const { cluster } = introduction;
    if (before?.kind !== 'join' || before.cluster !== cluster) {
      return { kind: 'confirm', next: { kind: 'join', cluster } };
    }
    return { kind: 'join', cluster, known: withMember(own.id, known, introduction) };
  }
  const [first] = members;
  if (first === undefined) return decideAmongNew(own, bootstrap, answers, before);
  // One that is behind may still take a removed server for a voter; the leader knows better.
  const leader = leaderOf(members);
  if (!members.every(([, { isVoter }]) => isVoter)) {
    const isStranger = witness === undefined && members.every(([, { isVoter }]) => !isVoter);
    return { kind: 'admission', leader, isStranger };
  }
  const [by, { misfit }] = witness ?? first;
  return { kind: 'forgotten', by, misfit, leader };
}

/** Whether a member knows of more than this folder does, whose server is new: of another folder, or that this one ran. */
function remembersMore({ id, instance }: Identity, { misfit, known }: Introduced): boolean {
  if (misfit === 'forgotten' || misfit === 'older-copy') return true;
  const us = known.get(id);
  return us?.instance === instance && us.ran;
}

/**
 * Whether a member that starts again may go on, as far as those that answer can tell: `undefined`, or who says what
 * against it. Silence says nothing: a cluster that was switched off must come back. A server of another cluster is
 * believed only where most of the initial members are of that one; a single one may be the stray.
 */
export function objectionToRestart(
  own: Identity,
  bootstrap: readonly NodeId[],
  answers: ReadonlyMap<NodeId, Answer>,
): { readonly by: NodeId; readonly misfit: Misfit } | undefined {
  const strangers: NodeId[] = [];
  for (const [by, answer] of answers) {
    if (answer.kind !== 'introduced' || !answer.introduction.isMember) continue;
    const { misfit } = answer;
    if (misfit === 'forgotten' || misfit === 'older-copy') {
      // Of servers without a cluster's id it is not known that they are of ours.
      if (answer.introduction.cluster === own.cluster) return { by, misfit };
    } else if (misfit === 'other-cluster' && bootstrap.includes(by)) strangers.push(by);
  }
  const isMost = strangers.length > bootstrap.length / 2;
  return isMost ? { by: strangers[0]!, misfit: 'other-cluster' } : undefined;
}

/** Whether this server is about to join a cluster, and so is not to be counted upon for a new one: see `KeptIdentity.joins`. */
export function isJoining(decision: StartDecision): boolean {
  return decision.kind === 'join' || (decision.kind === 'confirm' && decision.next.kind === 'join');
}

function decideAmongNew(
  own: Identity,
  bootstrap: readonly NodeId[],
  answers: ReadonlyMap<NodeId, Answer>,
  before: Unconfirmed | undefined,
): StartDecision {
  const silent: NodeId[] = [];
  const answered: NodeId[] = [];
  const partners = new Map<NodeId, KnownServer>();
  for (const id of bootstrap) {
    if (id === own.id) continue;
    const answer = answers.get(id);
    if (answer?.kind === 'introduced' && misfitOf(own, answer.introduction) !== undefined) silent.push(id);
    else if (answer === undefined || answer.kind === 'silent') silent.push(id);
    // The original has the gorums engine only: whoever else does not know the question is no server of this cluster.
    else if (answer.kind === 'original' && own.engine !== ORIGINAL_ENGINE) silent.push(id);
    else answered.push(id);
    if (answer?.kind === 'introduced') partners.set(id, knownServer(answer.introduction));
  }
  if (silent.length > 0) return { kind: 'wait', silent, answered };
  if (!bootstrap.includes(own.id)) {
    return partners.size === 0 ? { kind: 'original' } : { kind: 'wait', silent, answered };
  }
  const founder = Math.min(own.id, ...partners.keys());
  if (founder !== own.id) return { kind: 'wait', silent, answered };
  const next: Unconfirmed = { kind: 'found', partners };
  return before?.kind === 'found' && areSame(before.partners, partners) ? next : { kind: 'confirm', next };
}

function areSame(before: ReadonlyMap<NodeId, KnownServer>, now: ReadonlyMap<NodeId, KnownServer>): boolean {
  return before.size === now.size && [...now].every(([id, { instance }]) => before.get(id)?.instance === instance);
}

/** What a member knows of the others, itself included. */
export function withMember(
  self: NodeId,
  known: ReadonlyMap<NodeId, KnownServer>,
  member: Introduction,
): ReadonlyMap<NodeId, KnownServer> {
  const all = new Map([...known, [member.id, knownServer(member)] as const]);
  all.delete(self);
  return all;
}

function knownServer({ instance, boots, life, admitted, isMember }: Introduction): KnownServer {
  return { instance, boots, life, admitted, ran: isMember };
}

/**
 * The leader that most of them name, the lowest of those; 0: nobody names one. One that names another itself is not meant: removed
 * servers go on naming whom they last heard of, for ever.
 */
function leaderOf(members: readonly [NodeId, Introduced][]): NodeId {
  const named = new Map(members.map(([id, { leader }]) => [id, leader]));
  const votes = new Map<NodeId, number>();
  for (const leader of named.values()) {
    if (leader !== 0 && (named.get(leader) ?? leader) === leader) votes.set(leader, (votes.get(leader) ?? 0) + 1);
  }
  let best = 0;
  for (const [leader, count] of [...votes].sort(([a], [b]) => a - b)) {
    if (best === 0 || count > votes.get(best)!) best = leader;
  }
  return best;
}
