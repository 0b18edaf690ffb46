import { simulatedEngine } from '../engines.ts';
import type { Mutation } from '../mutation.ts';
import type { Plan } from '../plan.ts';
import type { Invariant } from '../violation.ts';
import { VIRTUAL_ASK_TIMES } from '../virtualAsker.ts';
import { ForgetsWhatWasSent, TakesUnknownForRefused } from './clientMutants.ts';
import {
  AnswersReadsAtOnce,
  AppliesUncommitted,
  CountsItselfAtOnce,
  CountsOneForAll,
  KeepsSuffixes,
  Mishears,
  SendsBeforeDurable,
  TakesOlderChunks,
} from './engineMutants.ts';
import {
  crashesAmongPieces,
  cutOffWhileChanging,
  deadServers,
  deafLeaders,
  deafLeadersThatStepDown,
  earlierGoOn,
  earlierGoOnAmongFive,
  founds,
  foundsFarApart,
  foundsFromCopies,
  goesRoundItsJournal,
  leadersCutOff,
  leadersCutOffLong,
  leasesAnsweredLate,
  leasesCutOff,
  leasesHandedOn,
  leasesOverRestarts,
  losesFolders,
  losesTails,
  losesWhatWasInMemory,
  misplacesFolders,
  nobodyStaysAway,
  restlessElections,
  restlessMembership,
  sendsSnapshotsSlowly,
  takesSnapshotsSlowly,
} from './faultMixes.ts';
import {
  AcknowledgesWithoutApplying,
  coversNothing,
  cutsLogsFirst,
  ForeseesNothing,
  ForeseesTooMuch,
  ForgetsAtStart,
  ForgetsSequenceNumbers,
  forgetsPromises,
  hidesStoreId,
  IgnoresSnapshots,
  LeavesSessionsOut,
  neverSyncs,
  ReportsDurableAtOnce,
  RewritesWhatASnapshotReads,
  StoresStaleSnapshots,
  sharesBlocks,
  TakesSnapshotsLate,
  writesPiecesLast,
} from './hostMutants.ts';
import { admitsAtOnce, believesItIsNew, withoutTheSilent } from './identityMutants.ts';
import {
  ChangesBlindly,
  ChangesTwiceAtOnce,
  CommitsEarlierTerms,
  INSIDES,
  type Insides,
  NeverFallsSilent,
  NeverLeaves,
  TrustsConfigurationAtOnce,
  TrustsMatchIndexes,
  truncatesMatchingSuffix,
  VotesTwice,
} from './insideMutants.ts';
import {
  breaksPromises,
  countsFromTheAnswer,
  forgetsPromisesAtStart,
  LEASE_PLACES,
  type LeasePlaces,
  leasesOn,
  leasesTooLong,
  trustsClocks,
} from './leaseMutants.ts';
import { MESSAGE_TOOLS, type MessageTools } from './messageTools.ts';
import { AcknowledgesItsWholeLog, ReadsOneEntryEarly, SaysDoneAtOnce, WritesTermsOnly } from './promiseMutants.ts';

/** A deliberate mistake that the simulator must find. */
export interface Mutant {
  readonly name: string;
  /** The engines that it can be made in. */
  readonly engines: readonly string[];
  /** Found within so many seeds, counted from 1, on each of them. */
  readonly seedsMax: number;
  /** The rules that may be the first to notice. */
  readonly invariants: readonly Invariant[];
  /** The mix of faults that suits it, where what it needs is rare in the usual one. */
  readonly adjust?: (plan: Plan) => Plan;
  mutation(engine: string): Mutation;
}

const ALL = Object.keys(MESSAGE_TOOLS);

function tools(engine: string): MessageTools {
  return MESSAGE_TOOLS[engine]!;
}

function insides(engine: string): Insides {
  return INSIDES[engine]!;
}

/** Of engines that read by a lease. */
function places(engine: string): LeasePlaces {
  return LEASE_PLACES[engine]!;
}

/** By which a stale read is noticed. */
const STALE: readonly Invariant[] = ['fresh reads', 'linearizability', 'acknowledged write'];

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a vote leaves before it is durable',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durable promise'],
    mutation: (name) => ({ engine: (engine) => new SendsBeforeDurable(engine, tools(name).isVote) }),
  },
  {
    name: 'an append is acknowledged before it is durable',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durable promise'],
    mutation: (name) => ({ engine: (engine) => new SendsBeforeDurable(engine, tools(name).isAppendAcknowledgement) }),
  },
  {
    name: 'a leader counts itself before its write is durable',
    engines: ALL,
    seedsMax: 20,
    invariants: ['own count', 'durable quorum', 'engine contract', 'no exception'],
    mutation: () => ({ engine: (engine) => new CountsItselfAtOnce(engine) }),
  },
  {
    name: 'the store reports writes durable before they are',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durable promise', 'durable quorum'],
    mutation: () => ({ store: (store, listener, later) => new ReportsDurableAtOnce(store, listener, later) }),
  },
  {
    name: 'the disk is never synced',
    engines: ALL,
    seedsMax: 50,
    invariants: ['durability'],
    mutation: () => ({ disk: neverSyncs }),
  },
  {
    name: 'the head of a large value is there before its pieces are',
    engines: ALL,
    seedsMax: 100,
    invariants: ['durability', 'no exception'],
    adjust: crashesAmongPieces,
    mutation: () => ({ disk: writesPiecesLast }),
  },
  {
    name: 'a store does not miss what it promised',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durability'],
    adjust: losesTails,
    mutation: () => ({ disk: hidesStoreId, promised: forgetsPromises, believesAnyStart: true }),
  },
  {
    name: 'a server takes part before what it found is durable, or promised',
    engines: ALL,
    seedsMax: 300,
    invariants: ['durability'],
    adjust: losesWhatWasInMemory,
    mutation: () => ({ settlesLate: true, goesByMemory: true }),
  },
  {
    name: 'a journal is gone round before its database holds what it held',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durability'],
    adjust: goesRoundItsJournal,
    mutation: () => ({ disk: coversNothing }),
  },
  {
    name: 'entries of a journal share blocks',
    engines: ALL,
    seedsMax: 100,
    invariants: ['durability'],
    adjust: goesRoundItsJournal,
    mutation: () => ({ promised: sharesBlocks }),
  },
  {
    name: 'a restart forgets the vote',
    engines: ALL,
    seedsMax: 20,
    invariants: ['monotonic term and vote', 'election safety'],
    mutation: () => ({ store: (store) => new ForgetsAtStart(store, (hardState) => ({ ...hardState, vote: 0 })) }),
  },
  {
    name: 'a restart forgets the term and the vote',
    engines: ALL,
    seedsMax: 20,
    invariants: ['monotonic term and vote'],
    mutation: () => ({
      store: (store) => new ForgetsAtStart(store, (hardState) => ({ ...hardState, term: 0, vote: 0 })),
    }),
  },
  {
    name: 'votes are given without looking at the candidate’s log',
    engines: ALL,
    seedsMax: 50,
    invariants: ['leader completeness', 'committed entries stay'],
    mutation: (name) => ({ engine: (engine) => new Mishears(engine, tools(name).withEndlessLog) }),
  },
  {
    name: 'entries are appended without looking at the one before',
    engines: ALL,
    seedsMax: 100,
    invariants: [
      'log matching',
      'persist contract',
      'committed entries stay',
      'engine contract',
      'state machine safety',
    ],
    adjust: leadersCutOff,
    mutation: (name) => ({
      engine: (engine, { log }) =>
        new Mishears(engine, (message) => tools(name).withMatchingPrevious(message, (index) => log.term(index))),
    }),
  },
  {
    name: 'a follower commits whatever it is sent',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durable quorum'],
    mutation: (name) => ({ engine: (engine) => new Mishears(engine, tools(name).withAllCommitted) }),
  },
  {
    name: 'one acknowledgement counts for all',
    engines: ALL,
    seedsMax: 20,
    invariants: ['own count', 'durable quorum'],
    mutation: (name) => ({ engine: (engine) => new CountsOneForAll(engine, tools(name)) }),
  },
  {
    name: 'uncommitted entries are applied',
    engines: ALL,
    seedsMax: 20,
    invariants: ['durable quorum', 'state machine safety'],
    mutation: () => ({ engine: (engine, init) => new AppliesUncommitted(engine, init) }),
  },
  {
    name: 'a leader answers reads without a quorum',
    engines: ALL,
    seedsMax: 20,
    invariants: STALE,
    adjust: leadersCutOff,
    mutation: () => ({ engine: (engine) => new AnswersReadsAtOnce(engine, false) }),
  },
  {
    name: 'every server answers reads',
    engines: ALL,
    seedsMax: 20,
    invariants: STALE,
    mutation: () => ({ engine: (engine) => new AnswersReadsAtOnce(engine, true) }),
  },
  {
    name: 'a lease counts from the answer and not from the question',
    // In the others rounds are given up first: the suite of leases makes it there.
    engines: ['etcd'],
    seedsMax: 20,
    invariants: STALE,
    adjust: leasesAnsweredLate,
    mutation: (name) => ({ engine: (engine) => countsFromTheAnswer(engine, places(name)) }),
  },
  {
    name: 'a lease is longer than the election timeout',
    engines: ALL,
    seedsMax: 20,
    invariants: STALE,
    adjust: leasesCutOff,
    mutation: (name) => ({ engine: (engine) => leasesTooLong(engine, places(name)) }),
  },
  {
    name: 'a lease does not allow for clocks that drift',
    engines: ALL,
    seedsMax: 20,
    invariants: STALE,
    adjust: leasesCutOff,
    mutation: (name) => ({ engine: (engine) => trustsClocks(engine, places(name)) }),
  },
  {
    name: 'a lease goes on when somebody is told to take over',
    engines: ALL,
    seedsMax: 60,
    invariants: STALE,
    adjust: leasesHandedOn,
    mutation: (name) => ({ engine: (engine) => leasesOn(engine, places(name)) }),
  },
  {
    name: 'a server votes although it promised its leader not to',
    engines: ALL,
    seedsMax: 20,
    invariants: STALE,
    adjust: leasesOverRestarts,
    mutation: (name) => ({ engine: (engine) => breaksPromises(engine, places(name)) }),
  },
  {
    name: 'a restarted server votes at once',
    engines: ALL,
    seedsMax: 50,
    invariants: STALE,
    adjust: leasesOverRestarts,
    mutation: (name) => ({ engine: (engine) => forgetsPromisesAtStart(engine, places(name)) }),
  },
  {
    name: 'a retried command is applied again',
    engines: ALL,
    seedsMax: 50,
    invariants: ['exactly once'],
    mutation: () => ({ stateMachine: () => new ForgetsSequenceNumbers() }),
  },
  {
    name: 'a command is acknowledged and not applied',
    engines: ALL,
    seedsMax: 20,
    invariants: ['state machine safety'],
    mutation: () => ({ stateMachine: () => new AcknowledgesWithoutApplying() }),
  },
  {
    name: 'snapshots hold an older state than they say',
    engines: ALL,
    seedsMax: 20,
    invariants: ['state machine safety'],
    mutation: () => ({ store: (store) => new StoresStaleSnapshots(store) }),
  },
  {
    name: 'snapshots hold no sessions',
    engines: ALL,
    seedsMax: 20,
    invariants: ['state machine safety', 'exactly once', 'acknowledged write', 'refused before the log'],
    mutation: () => ({ stateMachine: () => new LeavesSessionsOut() }),
  },
  {
    name: 'the log is cut before the snapshot is durable',
    engines: ALL,
    seedsMax: 50,
    invariants: ['durability', 'no exception', 'state machine safety'],
    mutation: () => ({ disk: cutsLogsFirst }),
  },
  {
    name: 'a log keeps what conflicts with the snapshot that takes its place',
    engines: ALL,
    seedsMax: 100,
    invariants: ['no exception', 'log matching', 'engine contract'],
    mutation: () => ({ engine: (engine, init) => new KeepsSuffixes(engine, init) }),
    adjust: leadersCutOffLong,
  },
  {
    name: 'a chunk of an older snapshot is taken for one of the latest',
    engines: ALL,
    seedsMax: 150,
    invariants: ['state machine safety', 'engine contract', 'no exception'],
    mutation: (name) => ({ engine: (engine) => new TakesOlderChunks(engine, tools(name), simulatedEngine(name)) }),
    adjust: sendsSnapshotsSlowly,
  },
  {
    name: 'what a snapshot reads is rewritten meanwhile',
    engines: ALL,
    seedsMax: 20,
    invariants: ['state machine safety', 'no exception'],
    mutation: () => ({ stateMachine: () => new RewritesWhatASnapshotReads() }),
    adjust: takesSnapshotsSlowly,
  },
  {
    name: 'snapshots hold a later state than they say',
    engines: ALL,
    seedsMax: 50,
    invariants: ['state machine safety'],
    mutation: () => ({ stateMachine: () => new TakesSnapshotsLate() }),
    adjust: takesSnapshotsSlowly,
  },
  {
    name: 'a restart does not restore the snapshot',
    engines: ALL,
    seedsMax: 20,
    invariants: ['state machine safety', 'exactly once', 'acknowledged write', 'refused before the log'],
    mutation: () => ({ stateMachine: () => new IgnoresSnapshots() }),
  },
  {
    name: 'what is certain to be refused enters the log',
    engines: ALL,
    seedsMax: 20,
    invariants: ['refused before the log', 'no exception'],
    mutation: () => ({ stateMachine: () => new ForeseesNothing() }),
  },
  {
    name: 'a session that is not applied yet is refused',
    engines: ALL,
    seedsMax: 50,
    invariants: ['acknowledged write'],
    mutation: () => ({ stateMachine: () => new ForeseesTooMuch() }),
  },
  {
    name: 'a server votes for two in one term',
    engines: ALL,
    seedsMax: 50,
    invariants: ['no exception', 'monotonic term and vote', 'election safety'],
    mutation: (name) => ({ engine: (engine) => new VotesTwice(engine, insides(name), tools(name)) }),
  },
  {
    name: 'two membership changes are in flight at once',
    engines: ALL,
    seedsMax: 50,
    // A second change to a cluster of one commits the first with it, in the same turn; then two may lead.
    invariants: ['one membership change', 'election safety', 'done is done'],
    adjust: restlessMembership,
    mutation: (name) => ({ engine: (engine) => new ChangesTwiceAtOnce(engine, insides(name)) }),
  },
  {
    name: 'members are changed without asking who answers',
    engines: ALL,
    seedsMax: 10,
    invariants: ['able to commit', 'liveness'],
    adjust: deadServers,
    mutation: (name) => ({ engine: (engine) => new ChangesBlindly(engine, insides(name)) }),
  },
  {
    name: 'one of two is removed before both know that they are the two',
    engines: ['etcd'],
    seedsMax: 200,
    invariants: ['leader completeness', 'state machine safety', 'election safety', 'committed entries stay'],
    adjust: cutOffWhileChanging,
    mutation: () => ({ engine: (engine) => new TrustsConfigurationAtOnce(engine) }),
  },
  {
    name: 'a successor is chosen by what it held',
    engines: ALL,
    seedsMax: 10,
    invariants: ['living successor'],
    adjust: deadServers,
    mutation: (name) => ({ engine: (engine) => new TrustsMatchIndexes(engine, insides(name)) }),
  },
  {
    name: 'a leader that is not answered sends heartbeats for ever',
    engines: ALL,
    seedsMax: 5,
    invariants: ['liveness'],
    adjust: deafLeaders,
    mutation: (name) => ({ engine: (engine) => new NeverFallsSilent(engine, insides(name)) }),
  },
  {
    name: 'a server that lost its folder takes part at once',
    engines: ALL,
    seedsMax: 20,
    invariants: ['leader completeness', 'committed entries stay', 'durable quorum', 'election safety'],
    adjust: losesFolders,
    mutation: () => ({ forgets: true, misfit: () => undefined }),
  },
  {
    name: 'an older copy of a folder is believed',
    engines: ALL,
    seedsMax: 20,
    invariants: ['whole memory'],
    adjust: misplacesFolders,
    mutation: () => ({ misfit: (found) => (found === 'older-copy' ? undefined : found) }),
  },
  {
    name: 'a folder of another cluster is believed',
    engines: ALL,
    seedsMax: 20,
    invariants: ['whole memory'],
    adjust: misplacesFolders,
    mutation: () => ({ misfit: (found) => (found === 'other-cluster' ? undefined : found) }),
  },
  {
    name: 'the start of a member is told before it is on disk',
    engines: ALL,
    seedsMax: 50,
    invariants: ['right refusal'],
    mutation: () => ({ tellsTooSoon: true }),
  },
  {
    name: 'data of another start than the identity names are gone on from',
    engines: ALL,
    seedsMax: 20,
    invariants: ['whole memory', 'right refusal'],
    adjust: misplacesFolders,
    mutation: () => ({ believesAnyStart: true }),
  },
  {
    name: 'the start of a member counts before its data are bound to it',
    engines: ALL,
    seedsMax: 50,
    invariants: ['durability'],
    mutation: () => ({ countsBeforeBinding: true }),
  },
  {
    name: 'data are bound without the name of the start before',
    engines: ALL,
    seedsMax: 50,
    invariants: ['durability'],
    mutation: () => ({ startName: (name) => ({ ...name, previous: '' }) }),
  },
  {
    name: 'a founder does not wait for those who are silent',
    engines: ALL,
    seedsMax: 20,
    invariants: ['right refusal', 'whole memory'],
    adjust: founds,
    mutation: () => ({ decideStart: withoutTheSilent }),
  },
  {
    name: 'who is asked who it is has the same time always',
    engines: ALL,
    seedsMax: 3,
    invariants: ['liveness'],
    adjust: foundsFarApart,
    mutation: () => ({ askTimes: { ...VIRTUAL_ASK_TIMES, mostMs: VIRTUAL_ASK_TIMES.leastMs } }),
  },
  {
    name: 'a copy of a new folder joins, whatever became of the original',
    engines: ALL,
    seedsMax: 20,
    invariants: ['whole memory'],
    adjust: foundsFromCopies,
    mutation: () => ({ decideStart: believesItIsNew }),
  },
  {
    name: 'a leader admits without a fence',
    engines: ALL,
    seedsMax: 200,
    invariants: [
      'leader completeness',
      'state machine safety',
      'committed entries stay',
      'election safety',
      'durable quorum',
      'right refusal',
      'whole memory',
    ],
    adjust: losesFolders,
    mutation: () => ({ admit: admitsAtOnce }),
  },
  {
    name: 'the fences in a log are ignored',
    engines: ALL,
    seedsMax: 300,
    invariants: ['whole memory', 'election safety'],
    adjust: earlierGoOn,
    mutation: () => ({ ignoresFences: true }),
  },
  {
    name: 'who was heard once is heard as long as its connection lasts',
    engines: ALL,
    seedsMax: 150,
    // "liveness": a server says that what it is sent contradicts what it holds to be committed.
    invariants: ['whole memory', 'election safety', 'liveness'],
    adjust: earlierGoOnAmongFive,
    mutation: () => ({ hearsOnceMet: true }),
  },
  {
    name: 'what anybody says of a server is taken for that server’s word',
    engines: ALL,
    seedsMax: 5,
    invariants: ['right refusal'],
    mutation: () => ({ believesHearsay: true }),
  },
  {
    name: 'a vote in a term that is stored already is not written',
    engines: ALL,
    seedsMax: 100,
    invariants: ['durable promise'],
    mutation: () => ({ engine: (engine) => new WritesTermsOnly(engine) }),
  },
  {
    name: 'a follower acknowledges its whole log, whatever it was sent',
    engines: ['etcd', 'hashicorp'],
    seedsMax: 50,
    invariants: ['durable promise', 'own count', 'liveness'],
    mutation: (name) => ({
      engine: (engine, { log }) => new AcknowledgesItsWholeLog(engine, log, tools(name).acknowledging),
    }),
  },
  {
    name: 'a read is answered one entry early',
    engines: ALL,
    seedsMax: 20,
    invariants: ['fresh reads'],
    mutation: () => ({ engine: (engine) => new ReadsOneEntryEarly(engine) }),
  },
  {
    name: 'an operator is told done at once',
    engines: ALL,
    seedsMax: 50,
    invariants: ['done is done'],
    mutation: () => ({ engine: (engine) => new SaysDoneAtOnce(engine) }),
  },
  {
    name: 'a removed leader leads on',
    engines: ALL,
    seedsMax: 100,
    invariants: ['voting leader', 'liveness'],
    mutation: (name) => ({ engine: (engine) => new NeverLeaves(engine, insides(name)) }),
  },
  {
    name: 'a leader without a quorum leads on, whatever checkquorum says',
    engines: ALL,
    seedsMax: 5,
    invariants: ['liveness'],
    adjust: deafLeadersThatStepDown,
    mutation: (name) => ({
      engine: (_engine, init) => {
        const settings = { ...init.settings, checkQuorum: false };
        return simulatedEngine(name).kind.create({ ...init, settings });
      },
    }),
  },
  {
    name: 'members are changed before an entry of the leader’s own term is committed',
    engines: ['gorums', 'hashicorp'],
    seedsMax: 100,
    invariants: ['change in own term'],
    adjust: restlessElections,
    mutation: (name) => ({ engine: (engine) => new ChangesBlindly(engine, insides(name)) }),
  },
  {
    name: 'a follower truncates entries that match',
    engines: ['gorums'],
    seedsMax: 20,
    invariants: ['committed entries stay', 'persist contract', 'monotonic commit index'],
    mutation: () => ({ engine: truncatesMatchingSuffix }),
  },
  {
    name: 'a leader commits an earlier term’s entry by counting',
    engines: ALL,
    seedsMax: 50,
    // Who counts its own removal so leads on: its engine does not know.
    invariants: ['no exception', 'commit in own term', 'voting leader'],
    adjust: nobodyStaysAway,
    mutation: (name) => ({ engine: (engine) => new CommitsEarlierTerms(engine, insides(name)) }),
  },
  {
    name: 'a client takes “nobody knows” for “not done”',
    engines: ALL,
    seedsMax: 50,
    invariants: ['linearizability'],
    mutation: () => ({ channel: (channel) => new TakesUnknownForRefused(channel) }),
  },
  {
    name: 'a client takes what was under way on a lost connection for never sent',
    engines: ALL,
    seedsMax: 50,
    invariants: ['linearizability'],
    mutation: () => ({ channel: (channel) => new ForgetsWhatWasSent(channel) }),
  },
];
