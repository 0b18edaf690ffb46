import type { NodeId } from '../../consensus/contract.ts';

/**
 * Who a server is, beyond its id. Raft's proof takes for granted that whoever answers to an id remembers what that id has
 * promised. An id is a number on a command line; what remembers is a folder. So every folder has a name of its own, the
 * *instance*, and every use of a promise is bound to the instance that made it.
 *
 * An instance is in one of three stages:
 *
 * - `new`: it has promised nothing. Its server runs no engine: it neither votes nor acknowledges.
 * - `admitting`: it is taking over a snapshot (admission.ts). Should that be interrupted, the folder is no good.
 * - `member`: its engine runs. It may have promised something, and whoever used that knows this instance.
 *
 * How an instance leaves `new` is startDecision.ts: the founding of a cluster, or an admission.
 */
export interface Identity {
  readonly id: NodeId;
  readonly engine: string;
  /** Made at random by the founder at the cluster's first start; '' while it is not known. */
  readonly cluster: string;
  /** Made at random when the folder is made. */
  readonly instance: string;
  readonly stage: Stage;
  /** Starts so far on this folder, this one included. */
  readonly boots: number;
  /** Names this start: two copies of a folder may count the same starts. */
  readonly life: string;
  /** The names of the starts that this one comes after, the latest first; no more than EARLIER_LIVES_MAX. */
  readonly earlierLives: string[];
  /** The index of the log that this instance was admitted with; 0 for a founding member. Later admissions have higher ones. */
  readonly admitted: number;
  /** Its data name the start that it names (binding.ts). Not so while it is new, and in a folder of an earlier version. */
  readonly isBound: boolean;
  /** The instances whose messages were used here, by server id. */
  readonly known: ReadonlyMap<NodeId, KnownServer>;
}

/** So many fit into the smallest message that `-maxgrpc` allows. */
export const EARLIER_LIVES_MAX = 32;

export type Stage = 'new' | 'admitting' | 'member';

export interface KnownServer {
  readonly instance: string;
  readonly boots: number;
  readonly life: string;
  readonly admitted: number;
  /** Whether it was met as a member, and so may have promised something: a founder knows the others while they are new. */
  readonly ran: boolean;
}

/** What a server says of itself when it introduces itself. */
export type Introduction = Omit<Identity, 'known' | 'stage' | 'isBound'> & { readonly isMember: boolean };

export function introductionOf(own: Identity, isMember = own.stage === 'member'): Introduction {
  const { id, engine, cluster, instance, boots, life, earlierLives, admitted } = own;
  return { id, engine, cluster, instance, boots, life, earlierLives, admitted, isMember };
}

/** `own` with a part of it changed. */
export function withChanges(own: Identity, part: Partial<Omit<Identity, 'id' | 'engine' | 'instance'>>): Identity {
  const { id, engine, instance } = own;
  const { cluster = own.cluster, stage = own.stage, boots = own.boots, life = own.life } = part;
  const { earlierLives = own.earlierLives, admitted = own.admitted, known = own.known } = part;
  const { isBound = own.isBound } = part;
  return { id, engine, cluster, instance, stage, boots, life, earlierLives, admitted, isBound, known };
}

/** Before its first start. */
export function blankIdentity(id: NodeId, engine: string, instance: string, stage: Stage): Identity {
  return {
    id,
    engine,
    cluster: '',
    instance,
    stage,
    boots: 0,
    life: '',
    earlierLives: [],
    admitted: 0,
    isBound: false,
    known: new Map(),
  };
}

/** `own` at its next start, which is named `life`. */
export function startedAgain(own: Identity, life: string): Identity {
  const earlierLives = own.life === '' ? [] : [own.life, ...own.earlierLives].slice(0, EARLIER_LIVES_MAX);
  return withChanges(own, { boots: own.boots + 1, life, earlierLives });
}

export const Misfit = {
  /** Nothing to be afraid of: it runs another `-backend`. */
  OtherEngine: 'other-engine',
  /** It belongs to another cluster. */
  OtherCluster: 'other-cluster',
  /** This id was known under another folder, which may have promised what this one does not know of. */
  Forgotten: 'forgotten',
  /** This folder was started since, and what runs now does not come after that start: it is an older copy. */
  OlderCopy: 'older-copy',
} as const;
export type Misfit = (typeof Misfit)[keyof typeof Misfit];

/** What is wrong with `claim`, the introduction of another server, as far as `own` can tell. */
export function misfitOf(own: Identity, claim: Introduction): Misfit | undefined {
  if (claim.engine !== own.engine) return Misfit.OtherEngine;
  if (claim.cluster !== '' && own.cluster !== '' && claim.cluster !== own.cluster) return Misfit.OtherCluster;
  const known = own.known.get(claim.id);
  if (known === undefined) return undefined;
  // Whatever was promised before an admission, by this folder or another, was made harmless by it.
  if (claim.admitted > known.admitted) return undefined;
  if (claim.instance !== known.instance) return Misfit.Forgotten;
  return claim.admitted === known.admitted && comesAfter(claim, known) ? undefined : Misfit.OlderCopy;
}

/**
 * Whether a start is the one that was met last, or comes after it on the same folder. Counting does not tell: an older copy
 * that is started again and again counts as far as the folder that it is a copy of, and farther. But every start has a
 * name, and the folder keeps the names of those before it, which a copy cannot have of what came after it.
 *
 * The names are limited, so a folder that was started more often than that since it was met is judged by its count:
 * servers that crash for hours without meeting each other must not refuse each other for good. An older copy gets
 * that far only by taking part so often while nobody who knows better answers: a start that is refused does not count.
 */
function comesAfter(claim: Introduction, known: KnownServer): boolean {
  if (claim.life === known.life || claim.earlierLives.includes(known.life)) return true;
  return claim.boots - claim.earlierLives.length > known.boots;
}

/**
 * `own` after it took note of a member that fits, or `own` itself where that tells nothing new. Durable before the first
 * message of that member is used: then whoever used a promise knows who made it. That it is that member who says so is for
 * the caller to know (hearsay.ts). A server that does not take part uses none:
 * it notes nobody, for it cannot tell who is of its cluster. Nor can a member without a cluster's id that knows others.
 */
export function withKnown(own: Identity, claim: Introduction): Identity {
  if (!claim.isMember || own.stage !== 'member') return own;
  const { id, instance, boots, life, admitted } = claim;
  const before = own.known.get(id);
  const isOfOurs = own.known.size === 0 || before?.instance === instance;
  const cluster = own.cluster === '' && isOfOurs ? claim.cluster : own.cluster;
  const isSameStart = before?.instance === instance && before.boots === boots && before.life === life;
  if (isSameStart && before.ran && before.admitted === admitted && cluster === own.cluster) return own;
  const known = new Map(own.known).set(id, { instance, boots, life, admitted, ran: true });
  return withChanges(own, { cluster, known });
}

/** Why a server is not taken for who it says it is, in words for a log. `self` speaks, of `claim`. */
export function explainMisfit(misfit: Misfit, own: Identity, claim: Introduction): string {
  switch (misfit) {
    case 'other-engine':
      return `server ${own.id} runs backend ${own.engine}, server ${claim.id} runs ${claim.engine}`;
    case 'other-cluster':
      return `server ${claim.id} is of cluster ${claim.cluster}, server ${own.id} of cluster ${own.cluster}: the folder of one of them belongs elsewhere`;
    case 'forgotten':
      return (
        `server ${own.id} knows server ${claim.id} by another folder (instance ${own.known.get(claim.id)!.instance}); ` +
        `this one (instance ${claim.instance}) does not know what that one promised`
      );
    case 'older-copy':
      return (
        `server ${own.id} met server ${claim.id} at start ${own.known.get(claim.id)!.boots} of this folder, ` +
        `and what runs now (start ${claim.boots}) does not come after that: it is an older copy`
      );
  }
}
