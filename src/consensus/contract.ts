import type { Entry, EntryType } from './entry.ts';

/**
 * The contract between a consensus engine and its host.
 *
 * An engine is a deterministic state machine. The host feeds it inputs, then calls `drain()` once per turn of its
 * event loop and carries out what comes back. Inside `rkvd` the host is gRPC and LevelDB; in the simulator it is a
 * virtual world. An engine never waits, never throws on what a peer sent, and has no clock and no randomness of its own.
 */

/** A server's 1-based id. 0 means nobody. */
export type NodeId = number;

/** What must survive a crash besides the log (Raft figure 2). `commit` is a hint that saves work; losing it is safe. */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId;
  readonly commit: number;
}

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

/**
 * Who takes part. All lists ascend and hold no id twice. `outgoing`, `learnersNext` and `autoLeave` are used only while
 * an engine with joint consensus (Raft §6) is between two configurations.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

export function simpleConfiguration(voters: readonly NodeId[], learners: readonly NodeId[] = []): Configuration {
  const ascending = (ids: readonly NodeId[]) => [...new Set(ids)].sort((a, b) => a - b);
  return { voters: ascending(voters), learners: ascending(learners), outgoing: [], learnersNext: [], autoLeave: false };
}

/** Everybody who is, was or will be a member, while it changes. */
export function namedIn({ voters, learners, outgoing, learnersNext }: Configuration): ReadonlySet<NodeId> {
  return new Set([...voters, ...learners, ...outgoing, ...learnersNext]);
}

/** Up to which entry a snapshot reaches, and the configuration then in force. */
export interface SnapshotPlace {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

/** What the state machine wrote into a snapshot: bytes that the host keeps, in memory or not. They never change. */
export interface SnapshotContent {
  readonly byteLength: number;
  /**
   * `length` bytes from `offset` on, or as many as there are: in one piece, which nobody may change. Throws SnapshotGoneError where a later
   * one took its place and nobody was said to need it (`Engine.sending`).
   */
  read(offset: number, length: number): Uint8Array;
}

/** Content that comes in pieces. The engine looks at each, and hands it on to be persisted; it is read once all are handed over. */
export interface IncomingContent extends SnapshotContent {
  /** Of the snapshot that it is for. */
  readonly place: SnapshotPlace;
  /**
   * The next piece, from the first on: what is wrong with it, so that the host's state machine could not be restored from all of it;
   * undefined: nothing. The piece is not kept.
   */
  check(piece: Uint8Array): string | undefined;
  /** For who persists the pieces: where all of them are to be read. */
  keptAs(content: SnapshotContent): void;
}

export interface SnapshotPiece {
  readonly content: IncomingContent;
  readonly data: Uint8Array;
}

/** The state machine as of `index`. */
export interface Snapshot extends SnapshotPlace {
  readonly content: SnapshotContent;
}

/**
 * What an engine may read of the log. The host's log store implements it. Everything that an output handed over to be
 * persisted is visible here as soon as the host took that output, durable or not. All reads are synchronous.
 */
export interface LogReader {
  /** The first index that `entries` can return: one after the snapshot's or the compaction point, 1 in a new log. */
  readonly firstIndex: number;
  /** The last index; firstIndex - 1 where the log is empty. */
  readonly lastIndex: number;
  /** The term at `index`, also at firstIndex - 1 (0 for index 0); undefined where it is compacted or not there yet. */
  term(index: number): number | undefined;
  /**
   * Entries from `from` to at most `to`, both included: at least one if `from` is in the log, then as many as fit in
   * `maxBytes` of encoded records. Throws LogCompactedError below firstIndex and RangeError above lastIndex.
   */
  entries(from: number, to: number, maxBytes: number): Entry[];
  /** All membership entries still in the log, ascending. */
  configurationEntries(): readonly Entry[];
  /** The latest stored snapshot. Its content is read where it is asked for. */
  snapshot(): Snapshot | undefined;
}

/** The content asked for was deleted. */
export class SnapshotGoneError extends Error {
  override readonly name = 'SnapshotGoneError';
  constructor(index: number) {
    super(`the snapshot of index ${index} is deleted: a later one took its place`);
  }
}

/** The entries asked for were compacted away. */
export class LogCompactedError extends Error {
  override readonly name = 'LogCompactedError';
  constructor(index: number, firstIndex: number) {
    super(`log entry ${index} is compacted; the first entry kept is ${firstIndex}`);
  }
}

/**
 * How a leader proves that it leads when it is asked for a linearizable read. `round`: by a question to a quorum, as each engine's way is.
 * `lease`: without one while a quorum has promised to elect nobody, which is sound only as long as clocks are (parts/leaderLease.ts).
 */
export type ReadProof = 'round' | 'lease';

/** Settings that mean the same in every engine. */
export interface EngineSettings {
  /** An election starts after between once and twice this long without a leader. */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Entries in one append message. */
  readonly entriesPerMessage: number;
  /** Times `entriesPerMessage` that may go to a follower that catches up. */
  readonly catchUpMultiplier: number;
  /** false: one entry per message, to a follower that keeps up, and one proposal per disk write. */
  readonly batch: boolean;
  /** A leader that hears from no quorum for an election timeout steps down. Otherwise it only keeps nobody from being elected. */
  readonly checkQuorum: boolean;
  readonly readProof: ReadProof;
  /** Encoded entries in one message never pass this, except that one entry always fits. */
  readonly maxMessageBytes: number;
  /** Bytes of a snapshot in one message, which is one of many where the snapshot is larger. */
  readonly snapshotChunkBytes: number;
}

export interface EngineInit {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  /** Uniform in [0, 1). The engine's only source of randomness. */
  readonly random: () => number;
  /** The host's monotonic clock at creation, in ms; `tick` continues it. */
  readonly nowMs: number;
  /** What storage held at start. */
  readonly hardState: HardState;
  readonly log: LogReader;
  /** Voters of a brand-new cluster: used only as far as neither snapshot nor log say otherwise. May not include `id`. */
  readonly bootstrap: readonly NodeId[];
  /** Index up to which the host's state machine has been restored (the snapshot's index, or 0). */
  readonly appliedIndex: number;
  /** For a snapshot that a peer begins to send. One that is begun later takes its place, where it is not whole. */
  readonly receiveContent: (place: SnapshotPlace, byteLength: number) => IncomingContent;
  /**
   * For how long an earlier process of this server may have promised a leader to elect nobody (parts/leaderPromise.ts), ms; without it,
   * never.
   */
  readonly promisedBeforeMs?: number | undefined;
}

/** A peer's message was left out. It changed nothing, except perhaps the term and who leads; it may have been answered. */
export interface Refusal {
  /** For people: what was wrong with it. */
  readonly reason: string;
  /** No correct server sends such a message. false: it may be sent, and believed later; or who is wrong cannot be told. */
  readonly malformed: boolean;
}

/** Commands of one host turn. `token` names the batch in what comes back. */
export interface ProposalBatch {
  readonly token: number;
  readonly commands: readonly Uint8Array[];
  /** Of the entries that they become; Normal where nothing is said. */
  readonly type?: EntryType;
}

export const ChangeType = {
  AddVoter: 'add-voter',
  AddLearner: 'add-learner',
  /** A voter becomes a learner. (A learner becomes a voter by AddVoter.) */
  Demote: 'demote',
  Remove: 'remove',
} as const;
export type ChangeType = (typeof ChangeType)[keyof typeof ChangeType];

export interface MembershipChange {
  readonly type: ChangeType;
  readonly id: NodeId;
}

/** Why something asked of an engine was not done. The outcome is certain: it did not happen and will not. */
export const RejectReason = {
  /** Ask `leader` (0: not known). */
  NotLeader: 'not-leader',
  /** A leadership transfer is in progress; try again. */
  Transferring: 'transferring',
  /** A membership change is in flight; try again. */
  ChangeInFlight: 'change-in-flight',
  /** The change makes no sense in the present configuration, or the engine has no such change. */
  InvalidChange: 'invalid-change',
  /** Nothing was committed in time; or a transfer's target did not take over in time, and if it does so yet, nobody was told. */
  Timeout: 'timeout',
  /** Too few answer of those who would have to commit what follows the change. */
  NoQuorum: 'no-quorum',
  /** The server to be added, or to take over, does not answer. */
  TargetUnreachable: 'target-unreachable',
  /** The server to be added, or to take over, answers and does not get up to date. */
  NotCaughtUp: 'not-caught-up',
  /** No voter that could take over answers. */
  NoSuccessor: 'no-successor',
  /** The server to take over cannot be told to. */
  CannotTakeOver: 'cannot-take-over',
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

/** What a change or a transfer waits for, or was refused for the lack of. Ascending by id. */
export interface Missing {
  /** Needed, and not heard from since. */
  readonly silent: readonly NodeId[];
  /** Needed, answering, and short of entries: its log ends at `heldIndex` and should reach `goalIndex`. */
  readonly behind: readonly { readonly id: NodeId; readonly heldIndex: number; readonly goalIndex: number }[];
}

/** A membership change that its leader has not appended yet. */
export interface PendingChange {
  readonly change: MembershipChange;
  readonly missing: Missing;
}

/** Part of a proposal batch took its place in the leader's log: command `offset + i` became entry `firstIndex + i`. */
export interface AcceptedProposals {
  readonly token: number;
  readonly offset: number;
  readonly count: number;
  readonly firstIndex: number;
  readonly term: number;
}

/** Commands `offset` to `offset + count - 1` of a batch were not, and will never be, appended by this engine. */
export interface RejectedProposals {
  readonly token: number;
  readonly offset: number;
  readonly count: number;
  readonly reason: RejectReason;
  readonly leader: NodeId;
}

/** A linearizable read may be answered once `index` is applied; or it failed and was not answered. */
export type ReadOutcome =
  | { readonly token: number; readonly ok: true; readonly index: number }
  | { readonly token: number; readonly ok: false; readonly reason: RejectReason; readonly leader: NodeId };

/** How a `reconfigure` or `transferLeadership` ended. ok: committed, or the target has taken over. */
export type RequestOutcome =
  | { readonly token: number; readonly ok: true }
  | {
      readonly token: number;
      readonly ok: false;
      readonly reason: RejectReason;
      readonly leader: NodeId;
      readonly missing?: Missing | undefined;
    };

export interface Envelope<M> {
  readonly to: NodeId;
  readonly message: M;
}

/**
 * One step of storage. The host persists the parts in this order, atomically: snapshot (which replaces the whole log),
 * truncation, entries, hard state. Marks ascend by one. When everything up to `mark` is on disk, the host says `durable(mark)`.
 */
export interface PersistBatch {
  readonly mark: number;
  /**
   * What came of snapshots that peers send, in order: before all else, and of no effect but that a `snapshot`, of this batch or a later one,
   * may have the content that they are of. None of it needs to outlive a crash before that.
   */
  readonly pieces?: readonly SnapshotPiece[] | undefined;
  readonly snapshot?: Snapshot | undefined;
  /** Remove this index and all after it. Given only where entries really are replaced. */
  readonly truncateFrom?: number | undefined;
  readonly entries: readonly Entry[];
  readonly hardState?: HardState | undefined;
  /** false where only `hardState.commit` changed: nothing waits for this batch, and it need not be synced by itself. */
  readonly mustSync: boolean;
}

/**
 * What happens in a server's life, by the original's names: rows of its event file, and all that experiments go by. Each means the same
 * in every engine. These an engine says itself, for nobody else can know; all but the last two are said by the one part that
 * prepares changes (membership/preparations.ts).
 */
export type ToldEvent =
  /** Leader: it took up an operator's request to add a server (a learner counts). Its entry is in the log some time later, or never. */
  | 'proposeaddserver'
  /** Leader: the same for the removal of a server, or a voter that becomes a learner. */
  | 'proposeremoveserver'
  /** Leader: it begins to send its log to a server that is to be added as a voter, which does not count yet. */
  | 'startreplicate'
  /** Leader: that server holds what the log held, and is quick enough (thesis §4.2.1): its addition may go on. */
  | 'caughtup'
  /** Leader: a follower lacks entries that it was sent, or must be taken to, and is being brought up to date: once, until it is. */
  | 'catchup'
  /** Leader: entries that one follower lacks go to it in the place of a round. Only engines that inject say so (EngineEntry). */
  | 'injectentries';

/** These follow from what an engine's status and its committed entries show, and are derived from that once (parts/lifeEvents.ts), by the host. */
export type DerivedEvent =
  /**
   * A voter that followed a leader has not heard it for an election timeout and begins to stand; or a leader has had no answer of a quorum
   * for as long, whether it steps down (checkQuorum) or only stays silent, or cannot write.
   */
  | 'failure'
  /** It asks whether it would be elected: it became a pre-candidate. One that goes on asking says nothing more. */
  | 'preelection'
  /** It stands for election, once for each term. */
  | 'election'
  /** It leads in a new term. */
  | 'becomeleader'
  /** It goes by another configuration: one in its log where the engine takes it from there (or gone from it), a committed one elsewhere. */
  | 'applyconfiguration'
  /** Any server: that others are members now is committed and applied here. What was known to be so at its start is not told again. */
  | 'added'
  /** Any server: the same of members that are none any more. */
  | 'removed'
  /** It is no member any more, which is committed and applied here; or its process is told to end. */
  | 'terminated';

export type EngineEvent = ToldEvent | DerivedEvent;

/** Everything that a turn brought forth. The arrays belong to the host after `drain`. */
export interface Output<M> {
  readonly persist: PersistBatch | undefined;
  /** Send now, in order: a leader replicates in parallel with its own disk write. */
  readonly messages: readonly Envelope<M>[];
  /**
   * Send once every PersistBatch handed over so far, this output's included, is durable; at once where none is pending.
   * Votes and append acknowledgements travel here.
   */
  readonly messagesAfterPersist: readonly Envelope<M>[];
  /** The state machine becomes this snapshot, which stands in this output's persist, once that is durable and before `committed` is applied. */
  readonly restore: Snapshot | undefined;
  /** Newly committed entries, consecutive, each exactly once, in order. The host may apply them at once. */
  readonly committed: readonly Entry[];
  readonly accepted: readonly AcceptedProposals[];
  readonly rejected: readonly RejectedProposals[];
  readonly reads: readonly ReadOutcome[];
  readonly requests: readonly RequestOutcome[];
  readonly events: readonly ToldEvent[];
}

export const Role = {
  Follower: 'follower',
  PreCandidate: 'pre-candidate',
  Candidate: 'candidate',
  Leader: 'leader',
  /** A learner / non-voter, or a server that is not part of the configuration. */
  Passive: 'passive',
} as const;
export type Role = (typeof Role)[keyof typeof Role];

/** What a leader knows of one other server. */
export interface PeerStatus {
  readonly id: NodeId;
  readonly matchIndex: number;
  readonly nextIndex: number;
  /** An engine's own word for the state of replication, such as `probe`, `pipeline`, `catching-up`. */
  readonly state: string;
  /** ms since the peer last answered, or -1 where it never did. */
  readonly lastHeardMs: number;
}

/** What of a server's status is seldom another one than a turn before. */
export interface EngineSummary {
  readonly role: Role;
  readonly term: number;
  /** 0: not known, also on a leader that no quorum answers. */
  readonly leader: NodeId;
  /** The one that this server goes by. The same object while it is the same. */
  readonly configuration: Configuration;
}

export interface EngineStatus extends EngineSummary {
  readonly id: NodeId;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** On a leader: every other member, and a server that is about to become one, ascending. Elsewhere empty. */
  readonly peers: readonly PeerStatus[];
  /** On a leader that prepares a membership change. */
  readonly pendingChange?: PendingChange | undefined;
}

/** How a setting's value begins where the setting changes nothing; why follows. */
export const NO_EFFECT = 'no effect: ';

/**
 * The settings as an engine really applies them, for the record of a measurement: these of every engine, and its own beside them. One of
 * EngineSettings that an engine does not go by stands there under its name, as NO_EFFECT and why: testing/knobs.suite.ts finds those that do not.
 */
export interface EffectiveSettings extends Readonly<Record<string, string | number | boolean>> {
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly batch: boolean;
  /** In one message to a follower that keeps up. */
  readonly entriesPerMessage: number;
  /** On their way to a follower that catches up, in one message or in several: what `catchUpMultiplier` comes to. */
  readonly catchUpEntriesMax: number;
  readonly maxMessageBytes: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  /** How a linearizable read proves that this server leads, in the engine's own words. */
  readonly reads: string;
}

/** `M` is the engine's own message type; the host carries messages without looking inside. */
export interface Engine<M> {
  /** Time is now `nowMs`, never less than before. The host calls it often enough: at least once per heartbeat / 2. */
  tick(nowMs: number): void;
  /** Returns why the message was left out; undefined where it was not. */
  receive(from: NodeId, message: M): Refusal | undefined;
  /**
   * Every command of the batch turns up once in `accepted` or `rejected`, possibly in a later turn. None is rejected for how much there
   * is of them, nor is a read: how many commands and reads may be open, and how many bytes, is the host's to bound, for all engines alike.
   */
  propose(batch: ProposalBatch): void;
  /** Asks for a linearizable read (Raft §8, thesis §6.4); exactly one ReadOutcome follows, possibly turns later. */
  read(token: number): void;
  /**
   * Enters the log only once a majority of the coming configuration, and a voter to be added, are known to answer and to be up
   * to date (membership/changePreparation.ts); refused otherwise, within a bounded time, without a trace.
   * Exactly one RequestOutcome follows, with one exception: a server that stops being leader while the change's entry
   * may still commit says nothing, and the host's own time limit answers the caller.
   */
  reconfigure(change: MembershipChange, token: number): void;
  /**
   * Hand leadership to `to`, or where it is 0 to the most up-to-date voter that answers (thesis §3.10). `unable` cannot be told
   * to take over. The target is told once; where it does not take over, this server serves on.
   */
  transferLeadership(to: NodeId, token: number, unable?: readonly NodeId[]): void;
  /** Storage says: every PersistBatch up to `mark` is on disk. */
  durable(mark: number): void;
  /** The host's state machine has applied everything up to `index`. */
  applied(index: number): void;
  /** The host stored a snapshot at or below the applied index and the log may have been compacted up to it; LogReader already shows it. */
  snapshotStored(index: number): void;
  /** Whether all members read what leases added to messages (parts/leaderPromise.ts): until it is said, they do. */
  promisesAreRead(areRead: boolean): void;
  /** Snapshots that it sends to others, and is not done with: their content has to stay, whatever is stored meanwhile. */
  sending(): readonly Snapshot[];
  /** What is to be done now. Calling it twice in a row yields nothing the second time. */
  drain(): Output<M>;
  /** To be asked every turn: cheap, whatever the server knows of others. */
  summary(): EngineSummary;
  status(): EngineStatus;
  effectiveSettings(): EffectiveSettings;
  /** The configuration as of an applied index that is not below the latest stored snapshot: for a snapshot there, and to tell who came and went. */
  configurationAt(appliedIndex: number): Configuration;
}

/** Turns an engine's messages into bytes and back. `decode` throws MalformedMessageError on anything it cannot read. */
export interface MessageCodec<M> {
  encode(message: M): Uint8Array;
  /**
   * The same bytes in pieces, one after the other, where something in the message is large (LARGE_PART_BYTES): that is a piece by
   * itself, where it stands in memory already. Nobody may change the pieces. Undefined where nothing is large.
   */
  encodeLarge(message: M): readonly Uint8Array[] | undefined;
  decode(bytes: Uint8Array): M;
  /**
   * Whether the message may arrive before others that were sent to the same server earlier, where these are large: it must not
   * wait behind them. The rest arrive in the order in which they were sent, or not at all.
   */
  mayOvertake(message: M): boolean;
}

/** A peer sent bytes that are not a message. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

/** What a host needs to know of an engine to run it. */
export interface EngineKind<M> {
  readonly name: string;
  create(init: EngineInit): Engine<M>;
  readonly codec: MessageCodec<M>;
}
