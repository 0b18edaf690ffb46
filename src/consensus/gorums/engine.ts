import {
  type Configuration,
  type EffectiveSettings,
  type Engine,
  type EngineInit,
  type EngineStatus,
  type EngineSummary,
  type MembershipChange,
  type NodeId,
  type Output,
  type ProposalBatch,
  type Refusal,
  RejectReason,
  Role,
} from '../contract.ts';
import { TermGuard } from '../parts/termGuard.ts';
import { type Standing, TurnGuard } from '../parts/turnGuard.ts';
import { refused, tooFarAhead } from '../parts/untrusted.ts';
import { Election } from './election.ts';
import { appendFault, Follower } from './follower.ts';
import { Leader } from './leader.ts';
import type { GorumsMessage } from './messages.ts';
import { ServerState } from './state.ts';

/** Raft (Ongaro, Ousterhout 2014) in terms of quorum calls, with pre-election and follower-driven catch-up. */
export class GorumsEngine implements Engine<GorumsMessage> {
  private readonly state: ServerState;
  private readonly terms: TermGuard;
  private readonly election: Election;
  private readonly follower: Follower;
  private leader: Leader | undefined;
  private readonly guard: TurnGuard;
  private readonly termAt = (index: number) => this.state.log.term(index);

  constructor(init: EngineInit) {
    this.state = new ServerState(init);
    this.terms = new TermGuard(init.settings.electionTimeoutMs);
    this.follower = new Follower(this.state, init.snapshotDataFault);
    this.election = new Election(this.state, {
      leader: () => this.leader,
      won: () => this.lead(),
      follow: (term, leader) => this.follow(term, leader),
    });
    this.guard = new TurnGuard(this.standing());
  }

  private get role(): Role {
    if (this.leader !== undefined) return Role.Leader;
    return this.election.role ?? (this.state.isVoter ? Role.Follower : Role.Passive);
  }

  tick(nowMs: number): void {
    const { state } = this;
    state.nowMs = Math.max(state.nowMs, nowMs);
    if (state.electionTimer.tick(state.nowMs)) {
      this.leader?.woke(state.electionTimer.graceMs);
      return;
    }
    state.handover.tick(state.nowMs, this.knownLeader);
    if (this.leader !== undefined) this.leader.tick();
    else if (state.electionTimer.isDue(state.nowMs)) this.election.timedOut();
  }

  receive(from: NodeId, message: GorumsMessage): Refusal | undefined {
    const refusal = this.refusalOf(from, message);
    if (refusal !== undefined) return refusal;
    switch (message.type) {
      case 'RequestVote':
        this.election.voteRequested(from, message);
        break;
      case 'RequestVoteResponse':
        this.election.voteReplied(from, message);
        break;
      case 'AppendEntries':
        return this.follower.append(from, message, this.heardFromLeader(message.term, message.leader));
      case 'AppendEntriesResponse':
        if (message.term > this.state.term) this.follow(message.term, 0);
        else if (message.term === this.state.term) this.leader?.answered(from, message);
        break;
      case 'InstallSnapshot':
        this.follower.snapshot(from, message, this.heardFromLeader(message.term, message.leader));
        break;
      case 'InstallSnapshotResponse':
        if (message.term > this.state.term) this.follow(message.term, 0);
        else if (message.term === this.state.term) this.leader?.snapshotInstalled(from, message.call);
        break;
      case 'CatchMeUp':
        this.leader?.catchMeUp(from, message.nextIndex);
        break;
      case 'TimeoutNow':
        this.election.toldToStand(message);
        break;
    }
    return undefined;
  }

  private refusalOf(from: NodeId, message: GorumsMessage): Refusal | undefined {
    if (from === this.state.id || speaker(message, from) !== from) {
      return refused(`a ${message.type} in the name of server ${speaker(message, from)}`);
    }
    if ('term' in message && message.term > this.state.term) {
      const { term, nowMs } = this.state;
      const believed = this.terms.ceiling(term, nowMs);
      if (message.term > believed) {
        if (believed > term && tellsTerm(message)) this.follow(believed, 0);
        return tooFarAhead(message.term, term);
      }
    }
    if (message.type === 'AppendEntries') return refused(appendFault(message));
    return message.type === 'InstallSnapshot' ? refused(this.follower.snapshotFault(message)) : undefined;
  }

  propose(batch: ProposalBatch): void {
    if (this.leader !== undefined) {
      this.leader.propose(batch);
      return;
    }
    const { out, leaderId } = this.state;
    out.reject(batch.token, 0, batch.commands.length, RejectReason.NotLeader, leaderId);
  }

  read(token: number): void {
    if (this.leader !== undefined) this.leader.read(token);
    else this.state.out.readFailed(token, RejectReason.NotLeader, this.state.leaderId);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.leader !== undefined) this.leader.reconfigure(change, token);
    else this.refuse(token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    if (this.leader !== undefined) this.leader.transferLeadership(to, token, unable);
    else this.refuse(token);
  }

  private refuse(token: number): void {
    this.state.out.requestFailed(token, RejectReason.NotLeader, this.state.leaderId);
  }

  durable(mark: number): void {
    this.state.writes.durable(mark);
    this.election.writeDurable();
    this.leader?.countRounds();
  }

  applied(index: number): void {
    this.state.appliedIndex = Math.max(this.state.appliedIndex, index);
  }

  snapshotStored(index: number): void {
    this.state.configurations.compact(index);
  }

  drain(): Output<GorumsMessage> {
    const { state } = this;
    this.leader?.pump();
    const committed = state.takeCommitted();
    const output = state.out.take(state.takePersist(), committed);
    this.guard.check(this.standing(), output, this.termAt);
    return output;
  }

  private standing(): Standing {
    const { term, vote, commitIndex, appliedIndex, log } = this.state;
    return { term, vote, leads: this.leader !== undefined, commitIndex, appliedIndex, lastIndex: log.lastIndex };
  }

  private lead(): void {
    const { state } = this;
    state.leaderId = state.id;
    state.handover.ledBy(state.id);
    this.leader = new Leader(state, () => this.resign());
  }

  private resign(): void {
    const { state } = this;
    this.stopLeading(0);
    state.leaderId = 0;
  }

  private stopLeading(leader: NodeId): void {
    const { leader: former } = this;
    if (former === undefined) return;
    this.leader = undefined;
    this.state.restartElectionTimer();
    former.stop(leader);
  }

  /** Becomes a follower of `leader` (0: nobody yet) in `term`, which is not below the present one. */
  private follow(term: number, leader: NodeId): void {
    const { state } = this;
    if (term > state.term) state.enterTerm(term, 0);
    this.election.withdraw();
    this.stopLeading(leader);
    state.leaderId = leader;
    state.handover.ledBy(leader);
  }

  /** Takes note of a leader of `term`; false where the message is out of date. */
  private heardFromLeader(term: number, leader: NodeId): boolean {
    const { state, election } = this;
    if (term < state.term || (this.leader !== undefined && term === state.term)) return false;
    if (term > state.term || state.leaderId !== leader || election.role !== undefined) this.follow(term, leader);
    election.heardLeader();
    return true;
  }

  /** A leader that no quorum answers does not know who leads. */
  private get knownLeader(): NodeId {
    return this.leader?.isAlone ? 0 : this.state.leaderId;
  }

  summary(): EngineSummary {
    const { role, knownLeader: leader, state } = this;
    return { role, term: state.term, leader, configuration: state.configurations.latest };
  }

  status(): EngineStatus {
    const { state } = this;
    return {
      id: state.id,
      role: this.role,
      term: state.term,
      leader: this.knownLeader,
      commitIndex: state.commitIndex,
      appliedIndex: state.appliedIndex,
      lastIndex: state.log.lastIndex,
      configuration: state.configuration,
      peers: this.leader?.peerStatus() ?? [],
      pendingChange: this.leader?.preparations.pendingChange,
    };
  }

  effectiveSettings(): EffectiveSettings {
    const { settings } = this.state;
    const { batch, entriesPerMessage, catchUpMultiplier, checkQuorum, electionTimeoutMs, heartbeatMs } = settings;
    return {
      batch,
      entriesPerMessage: batch ? entriesPerMessage : 1,
      catchUpEntriesMax: entriesPerMessage * catchUpMultiplier,
      maxMessageBytes: settings.maxMessageBytes,
      checkQuorum,
      electionTimeoutMs,
      heartbeatMs,
      preVote: true,
      reads: 'quorum round',
    };
  }

  configurationAt(appliedIndex: number): Configuration {
    return this.state.configurations.at(appliedIndex);
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
