import type { NodeId } from '../../consensus/contract.ts';
import type { Replica } from '../host/replica.ts';
import type { AdmissionAnswer } from './admission.ts';
import type { Identity } from './identity.ts';
import type { Answer } from './startDecision.ts';

/**
 * How one of two voters that lost what it promised takes part again. There is no leader without it, so nobody can admit it
 * as admission.ts has it; and none is needed, for the other one, the *survivor* S, has all that matters. An operator says so
 * (`-survivor`), because S cannot know all of the first condition.
 *
 * Conditions: (1) the lost one, W, has taken part in no configuration that S does not know of: none with a third server, and
 * none that S was removed from, in which W alone is a quorum; (2) S's own configuration is {S, W}, both the one in force and
 * the one of the state that it hands over; (3) S does not lead.
 *
 * W gets S's state as of S's applied index A, S's current term t, and no vote in t or before. Why that is safe:
 *
 * *All quorums hold S.* Under {S, W} both have to vote and to acknowledge. That every earlier configuration was superseded
 * by {S, W}, S knows by its log; that none came later in which W has a quorum without S is (1).
 *
 * *Acknowledgements.* What was acknowledged is in S's log, maybe above A, where S does not know yet that it is committed.
 * S gives its vote to nobody whose log ends before its own, so it stays there, and W, whose log ends at A, leads only after
 * S has led and brought it up to date.
 *
 * *Votes.* A vote of the earlier W counts only together with S's. For a candidate in a term u <= t the new W has none. In a
 * term above t the earlier W can have voted for nobody but itself (S is the only other one, and has never been there), and
 * with that self it is gone.
 *
 * *Fences* (admission.ts). Where S was asked before, as a leader that nobody answers, a fence that names another folder of W's
 * stands in S's log, never to be committed without W. The new W is given an index as high as that, so that it passes; every
 * later fence has a higher one, for S's log never becomes shorter: nobody leads without S's vote, or S's log.
 *
 * *Why S must not lead.* A leader has counted acknowledgements of W's that W forgot: engines take a follower's log never to
 * become shorter within a term. One that was restarted counts anew, and cannot lead before W votes for it.
 */
export function admitBySurvivor(
  replica: Pick<Replica<unknown>, 'status' | 'currentSnapshot' | 'fences'>,
  own: Identity,
  id: NodeId,
): AdmissionAnswer {
  const refuse = (reason: 'leads' | 'no-pair' | 'met-others' | 'unavailable'): AdmissionAnswer => ({
    ok: false,
    reason,
    leader: 0,
  });
  const { role, term, configuration } = replica.status();
  if (role === 'leader') return refuse('leads');
  const snapshot = replica.currentSnapshot();
  if (snapshot === undefined) return refuse('unavailable');
  // The new one is told from the earlier by this index; and from whom a leader that was left alone began to admit.
  const admitted = Math.max(snapshot.index, replica.fences.get(id)?.index ?? 0);
  if (admitted <= (own.known.get(id)?.admitted ?? 0)) return refuse('unavailable');
  const isPair = [configuration, snapshot.configuration].every(
    ({ voters, outgoing }) =>
      outgoing.length === 0 && voters.length === 2 && voters.includes(id) && voters.includes(own.id),
  );
  if (!isPair) return refuse('no-pair');
  const metOthers = [...own.known].some(([other, { ran }]) => other !== id && ran);
  return metOthers ? refuse('met-others') : { ok: true, snapshot, spentTerm: term, admitted };
}

/**
 * Whom a server that was told of its survivor must hear of first: whoever does not say that it is new may have promised
 * something that the survivor does not know of.
 */
export function mayKnowMore(survivor: NodeId, answers: ReadonlyMap<NodeId, Answer>): NodeId[] {
  const others = [...answers].filter(([id]) => id !== survivor);
  return others.filter(([, each]) => each.kind !== 'introduced' || each.introduction.isMember).map(([id]) => id);
}
