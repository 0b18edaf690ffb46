import {
  type Configuration,
  type Engine,
  type EngineInit,
  type EngineSettings,
  type EngineStatus,
  type HardState,
  type MembershipChange,
  type NodeId,
  type Output,
  type PersistBatch,
  type ProposalBatch,
  type Refusal,
  RejectReason,
  Role,
  simpleConfiguration,
} from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { ConfigurationHistory } from '../membership/configurationHistory.ts';
import { ElectionTimer } from '../parts/electionTimer.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { PendingLog } from '../parts/pendingLog.ts';
import { PendingWrites } from '../parts/pendingWrites.ts';
import { VoteResult } from '../parts/quorum.ts';
import { TERM_MAX, TermGuard } from '../parts/termGuard.ts';
import { type Standing, TurnGuard } from '../parts/turnGuard.ts';
import { contradiction, entriesFault, refused, snapshotFault, tooFarAhead } from '../parts/untrusted.ts';
import { CatchUp } from './catchUp.ts';
import { Leader, type LedServer, type Transfer } from './leader.ts';
import { COMMITTED_BYTES_PER_DRAIN_MAX, COMMITTED_PER_DRAIN_MAX, FIRST_CALL_MAX } from './limits.ts';
import { applyChange, changeFault } from './membership.ts';
import type {
  AppendEntries,
  CatchMeUp,
  GorumsMessage,
  InstallSnapshot,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
} from './messages.ts';
import { electionAnswer } from './quorum.ts';

interface Election {
  readonly call: number;
  readonly preVote: boolean;
  readonly votes: Map<NodeId, boolean>;
}

/** Raft (Ongaro, Ousterhout 2014) in terms of quorum calls, with pre-election and follower-driven catch-up. */
export class GorumsEngine implements Engine<GorumsMessage>, LedServer {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly log: PendingLog;
  readonly configurations: ConfigurationHistory;
  readonly out = new OutputBuffer<GorumsMessage>();
  nowMs: number;
  term: number;
  commitIndex: number;
  deliveredIndex: number;

  private readonly snapshotDataFault: EngineInit['snapshotDataFault'];
  private readonly terms: TermGuard;
  private vote: NodeId;
  private leaderId: NodeId = 0;
  private leader: Leader | undefined;
  private election: Election | undefined;
  private readonly catchUp = new CatchUp();
  /**
   * Calls so far, from a random start: an answer to a call of an earlier life must not pass for one of this life, least of
   * all a pre-vote for a vote.
   */
  private calls: number;
  /** When the leader was last heard from. */
  private heardMs = Number.NEGATIVE_INFINITY;
  private readonly electionTimer: ElectionTimer;
  private handedOver: Transfer | undefined;

  private appliedIndex: number;
  private readonly writes: PendingWrites;
  private hardStateChanged = false;
  private readonly guard: TurnGuard;
  private readonly termAt = (index: number) => this.log.term(index);

  constructor(init: EngineInit) {
    this.id = init.id;
    this.settings = init.settings;
    this.snapshotDataFault = init.snapshotDataFault;
    this.terms = new TermGuard(init.settings.electionTimeoutMs);
    this.calls = Math.floor(init.random() * FIRST_CALL_MAX);
    this.nowMs = init.nowMs;
    this.log = new PendingLog(init.log);
    this.term = init.hardState.term;
    this.vote = init.hardState.vote;
    const snapshot = init.log.snapshot();
    this.configurations = new ConfigurationHistory(
      snapshot?.index ?? 0,
      snapshot?.configuration ?? simpleConfiguration(init.bootstrap),
      init.log.configurationEntries(),
      applyChange,
    );
    this.appliedIndex = init.appliedIndex;
    this.deliveredIndex = init.appliedIndex;
    this.commitIndex = Math.max(init.appliedIndex, Math.min(init.hardState.commit, this.log.lastIndex));
    this.writes = new PendingWrites(this.log.lastIndex, this.term);
    this.electionTimer = new ElectionTimer(init.settings.electionTimeoutMs, init.random, init.nowMs);
    this.guard = new TurnGuard(this.standing());
  }

  private get role(): Role {
    if (this.leader !== undefined) return Role.Leader;
    if (this.election !== undefined) return this.election.preVote ? Role.PreCandidate : Role.Candidate;
    return this.isVoter ? Role.Follower : Role.Passive;
  }

  private get isVoter(): boolean {
    return this.configurations.latest.voters.includes(this.id);
  }

  /** A server that a change not yet committed removes may be the only one whose log can win (thesis §4.2.2). */
  private get mayStand(): boolean {
    const { latestIndex, previous } = this.configurations;
    return this.isVoter || (latestIndex > this.commitIndex && previous?.voters.includes(this.id) === true);
  }

  get durableIndex(): number {
    return this.writes.durableIndex;
  }

  nextCall(): number {
    return ++this.calls;
  }

  tick(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
    if (this.electionTimer.tick(this.nowMs)) {
      this.leader?.woke(this.electionTimer.graceMs);
      return;
    }
    if (this.leader !== undefined) {
      this.leader.tick();
      return;
    }
    if (this.handedOver !== undefined && this.nowMs >= this.handedOver.deadlineMs) this.settleTransfer(false);
    if (!this.electionTimer.isDue(this.nowMs)) return;
    this.restartElectionTimer();
    if (this.mayStand && this.term < TERM_MAX) this.startElection(true);
  }

  receive(from: NodeId, message: GorumsMessage): Refusal | undefined {
    const refusal = this.refusalOf(from, message);
    if (refusal !== undefined) return refusal;
    switch (message.type) {
      case 'RequestVote':
        this.onRequestVote(from, message);
        break;
      case 'RequestVoteResponse':
        this.onVote(from, message);
        break;
      case 'AppendEntries':
        return this.onAppendEntries(from, message);
      case 'AppendEntriesResponse':
        if (message.term > this.term) this.follow(message.term, 0);
        else if (message.term === this.term) this.leader?.answered(from, message);
        break;
      case 'InstallSnapshot':
        this.onInstallSnapshot(from, message);
        break;
      case 'InstallSnapshotResponse':
        if (message.term > this.term) this.follow(message.term, 0);
        else if (message.term === this.term) this.leader?.snapshotInstalled(from, message.call);
        break;
      case 'CatchMeUp':
        this.onCatchMeUp(from, message);
        break;
      case 'TimeoutNow':
        this.onTimeoutNow(message);
        break;
    }
    return undefined;
  }

  private refusalOf(from: NodeId, message: GorumsMessage): Refusal | undefined {
    if (from === this.id || speaker(message, from) !== from) {
      return refused(`a ${message.type} in the name of server ${speaker(message, from)}`);
    }
    if ('term' in message && message.term > this.term) {
      const { term } = this;
      const believed = this.terms.ceiling(term, this.nowMs);
      if (message.term > believed) {
        if (believed > term && tellsTerm(message)) this.follow(believed, 0);
        return tooFarAhead(message.term, term);
      }
    }
    if (message.type === 'AppendEntries') {
      const { term, prevLogIndex, prevLogTerm, entries } = message;
      return refused(entriesFault(prevLogIndex, prevLogTerm, entries, term, changeFault));
    }
    return message.type === 'InstallSnapshot' ? refused(this.faultOf(message)) : undefined;
  }

  private faultOf(request: InstallSnapshot): string | undefined {
    const { lastIncludedIndex: index, lastIncludedTerm: term, configuration, data } = request;
    const fault = snapshotFault({ index, term, configuration }, request.term);
    if (fault !== undefined || index <= this.commitIndex || request.term < this.term) return fault;
    const unreadable = this.snapshotDataFault(data);
    return unreadable === undefined ? undefined : `the leader's snapshot of index ${index}: ${unreadable}`;
  }

  propose(batch: ProposalBatch): void {
    if (this.leader !== undefined) {
      this.leader.propose(batch);
      return;
    }
    this.out.reject(batch.token, 0, batch.commands.length, RejectReason.NotLeader, this.leaderId);
  }

  read(token: number): void {
    if (this.leader !== undefined) this.leader.read(token);
    else this.out.readFailed(token, RejectReason.NotLeader, this.leaderId);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.leader !== undefined) this.leader.reconfigure(change, token);
    else this.refuseRequest(token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    if (this.leader !== undefined) this.leader.transferLeadership(to, token, unable);
    else this.refuseRequest(token);
  }

  private refuseRequest(token: number): void {
    this.out.requestFailed(token, RejectReason.NotLeader, this.leaderId);
  }

  durable(mark: number): void {
    this.writes.durable(mark);
    // A candidate's own vote counts once it is on disk, like everybody else's: it was written with the term.
    if (this.election?.preVote === false && this.writes.durableTerm === this.term) this.countVote(this.id, true);
    this.leader?.countRounds();
  }

  applied(index: number): void {
    this.appliedIndex = Math.max(this.appliedIndex, index);
  }

  snapshotStored(index: number): void {
    this.configurations.compact(index);
  }

  drain(): Output<GorumsMessage> {
    this.leader?.pump();
    const committed = this.takeCommitted();
    // Once it is taken, and until storage has it, the log does not show what is written.
    const standing = this.standing();
    const output = this.out.take(this.takePersist(), committed);
    this.guard.check(standing, output, this.termAt);
    return output;
  }

  private standing(): Standing {
    const { term, vote, commitIndex, appliedIndex } = this;
    return { term, vote, leads: this.leader !== undefined, commitIndex, appliedIndex, lastIndex: this.log.lastIndex };
  }

  private takeCommitted(): readonly Entry[] {
    if (this.deliveredIndex >= this.commitIndex) return [];
    const from = this.deliveredIndex + 1;
    const entries = this.log.entries(from, this.commitIndex, COMMITTED_PER_DRAIN_MAX, COMMITTED_BYTES_PER_DRAIN_MAX);
    this.deliveredIndex += entries.length;
    return entries;
  }

  private takePersist(): PersistBatch | undefined {
    if (!this.log.changed && !this.hardStateChanged) return undefined;
    const mark = this.writes.handOver(this.log.lastIndex, this.term, this.nowMs);
    const { snapshot, truncateFrom, entries } = this.log.take();
    const hardState: HardState = { term: this.term, vote: this.vote, commit: this.commitIndex };
    this.hardStateChanged = false;
    return { mark, snapshot, truncateFrom, entries, hardState, mustSync: true };
  }

  // --- elections (Raft §5.2, §5.4.1; thesis §9.6 for the pre-vote) ---

  private restartElectionTimer(): void {
    this.electionTimer.restart(this.nowMs);
  }

  private startElection(preVote: boolean): void {
    this.leaderId = 0;
    this.out.events.push(preVote ? 'preelection' : 'election');
    const call = this.nextCall();
    this.election = { call, preVote, votes: new Map() };
    if (!preVote) {
      this.setTerm(this.term + 1, this.id);
      this.restartElectionTimer();
    }
    const term = preVote ? this.term + 1 : this.term;
    const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = this.log;
    for (const voter of this.configurations.latest.voters) {
      if (voter === this.id) continue;
      const request: RequestVote = {
        type: 'RequestVote',
        call,
        candidate: this.id,
        term,
        lastLogIndex,
        lastLogTerm,
        preVote,
      };
      // A candidate that forgot its own vote in a crash could vote for another in the term it stood for.
      if (preVote) this.out.send(voter, request);
      else this.out.sendAfterPersist(voter, request);
    }
    if (preVote) this.countVote(this.id, true);
  }

  private onRequestVote(from: NodeId, request: RequestVote): void {
    if (!request.preVote && request.term > this.term) this.follow(request.term, 0);
    const upToDate =
      request.lastLogTerm > this.log.lastTerm ||
      (request.lastLogTerm === this.log.lastTerm && request.lastLogIndex >= this.log.lastIndex);
    const { call } = request;
    if (request.preVote) {
      const granted = upToDate && request.term > this.term && !this.hasLeader;
      const term = granted ? request.term : this.term;
      this.out.send(from, { type: 'RequestVoteResponse', call, term, granted });
      return;
    }
    const free = this.vote === 0 || this.vote === request.candidate;
    const granted = upToDate && request.term === this.term && free && this.leader === undefined;
    if (granted) {
      this.setTerm(this.term, request.candidate);
      this.restartElectionTimer();
    }
    this.out.sendAfterPersist(from, { type: 'RequestVoteResponse', call, term: this.term, granted });
  }

  /** Whether a leader was heard from within an election timeout; then nobody needs another one. A silent one asks for another. */
  private get hasLeader(): boolean {
    if (this.leader !== undefined) return !this.leader.isSilent;
    return this.nowMs - this.heardMs < this.settings.electionTimeoutMs;
  }

  private onVote(from: NodeId, { call, term, granted }: RequestVoteResponse): void {
    if (!granted && term > this.term) {
      this.follow(term, 0);
      return;
    }
    this.leader?.heard(from);
    const { election } = this;
    if (election?.call !== call) return;
    if (!granted || term === (election.preVote ? this.term + 1 : this.term)) this.countVote(from, granted);
  }

  private countVote(from: NodeId, granted: boolean): void {
    const { election } = this;
    if (election === undefined) return;
    election.votes.set(from, granted);
    const answer = electionAnswer(this.configurations.latest, election.votes);
    if (answer === VoteResult.Lost) this.election = undefined;
    if (answer !== VoteResult.Won) return;
    if (election.preVote) this.startElection(false);
    else this.lead();
  }

  private onTimeoutNow(message: TimeoutNow): void {
    if (this.leader !== undefined || message.term !== this.term || message.leader !== this.leaderId) return;
    if (this.mayStand && this.term < TERM_MAX) this.startElection(false);
  }

  private lead(): void {
    this.election = undefined;
    this.leaderId = this.id;
    this.out.events.push('becomeleader');
    this.leader = new Leader(this);
  }

  resign(): void {
    this.stopLeading(0);
    this.leaderId = 0;
    if (!this.isVoter) this.out.events.push('terminated');
  }

  private stopLeading(leader: NodeId): void {
    const { leader: former } = this;
    if (former === undefined) return;
    this.leader = undefined;
    this.restartElectionTimer();
    this.handedOver = former.stop(leader);
  }

  /** Who leads after a transfer decides whether it succeeded. */
  private settleTransfer(done: boolean): void {
    if (this.handedOver === undefined) return;
    const { token } = this.handedOver;
    this.handedOver = undefined;
    if (done) this.out.requests.push({ token, ok: true });
    else this.out.requestFailed(token, RejectReason.Timeout, this.leaderId);
  }

  /** Becomes a follower of `leader` (0: nobody yet) in `term`, which is not below the present one. */
  private follow(term: number, leader: NodeId): void {
    if (term > this.term) this.setTerm(term, 0);
    this.election = undefined;
    this.stopLeading(leader);
    this.leaderId = leader;
    if (leader !== 0) this.settleTransfer(this.handedOver?.to === leader);
  }

  private setTerm(term: number, vote: NodeId): void {
    if (term === this.term && vote === this.vote) return;
    this.term = term;
    this.vote = vote;
    this.hardStateChanged = true;
  }

  // --- following (Raft §5.3) ---

  /** Takes note of a leader of `term`; false where the message is out of date. */
  private heardFromLeader(term: number, leader: NodeId): boolean {
    if (term < this.term || (this.leader !== undefined && term === this.term)) return false;
    if (term > this.term || this.leaderId !== leader || this.election !== undefined) this.follow(term, leader);
    this.heardMs = this.nowMs;
    this.restartElectionTimer();
    return true;
  }

  private onAppendEntries(from: NodeId, request: AppendEntries): Refusal | undefined {
    const { call } = request;
    const matchIndex = this.log.lastIndex;
    if (!this.heardFromLeader(request.term, request.leader)) {
      this.out.send(from, { type: 'AppendEntriesResponse', call, term: this.term, matchIndex, success: false });
      return undefined;
    }
    const { prevLogIndex, prevLogTerm, entries } = request;
    const contradicts = contradiction(this.log, this.commitIndex, prevLogIndex, prevLogTerm, entries);
    const success = this.takeEntries(request);
    const response = { type: 'AppendEntriesResponse', call, term: this.term, matchIndex, success } as const;
    if (success) {
      this.catchUp.agreed(request.term, prevLogIndex + entries.length);
      this.out.sendAfterPersist(from, response);
      return contradicts;
    }
    this.out.send(from, response);
    const nextIndex = this.catchUp.ask(this.log, request, this.commitIndex, this.nowMs);
    if (nextIndex === undefined) return contradicts;
    this.out.events.push('catchup');
    this.out.send(from, { type: 'CatchMeUp', call: this.nextCall(), follower: this.id, nextIndex });
    return contradicts;
  }

  /** Whether the log agrees with the leader's up to the last entry of the request, which it then holds. */
  private takeEntries(request: AppendEntries): boolean {
    const { log } = this;
    const { prevLogIndex, prevLogTerm, entries } = request;
    // What a snapshot covers is committed, and so the same everywhere.
    if (prevLogIndex >= log.firstIndex - 1 && log.term(prevLogIndex) !== prevLogTerm) return false;
    let position = Math.max(0, log.firstIndex - 1 - prevLogIndex);
    while (position < entries.length && log.term(entries[position]!.index) === entries[position]!.term) position++;
    const fresh = position === 0 ? entries : entries.slice(position);
    const conflict = fresh[0]?.index;
    if (conflict !== undefined && conflict <= this.commitIndex) return false;
    if (conflict !== undefined && conflict <= log.lastIndex) this.truncate(conflict);
    if (fresh.length > 0) {
      log.append(fresh);
      for (const entry of fresh) if (isConfigurationType(entry.type)) this.configurationEntry(entry);
    }
    this.commitTo(Math.min(request.commitIndex, prevLogIndex + entries.length));
    return true;
  }

  private truncate(from: number): void {
    this.log.truncate(from);
    this.configurations.truncate(from);
    this.writes.truncateFrom(from);
  }

  private configurationEntry(entry: Entry): void {
    this.configurations.append(entry);
    this.out.events.push('applyconfiguration');
  }

  commitTo(index: number): void {
    if (index > this.commitIndex) this.commitIndex = Math.min(index, this.log.lastIndex);
  }

  private onInstallSnapshot(from: NodeId, request: InstallSnapshot): void {
    const { call, lastIncludedIndex: index, lastIncludedTerm: term, configuration, data } = request;
    if (this.heardFromLeader(request.term, request.leader) && index > this.commitIndex) {
      if (this.log.term(index) === term) this.commitTo(index);
      else this.restore({ index, term, configuration, data });
    }
    this.out.sendAfterPersist(from, { type: 'InstallSnapshotResponse', call, term: this.term });
  }

  private restore(snapshot: { index: number; term: number; configuration: Configuration; data: Uint8Array }): void {
    this.log.restore(snapshot);
    this.configurations.restore(snapshot.index, snapshot.configuration);
    this.writes.truncateFrom(1);
    this.commitIndex = snapshot.index;
    this.deliveredIndex = snapshot.index;
    this.out.restore = snapshot;
  }

  private onCatchMeUp(from: NodeId, { nextIndex }: CatchMeUp): void {
    this.leader?.catchMeUp(from, nextIndex);
  }

  // --- for the record ---

  status(): EngineStatus {
    return {
      id: this.id,
      role: this.role,
      term: this.term,
      leader: this.leader?.isAlone ? 0 : this.leaderId,
      commitIndex: this.commitIndex,
      appliedIndex: this.appliedIndex,
      lastIndex: this.log.lastIndex,
      configuration: this.configurations.latest,
      peers: this.leader?.peerStatus() ?? [],
      pendingChange: this.leader?.pendingChange,
    };
  }

  effectiveSettings(): Readonly<Record<string, string | number | boolean>> {
    const { batch, entriesPerMessage, catchUpMultiplier, checkQuorum, electionTimeoutMs, heartbeatMs } = this.settings;
    return {
      batch,
      entriesPerMessage: batch ? entriesPerMessage : 1,
      catchUpEntriesMax: entriesPerMessage * catchUpMultiplier,
      checkQuorum,
      electionTimeoutMs,
      heartbeatMs,
      preVote: true,
      reads: 'quorum round',
    };
  }

  configurationAt(appliedIndex: number): Configuration {
    return this.configurations.at(appliedIndex);
  }
}

/** Whom a message names as its sender; responses name nobody. */
function speaker(message: GorumsMessage, from: NodeId): NodeId {
  switch (message.type) {
    case 'RequestVote':
      return message.candidate;
    case 'AppendEntries':
    case 'InstallSnapshot':
    case 'TimeoutNow':
      return message.leader;
    case 'CatchMeUp':
      return message.follower;
    default:
      return from;
  }
}

/** Whether the term in a message is its sender's own: requests for votes, and votes given, may name one that nobody took yet. */
function tellsTerm(message: GorumsMessage): boolean {
  return message.type !== 'RequestVote' && !(message.type === 'RequestVoteResponse' && message.granted);
}
