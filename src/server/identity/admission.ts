import type { HardState, NodeId, Snapshot } from '../../consensus/contract.ts';
import { encodeFence } from '../../wire/fence.ts';
import type { CommandOutcome, Replica } from '../host/replica.ts';
import { fencesOf } from '../stateMachine/keyValueStore.ts';
import type { Introduction } from './identity.ts';

/**
 * How a server that has lost what it promised (or cannot know whether it has) takes part again, under its old id and
 * without a change of membership: recovery as in Viewstamped Replication Revisited §4.3, for Raft.
 *
 * Server s comes back empty at time w; its engine does not run. It asks the leader L of term T, which
 *
 * 1. appends an entry F (*the fence*) to its log after it was asked, so after w, and waits until F is committed;
 * 2. hands over its state machine as of an applied index A >= F, with the term tA >= T of that entry and the
 *    configuration then in force.
 *
 * s makes that snapshot durable together with the hard state (term tA, vote spent) and only then runs its engine. From
 * then on it is an ordinary server whose log ends at A.
 *
 * Why that is safe. Before w and after the admission s keeps the rules; only what it promised before w and forgot could do
 * harm. F was committed by a quorum Q of voters none of which is s, for s ran no engine. Everyone in Q acknowledged F in
 * term T, after w.
 *
 * *Votes.* Let c have asked for votes in a term u and got that of the earlier s.
 * - u <= tA: the new s gives no vote in these terms. (In tA its vote is spent; below, every engine refuses.)
 * - u > T: c cannot win any more, so whom the new s votes for does not matter. For let c's quorum meet Q in x; x is not
 *   s. Either x voted for c first, then it stood in u > T and did not acknowledge F: a contradiction. Or x acknowledged F
 *   first. c asked s before w, so its log lacks F, and holds no term above T (next paragraph): x refuses.
 * - Quorums of c's configuration and of L's meet where these are the same or adjacent. Where c's is older still, the
 *   entry of the change after c's is committed, c lacks it, and some x of c's quorum acknowledged it; if x is s, then s
 *   did so before w and honestly refused c its vote. (Adjacent quorums meet outside a server that is in one of them only.)
 *
 * *Acknowledgements.* Let the earlier s have acknowledged an entry e of a leader K of term v.
 * - v > T: K was elected before w. Some x other than s in both K's quorum and Q stood in v before it acknowledged F in T:
 *   a contradiction. So there is no such K, nor any entry of a term above T that was in a log before w.
 * - v = T: K is L, e stands before F in L's log, so it is part of what s got back.
 * - v < T: if e was or will be committed with that acknowledgement, then by Raft's own argument (§5.4.3; s was honest until
 *   w) L's log holds e, before F. Else nobody counts on it.
 * So everything that s may have helped to commit is below A, and the engine's ordinary look at the candidate's log keeps s
 * from helping to elect anyone who lacks it.
 *
 * *Several at once.* A server that is down, or waits to be admitted, acknowledges nothing, so Q holds none of them: where
 * too many have forgotten, F does not commit and nobody is admitted. One that was admitted before counts again, and
 * rightly: a candidate with a vote that it forgot could not win since its own fence (take the earliest fence among the
 * voters of c: those of its Q that vote for c after it refuse, as above).
 *
 * *An earlier process that still runs*, cut off and not dead, is outside of this: s is taken to have stopped at w. L hears
 * nothing of it until the admitted one says hello, and whoever answers is told of the admitted one before that promises
 * anything (Starting.tellOfMember), and refuses the earlier from then on, durably. What is left is a server that did not answer
 * then, has F in its log and hears the earlier process: in one term it may count a vote of that one, and another candidate
 * the vote of the new s. The full cure is an F that names s and is in force where it stands in a log, as configurations
 * are: once it is applied is too late, for a candidate may have F without knowing that it is committed.
 *
 * F is a registration: the one command that changes nothing for anybody, and that every server understands. Its session
 * is named by F's index; where there are too many sessions for one more, F is in the log all the same.
 */
export type AdmissionAnswer =
  /** In `spentTerm` and before, the admitted server has no vote. `admitted` tells it from its earlier selves. */
  | { readonly ok: true; readonly snapshot: Snapshot; readonly spentTerm: number; readonly admitted: number }
  | { readonly ok: false; readonly reason: AdmissionRefusal; readonly leader: NodeId };

export type AdmissionRefusal =
  /** Ask `leader` (0: not known). */
  | 'not-leader'
  /** It is a voter, so its data were lost: an operator has to say that this is known. */
  | 'forgotten'
  /** Why a survivor (survivor.ts) does not admit: it leads; it is not one of two; it has met a third server. */
  | 'leads'
  | 'no-pair'
  | 'met-others'
  /** Try again. */
  | 'unavailable';

/**
 * The leader's part. `rejoin`: an operator knows that the asker lost its data. `done` is called once, possibly inside this
 * call, or never where the replica stops.
 */
export function admit(
  replica: Replica<unknown>,
  { id, instance }: Pick<Introduction, 'id' | 'instance'>,
  rejoin: boolean,
  done: (answer: AdmissionAnswer) => void,
): void {
  const { role, leader, configuration } = replica.status();
  const refuse = (reason: AdmissionRefusal, to = 0) => done({ ok: false, reason, leader: to });
  const isVoter = configuration.voters.includes(id) || configuration.outgoing.includes(id);
  if (role !== 'leader') refuse('not-leader', leader);
  else if (isVoter && !rejoin) refuse('forgotten');
  else {
    replica.submit(
      encodeFence({ id, instance }),
      {
        commandDone: (_tag, outcome) => done(afterFence(replica, id, instance, outcome)),
        lookupDone: () => {},
      },
      0,
    );
  }
}

function afterFence(replica: Replica<unknown>, id: NodeId, instance: string, outcome: CommandOutcome): AdmissionAnswer {
  if (outcome.status === 'not-leader') return { ok: false, reason: 'not-leader', leader: outcome.leader };
  // A registration is refused only where it is applied, so one for which there is no room is as good a fence.
  const isApplied = outcome.status === 'ok' || outcome.status === 'too-many-sessions';
  // Taken while the fence's outcome is told, so not before it is applied.
  const snapshot = isApplied ? replica.currentSnapshot() : undefined;
  // Where a later fence names another folder, this one must not be told from that one by a higher index.
  const isNamed = snapshot !== undefined && fencesOf(snapshot.data).get(id)?.instance === instance;
  return isNamed
    ? { ok: true, snapshot, spentTerm: snapshot.term, admitted: snapshot.index }
    : { ok: false, reason: 'unavailable', leader: 0 };
}

/** What an admitted server stores beside the snapshot: in this term, the snapshot's own or a later one, it has no vote to give. */
export function admittedHardState(self: NodeId, { index, term }: Snapshot, spentTerm = term): HardState {
  return { term: spentTerm, vote: self, commit: index };
}
