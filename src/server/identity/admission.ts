import type { HardState, NodeId, Snapshot } from '../../consensus/contract.ts';
import { encodeFence, type Fence, NO_FENCE } from '../../wire/fence.ts';
import type { CommandOutcome } from '../host/outcomes.ts';
import type { Replica } from '../host/replica.ts';
import { fencesOf } from '../stateMachine/snapshotReader.ts';
import type { Introduction } from './identity.ts';

/**
 * How a server that has lost what it promised (or cannot know whether it has) takes part again, under its old id and
 * without a change of membership: recovery as in Viewstamped Replication Revisited §4.3, for Raft.
 *
 * Server s comes back empty at time w; its engine does not run. It asks the leader L of term T, which
 *
 * 1. appends an entry F (*the fence*), which names s and its new folder, to its log after it was asked, so after w, and waits
 *    until F is committed;
 * 2. hands over its state machine as of an applied index A >= F, with the term tA >= T of that entry and the
 *    configuration then in force.
 *
 * It does so only after it has heard at the address of s that s is there with that folder, and asks (hearsay.ts): a fence that a stranger asked
 * for in the name of s would end s, which is well.
 *
 * s makes that snapshot durable together with the hard state (term tA, vote spent) and only then runs its engine. From
 * then on it is an ordinary server whose log ends at A.
 *
 * Why that is safe, as long as the process that ran before w does not run on (that one: last). Before w and after the admission s keeps the rules; only what it promised before w and forgot could do
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
 * *An earlier process that still runs*, cut off and not dead: say s0 runs on while the new one, s1, is admitted. Without a rule
 * for it, two servers could lead one term: of {s, a, b}, a admits s1 with a fence that a and b hold, is started again, and cannot be
 * reached by s1. b meets s1, stands in u, and wins by the vote of s1. a stands in u as well, hears s0 still, and wins by
 * the vote of that; what a acknowledges from then on is on a and s0, and b's log takes its place. So F names s and the folder of s1,
 * and whoever holds F in its log, committed or not, or has it in its state, uses nothing of s but what is said by a process on
 * that folder, or by one that was admitted with an index not below F's (fences.ts). s0 itself stops when it finds F in its
 * own log, before anything more leaves it (Replica). As configurations, F counts from where it stands, because a candidate
 * may hold F without knowing that it is committed. It is in force again after a restart (LogStore.fenceEntries), comes with snapshots
 * (KeyValueStore.fences), and is undone with its entry. Now take s0 for what it is, a server that keeps the rules and forgets nothing:
 *
 * - Q holds no process of s: L holds F itself. So, whichever process of s votes for whom, nobody is elected in a term u > T who
 *   lacks F. For let the quorum of c meet Q in x, which is not s. Had x voted for c before it acknowledged F, it would have stood in u > T.
 *   So it held F, and c would need an entry of a term above T in its log; such a log is a leader's of such a term, which held
 *   F (the first one by this argument, the next by induction).
 * - A candidate's log does not change while it stands. So whoever is elected in u > T held F from before it asked, and counted no
 *   process before s1, neither among its voters nor later among those that acknowledged. s1 votes and acknowledges in terms
 *   above tA >= T only (acknowledgements in tA are to L, of what is behind A). Hence in every term only one process of s is counted: s0
 *   up to T, s1 above; that is all that Raft asks of a server. That s1 holds what s0 helped to commit is *Acknowledgements* above: in v < T
 *   L holds it, for those that voted for L in T include no s1; in T it stands before F, for afterwards L does not hear s0.
 * - s0 as a candidate: without F it is refused like any other, by x; with F it has stopped. So its requests do no harm, and it
 *   matters little that unary calls do not tell whose they are; their answers are bound to who introduced himself.
 * - What is said to s1 does not reach s0, though both have the id, and maybe an address: who knows s1, having met it, or holds F, ends every
 *   link whose other end is another process, and on a new one says nothing before that end has said who it is (PeerLink). Engines tell
 *   answers by their terms, and both may stand in one; s0 would count the votes for s1, and x is no help against that. What was said to s0 and
 *   reaches s1, on a link that waited for its welcome, does no harm: a vote in u > T is of one who lacks F, so whose log ends
 *   before F, and who will not vote again in u; an acknowledgement in u > T there is none, for s0 leads in no such term.
 * - A read that a leader of v < T confirms with an answer of s0: x, in that quorum and in Q, answered in v, so before it acknowledged F. When the
 *   read was asked F was not committed and s1 did not run: what had been acknowledged by then, Raft's own argument covers.
 * - Configurations: the paragraph in *Votes* holds with s0 for s. The change that an older c lacks stands before F in L's log, so it
 *   was s0, if any process of s, that acknowledged it, and s0 remembers that when c asks for its vote.
 * - Several fences of s: the order in the log decides, and each is argued by itself, with all that was admitted by an earlier one
 *   for s0. That an index tells the order is seen to by L: as of A, the last fence of s has to name the asker; so A is below every later
 *   fence that names another folder.
 *
 * *A request that comes late.* All that is above holds for whoever asks, also for a process that is gone, whose request was on its way: its
 * fence would end the one that was admitted since, for nobody's good. So who asks says which fence of its server is the last that it was
 * told of, and L refuses it where that is another one (`superseded`), and tells which it is: who still lives asks again with that. Hence
 * no fence F' of s comes after the fence F of s1 once that was admitted, unless its asker was told of F, or of a later one:
 *
 * - F' of a term below T, if it is committed, stands before F; of a term above T, its leader held F, and compared with it.
 * - F' of T is L's. L has one admission at a time, until it answers or that is given up, compares in the same moment in which its engine takes
 *   the entry, and that keeps the order. s1 was answered, so its own was not given up: either L began it after the other one's, whose F' then
 *   stands before F; or the other way round, and then F was applied when L compared.
 *
 * A founding and a survivor (survivor.ts) write no fence, so they supersede nobody.
 *
 * What it does not cover: servers of the original take F for what it is to them, a registration; and the survivor of two has no
 * leader to append one (survivor.ts). There the earlier process has to be dead.
 *
 * F is a registration that carries a name (wire/fence.ts): the one command that changes nothing for anybody, and that every server
 * understands. Where there are too many sessions for one more, F is in the log all the same.
 */
export type AdmissionAnswer =
  /** In `spentTerm` and before, the admitted server has no vote. `admitted` tells it from its earlier selves. */
  | { readonly ok: true; readonly snapshot: Snapshot; readonly spentTerm: number; readonly admitted: number }
  | { readonly ok: false; readonly reason: AdmissionRefusal; readonly leader: NodeId }
  /** Another fence of the asker's server is the last one than it was told of: ask again with this one. */
  | { readonly ok: false; readonly reason: 'superseded'; readonly last: Fence };

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

/** What who asks says beside who it is. */
export interface AdmissionRequest {
  /** An operator knows that the asker lost its data. */
  readonly rejoin: boolean;
  /** The last fence of its server that it was told of; undefined where it is of a version that does not look at that. */
  readonly after: Fence | undefined;
}

/**
 * The leader's part. `done` is called once, possibly inside this call, or never where the replica stops. `fenced` is called before it where the
 * fence is applied: reading the state then takes the time that it takes.
 */
export function admit(
  replica: Pick<Replica<unknown>, 'status' | 'submitAtOnce' | 'readState' | 'fences'>,
  { id, instance }: Pick<Introduction, 'id' | 'instance'>,
  { rejoin, after }: AdmissionRequest,
  done: (answer: AdmissionAnswer) => void,
  fenced: () => void = () => {},
): void {
  const { role, leader, configuration } = replica.status();
  const refuse = (reason: AdmissionRefusal, to = 0) => done({ ok: false, reason, leader: to });
  const isVoter = configuration.voters.includes(id) || configuration.outgoing.includes(id);
  const last = replica.fences.get(id) ?? NO_FENCE;
  if (role !== 'leader') refuse('not-leader', leader);
  else if (isVoter && !rejoin) refuse('forgotten');
  else if (after !== undefined && !areSame(after, last)) done({ ok: false, reason: 'superseded', last });
  else {
    replica.submitAtOnce(
      encodeFence({ id, instance }),
      {
        commandDone: (_tag, outcome) => {
          // A registration is refused only where it is applied, so one for which there is no room is as good a fence.
          const isApplied = outcome.status === 'ok' || outcome.status === 'too-many-sessions';
          if (!isApplied) {
            done(notFenced(outcome));
            return;
          }
          fenced();
          // As of now, while the fence's outcome is told, so not before it is applied.
          replica.readState((snapshot) => done(afterFence(snapshot, id, instance)));
        },
        lookupDone: () => {},
      },
      0,
    );
  }
}

function areSame(one: Fence, other: Fence): boolean {
  return one.index === other.index && one.instance === other.instance;
}

function notFenced(outcome: CommandOutcome): AdmissionAnswer {
  if (outcome.status === 'not-leader') return { ok: false, reason: 'not-leader', leader: outcome.leader };
  return { ok: false, reason: 'unavailable', leader: 0 };
}

function afterFence(snapshot: Snapshot | undefined, id: NodeId, instance: string): AdmissionAnswer {
  // Where a later fence names another folder, this one must not be told from that one by a higher index.
  const isNamed = snapshot !== undefined && fencesOf(snapshot.content).get(id)?.instance === instance;
  return isNamed
    ? { ok: true, snapshot, spentTerm: snapshot.term, admitted: snapshot.index }
    : { ok: false, reason: 'unavailable', leader: 0 };
}

/** What an admitted server stores beside the snapshot: in this term, the snapshot's own or a later one, it has no vote to give. */
export function admittedHardState(self: NodeId, { index, term }: Snapshot, spentTerm = term): HardState {
  return { term: spentTerm, vote: self, commit: index };
}
