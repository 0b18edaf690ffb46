import type { Configuration, HardState, NodeId, Refusal } from '../contract.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import { campaign, receiveVoteRequest, startElection, stepCandidate } from './election.ts';
import { stepFollower } from './follower.ts';
import { Inflights } from './inflights.ts';
import { appliedByLeader, LeaderState, stepLeader, tickLeader, writeFirstEntry } from './leader.ts';
import { type Members, membersOf } from './membership.ts';
import { isResponse, Message, MessageType, payloadSize } from './messages.ts';
import type { RaftOptions } from './options.ts';
import { Progress } from './progress.ts';
import { entriesSize, type LogStorage, RaftLog } from './raftLog.ts';
import type { ReadState } from './readQueue.ts';
import { RaftRole } from './role.ts';

/** What storage held when the node started. */
export interface InitialState {
  readonly hardState: HardState;
  readonly configuration: Configuration;
  /** Everything up to here is already applied; `configuration` is the one in force there. */
  readonly appliedIndex: number;
}

/**
 * Raft as a state machine: messages and ticks go in, messages, a grown log and a changed state come out (Raft figure 2).
 * This class keeps what every role has and the passage from role to role; election.ts, follower.ts and leader.ts hold what
 * each role does with a message.
 */
export class RaftCore {
  readonly options: RaftOptions;
  readonly log: RaftLog;
  term: number;
  vote: NodeId;
  /** Who leads, as far as is known; 0 otherwise. */
  lead: NodeId = 0;
  role: RaftRole = RaftRole.Follower;
  members: Members;
  /** What only a leader has; undefined in every other role. */
  leader: LeaderState | undefined;
  /** A candidate's answers, its own included. */
  readonly votes = new Map<NodeId, boolean>();
  /** How far servers that refused their votes know our log to be committed. */
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

  setRandomizedElectionTimeout(ticks: number): void {
    this.randomizedTimeout = ticks;
  }

  /** One unit of time passes. */
  tick(): void {
    this.ticks++;
    this.electionElapsed++;
    if (this.leader !== undefined) {
      tickLeader(this, this.leader);
      return;
    }
    if (!this.promotable || this.electionElapsed < this.randomizedTimeout) return;
    this.electionElapsed = 0;
    this.step(new Message(MessageType.Hup, this.id));
  }

  /** Takes one message; false where a proposal was dropped. */
  step(message: Message): boolean {
    if (message.term > this.term) {
      if (!this.acceptHigherTerm(message)) return true;
    } else if (message.term < this.term && message.term !== 0) {
      this.answerLowerTerm(message);
      return true;
    }
    switch (message.type) {
      case MessageType.Hup:
        startElection(this, false);
        return true;
      case MessageType.StorageAppendResp:
        this.storageAppended(message);
        return true;
      case MessageType.StorageApplyResp:
        this.storageApplied(message);
        return true;
      case MessageType.Vote:
      case MessageType.PreVote:
        receiveVoteRequest(this, message);
        return true;
    }
    if (this.leader !== undefined) return stepLeader(this, this.leader, message);
    return this.role === RaftRole.Follower ? stepFollower(this, message) : stepCandidate(this, message);
  }

  /** Everything is taken from members only; false where `step` must not see this message (it is left out silently). */
  knows(message: Message): boolean {
    return !isResponse(message.type) || message.from <= 0 || this.members.progress.has(message.from);
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

  becomeFollower(term: number, lead: NodeId): void {
    this.reset(term);
    this.role = RaftRole.Follower;
    this.lead = lead;
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

  becomeLeader(): void {
    this.reset(this.term);
    this.role = RaftRole.Leader;
    this.lead = this.id;
    const own = this.members.progress.get(this.id);
    own?.becomeReplicate();
    if (own !== undefined) own.recentActive = true;
    // There may be a membership change among the entries taken over: no further one until all of them are applied.
    this.leader = new LeaderState(this.log.lastIndex);
    writeFirstEntry(this, this.leader);
  }

  /** Entries up to `index`, of `bytes` in total and with `payloadBytes` of client data, are applied. */
  appliedTo(index: number, bytes: number, payloadBytes: number): void {
    this.log.appliedTo(index, bytes);
    if (this.leader !== undefined) appliedByLeader(this, this.leader, payloadBytes);
  }

  /** A member's Progress where nothing is known of it but that its log cannot be longer than ours. */
  newProgress(learner: boolean, next = Math.max(this.log.lastIndex, 1)): Progress {
    const { inflightMessagesMax, inflightBytesMax } = this.options;
    return new Progress(0, next, learner, new Inflights(inflightMessagesMax, inflightBytesMax));
  }

  /** Starts an election that the leader asked for (thesis §3.10). */
  campaignForTransfer(): void {
    startElection(this, true);
  }

  /** Called by a pre-candidate that would win. */
  campaignForReal(): void {
    campaign(this, MessageType.Vote, false);
  }

  /** A new beginning in `term`; a vote belongs to its term. */
  private reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = 0;
    }
    this.lead = 0;
    this.leader = undefined;
    this.refusedCommit = 0;
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

  /** Raft §5.1: a higher term makes a follower, unless the message is one that must not. False: leave the message. */
  private acceptHigherTerm(message: Message): boolean {
    const { type } = message;
    if (type === MessageType.Vote || type === MessageType.PreVote) {
      const { checkQuorum, preVoteLease } = this.options;
      const leased = checkQuorum || (preVoteLease && type === MessageType.PreVote);
      // Thesis §4.2.3: who was removed, or cut off, must not disturb a leader that the others hear from.
      if (leased && this.inLease && !message.transfer) return false;
    }
    if (type === MessageType.PreVote) return true;
    // A granted pre-vote carries the term that was asked for; it is taken when the pre-vote is won.
    if (type === MessageType.PreVoteResp && !message.reject) return true;
    const fromLeader = type === MessageType.Append || type === MessageType.Heartbeat || type === MessageType.Snapshot;
    this.becomeFollower(message.term, fromLeader ? message.from : 0);
    return true;
  }

  private answerLowerTerm(message: Message): void {
    const { type } = message;
    const { checkQuorum, preVote } = this.options;
    if ((checkQuorum || preVote) && (type === MessageType.Heartbeat || type === MessageType.Append)) {
      // The sender leads in an old term, and may never hear of ours otherwise: our votes are ignored while it leads, and
      // our pre-votes carry no term that deposes it. An answer with our term makes it step down.
      this.send(new Message(MessageType.AppendResp, message.from));
    } else if (type === MessageType.PreVote) {
      // Both could wait for each other forever if the one with the lower term and the longer log heard nothing.
      const answer = new Message(MessageType.PreVoteResp, message.from);
      answer.reject = true;
      this.send(answer);
    } else if (type === MessageType.StorageAppendResp && message.snapshot !== undefined) {
      // The entries may be replaced by a write of the new term that is still in progress; a snapshot is committed and stays.
      this.snapshotApplied(message.snapshot.index);
    }
  }

  private storageAppended(message: Message): void {
    if (message.index !== 0) this.log.unstable.stableTo(message.index, message.logTerm);
    if (message.snapshot !== undefined) this.snapshotApplied(message.snapshot.index);
  }

  private snapshotApplied(index: number): void {
    this.log.unstable.snapshotStable(index);
    this.appliedTo(index, 0, 0);
  }

  private storageApplied(message: Message): void {
    const last = message.entries[message.entries.length - 1];
    if (last === undefined) return;
    this.appliedTo(last.index, entriesSize(message.entries), payloadSize(message.entries));
  }
}
