import type { Configuration, HardState, NodeId, Refusal } from '../contract.ts';
import type { LeaderPromise } from '../parts/leaderPromise.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import { Inflights } from './inflights.ts';
import { LeaderState } from './leaderState.ts';
import { type Members, membersOf } from './membership.ts';
import { type Message, MessageType } from './messages.ts';
import type { RaftOptions } from './options.ts';
import { Progress } from './progress.ts';
import { type LogStorage, RaftLog } from './raftLog.ts';
import type { ReadState } from './readQueue.ts';

/** What a node is. The words are those that status and traces print. */
export const RaftRole = {
  Follower: 'StateFollower',
  PreCandidate: 'StatePreCandidate',
  Candidate: 'StateCandidate',
  Leader: 'StateLeader',
} as const;
export type RaftRole = (typeof RaftRole)[keyof typeof RaftRole];

/** What storage held when the node started. */
export interface InitialState {
  readonly hardState: HardState;
  readonly configuration: Configuration;
  /** Everything up to here is already applied; `configuration` is the one in force there. */
  readonly appliedIndex: number;
  /** What it promises leaders, and promised before it started; undefined: nothing. */
  readonly promise?: LeaderPromise;
}

/**
 * What every role has, and the passage from role to role. It knows nothing of what a role does with a message: that is in
 * follower.ts, election.ts and leader.ts, and step.ts says whose message it is.
 */
export class RaftState {
  readonly options: RaftOptions;
  readonly log: RaftLog;
  term: number;
  vote: NodeId;
  /** Who leads, as far as is known; 0 otherwise. */
  lead: NodeId = 0;
  role: RaftRole = RaftRole.Follower;
  members: Members;
  readonly promise: LeaderPromise | undefined;
  /** What only a leader has; undefined in every other role. */
  leader: LeaderState | undefined;
  /** A candidate's answers, its own included. */
  readonly votes = new Map<NodeId, boolean>();
  /** How far servers that refused their votes, in whatever term, know our log to be committed. */
  refusedCommit = 0;
  /** Reads that may be answered. */
  readStates: ReadState[] = [];
  /** May leave at once. */
  outbox: Message[] = [];
  /** Promise that something is durable: may leave only when everything written so far is. */
  outboxAfterAppend: Message[] = [];
  /** What the latest append said against what is committed here: it was left out. */
  contradicted: Refusal | undefined;
  electionElapsed = 0;
  /** Since the node started. */
  ticks = 0;
  private randomizedTimeout = 0;

  constructor(options: RaftOptions, storage: LogStorage, initial: InitialState) {
    this.options = options;
    this.log = new RaftLog(storage, options.applyingBytesMax);
    this.promise = initial.promise;
    this.term = initial.hardState.term;
    this.vote = initial.hardState.vote;
    this.log.commitTo(Math.max(initial.hardState.commit, initial.appliedIndex));
    this.log.appliedTo(Math.min(initial.appliedIndex, this.log.committed), 0);
    this.members = membersOf(initial.configuration, (_id, learner) => this.newProgress(learner));
    this.reset(this.term);
  }

  get id(): NodeId {
    return this.options.id;
  }

  get configuration(): Configuration {
    return this.members.configuration;
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** Whether this node may stand for election: a voter whose log is not being replaced. */
  get promotable(): boolean {
    const own = this.members.progress.get(this.id);
    const mayRise = this.term < TERM_MAX;
    return own !== undefined && !own.learner && this.log.unstable.snapshot === undefined && mayRise;
  }

  /** Whether a leader was heard from within the last election timeout. */
  get inLease(): boolean {
    return this.lead !== 0 && this.electionElapsed < this.options.electionTicks;
  }

  /** Whether it promised a leader, not long ago, to elect nobody. */
  get isBound(): boolean {
    return this.promise?.binds === true;
  }

  /** Whether nobody was heard from for so long that an election is due. */
  get isElectionDue(): boolean {
    return this.electionElapsed >= this.randomizedTimeout && !this.isBound;
  }

  /** For the transcripts, whose elections go by given timeouts. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.randomizedTimeout = ticks;
  }

  /** Queues a message, stamped with sender and, unless it has one, term. */
  send(message: Message): void {
    if (message.from === 0) message.from = this.id;
    switch (message.type) {
      case MessageType.Propose:
      case MessageType.ReadIndex:
        // Forwarded on behalf of others: not a statement of this term.
        break;
      default:
        if (message.term === 0) message.term = this.term;
    }
    switch (message.type) {
      case MessageType.AppendResp:
      case MessageType.VoteResp:
      case MessageType.PreVoteResp:
        this.outboxAfterAppend.push(message);
        break;
      default:
        this.outbox.push(message);
    }
  }

  /** Of whom, shows when a leader is heard. */
  becomeFollower(term: number): void {
    this.reset(term);
    this.role = RaftRole.Follower;
  }

  becomeCandidate(): void {
    this.reset(this.term + 1);
    this.role = RaftRole.Candidate;
    this.vote = this.id;
  }

  /** Asks whether an election could be won, without taking a new term (thesis §9.6). */
  becomePreCandidate(): void {
    this.votes.clear();
    this.lead = 0;
    this.role = RaftRole.PreCandidate;
  }

  /** `ticks` passed in which the host did not run: for what it did not hear, half an election timeout remains at least. */
  slept(ticks: number): void {
    const { electionTicks } = this.options;
    const timeout = this.leader === undefined ? this.randomizedTimeout : electionTicks;
    this.ticks += ticks;
    this.electionElapsed = Math.min(this.electionElapsed + ticks, timeout - Math.ceil(electionTicks / 2));
  }

  becomeLeader(): LeaderState {
    this.reset(this.term);
    this.role = RaftRole.Leader;
    this.lead = this.id;
    const own = this.members.progress.get(this.id);
    own?.becomeReplicate();
    if (own !== undefined) own.recentActive = true;
    // There may be a membership change among the entries taken over: no further one until all of them are applied.
    this.leader = new LeaderState(this.log.lastIndex);
    return this.leader;
  }

  /** A member's Progress where nothing is known of it but that its log cannot be longer than ours. */
  newProgress(learner: boolean, next = Math.max(this.log.lastIndex, 1)): Progress {
    const { inflightMessagesMax, inflightBytesMax } = this.options;
    return new Progress(0, next, learner, new Inflights(inflightMessagesMax, inflightBytesMax));
  }

  /** A new beginning in `term`; a vote belongs to its term. */
  private reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = 0;
    }
    this.lead = 0;
    this.leader = undefined;
    this.electionElapsed = 0;
    const { electionTicks, random } = this.options;
    this.randomizedTimeout = electionTicks + Math.floor(random() * electionTicks);
    this.votes.clear();
    const lastIndex = this.log.lastIndex;
    const progress = new Map<NodeId, Progress>();
    for (const [id, { learner }] of this.members.progress) {
      const fresh = this.newProgress(learner, lastIndex + 1);
      if (id === this.id) fresh.match = lastIndex;
      progress.set(id, fresh);
    }
    this.members = { configuration: this.configuration, progress };
  }
}
