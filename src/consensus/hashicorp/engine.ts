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
import { TERM_MAX, TermGuard } from '../parts/termGuard.ts';
import { type Standing, TurnGuard } from '../parts/turnGuard.ts';
import { refused, tooFarAhead } from '../parts/untrusted.ts';
import { Elections } from './election.ts';
import { appendFault, chunkFault, FollowerLog } from './follower.ts';
import { Leadership } from './leader.ts';
import type { AppendRequest, HashicorpMessage, Heartbeat, SnapshotChunk, TimeoutNow } from './messages.ts';
import { ServerState } from './state.ts';

/**
 * A consensus engine with the architecture of hashicorp/raft: a replicator per follower, heartbeats beside it, a commitment
 * tracker, group commit of an apply queue, a leader lease, VerifyLeader, voters and non-voters.
 */
export class HashicorpEngine implements Engine<HashicorpMessage> {
  private readonly state: ServerState;
  private readonly follower: FollowerLog;
  private readonly terms: TermGuard;
  private readonly elections: Elections;
  private leadership: Leadership | undefined;
  private readonly guard: TurnGuard;
  private readonly termAt = (index: number) => this.state.log.term(index);

  constructor(init: EngineInit) {
    this.state = new ServerState(init);
    this.follower = new FollowerLog(this.state, init.snapshotDataFault);
    this.terms = new TermGuard(init.settings.electionTimeoutMs);
    this.elections = new Elections(this.state, {
      won: () => this.becomeLeader(),
      follow: (term, leader) => this.becomeFollower(term, leader),
    });
    this.guard = new TurnGuard(this.standing());
  }

  tick(nowMs: number): void {
    const { state } = this;
    state.nowMs = Math.max(state.nowMs, nowMs);
    if (state.electionTimer.tick(state.nowMs)) {
      this.leadership?.woke(state.electionTimer.graceMs);
      return;
    }
    state.handover.tick(state.nowMs, state.leader);
    if (this.leadership !== undefined) this.leadership.tick();
    else if (state.electionTimer.isDue(state.nowMs) && state.term < TERM_MAX) this.elections.timedOut();
  }

  receive(from: NodeId, message: HashicorpMessage): Refusal | undefined {
    const { state } = this;
    if (from === state.id) return refused(`a ${message.type} in the name of server ${from}`);
    if (message.term > state.term) {
      const { term } = state;
      const believed = this.terms.ceiling(term, state.nowMs);
      if (message.term > believed) {
        if (believed > term && tellsTerm(message)) this.becomeFollower(believed, 0);
        return tooFarAhead(message.term, term);
      }
    }
    switch (message.type) {
      case 'append':
      case 'snapshot': {
        const fault = message.type === 'append' ? appendFault(message) : chunkFault(message);
        return fault === undefined ? this.fromLeader(from, message) : refused(fault);
      }
      case 'heartbeat':
        this.fromLeader(from, message);
        break;
      case 'vote':
        this.elections.voteRequested(from, message);
        break;
      case 'timeout-now':
        this.timeoutNow(from, message);
        break;
      case 'vote-reply':
        if (message.term <= state.term + 1) this.leadership?.heard(from);
        if (message.preVote && message.granted) this.elections.preVoteGranted(from, message);
        else if (this.isCurrent(message.term)) this.elections.voteReplied(from, message);
        break;
      case 'append-reply':
        if (this.isCurrent(message.term)) this.leadership?.appendReplied(from, message);
        break;
      case 'heartbeat-reply':
        if (this.isCurrent(message.term)) this.leadership?.heartbeatReplied(from, message);
        break;
      case 'snapshot-reply':
        if (this.isCurrent(message.term)) this.leadership?.snapshotReplied(from, message);
        break;
    }
    return undefined;
  }

  propose(batch: ProposalBatch): void {
    if (this.leadership !== undefined) {
      this.leadership.propose(batch);
      return;
    }
    const { token, commands } = batch;
    const { outbox, leader } = this.state;
    outbox.reject(token, 0, commands.length, RejectReason.NotLeader, leader);
  }

  /** VerifyLeader: answered when a majority has answered a heartbeat sent after this call. */
  read(token: number): void {
    if (this.leadership !== undefined) this.leadership.read(token);
    else this.state.outbox.readFailed(token, RejectReason.NotLeader, this.state.leader);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.leadership !== undefined) this.leadership.reconfigure(change, token);
    else this.refuse(token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    if (this.leadership !== undefined) this.leadership.transferLeadership(to, token, unable);
    else this.refuse(token);
  }

  durable(mark: number): void {
    const { state } = this;
    state.writes.durable(mark);
    if (this.leadership !== undefined) this.leadership.ownWriteDurable();
    else this.elections.writeDurable();
  }

  applied(index: number): void {
    this.state.appliedIndex = Math.max(this.state.appliedIndex, index);
  }

  snapshotStored(index: number): void {
    this.state.configurations.compact(index);
  }

  drain(): Output<HashicorpMessage> {
    const { state } = this;
    this.leadership?.flush();
    this.follower.flush();
    state.log.prune(state.delivery.index);
    const persist = state.takePersist();
    const { restore, committed } = state.delivery.take(state);
    state.outbox.restore = restore;
    const output = state.outbox.take(persist, committed);
    this.guard.check(this.standing(), output, this.termAt);
    return output;
  }

  private standing(): Standing {
    const { term, vote, commitIndex, appliedIndex, log } = this.state;
    return { term, vote, leads: this.leadership !== undefined, commitIndex, appliedIndex, lastIndex: log.lastIndex };
  }

  summary(): EngineSummary {
    const { role, term, leader, configuration } = this.state;
    return { role, term, leader, configuration };
  }

  status(): EngineStatus {
    const { state } = this;
    return {
      id: state.id,
      role: state.role,
      term: state.term,
      leader: state.leader,
      commitIndex: state.commitIndex,
      appliedIndex: state.appliedIndex,
      lastIndex: state.log.lastIndex,
      configuration: state.configuration,
      peers: this.leadership?.peers() ?? [],
      pendingChange: this.leadership?.preparations.pendingChange,
    };
  }

  effectiveSettings(): EffectiveSettings {
    const { limits } = this.state;
    return {
      electionTimeoutMs: limits.electionTimeoutMs,
      heartbeatMs: limits.heartbeatMs,
      batch: limits.batch,
      entriesPerMessage: limits.entriesPerMessage,
      pipelineEntries: limits.pipelineEntries,
      catchUpEntriesMax: limits.catchUpEntries,
      maxMessageBytes: limits.messageBytes,
      checkQuorum: limits.checkQuorum,
      preVote: true,
      reads: 'heartbeats sent after the read',
      // Without check of the quorum nothing ends with it.
      leaderLeaseMs: limits.checkQuorum ? limits.leaseMs : 0,
      commitTimeoutMs: limits.commitTimeoutMs,
      diskStallMs: limits.diskStallMs,
      snapshotChunkBytes: limits.snapshotChunkBytes,
    };
  }

  configurationAt(appliedIndex: number): Configuration {
    return this.state.configurations.at(appliedIndex);
  }

  private refuse(token: number): void {
    this.state.outbox.requestFailed(token, RejectReason.NotLeader, this.state.leader);
  }

  /** Whether a reply is of this term. A newer term ends what this server was doing (Raft §5.1); an older one is void. */
  private isCurrent(term: number): boolean {
    if (term > this.state.term) this.becomeFollower(term, 0);
    return term === this.state.term;
  }

  /** What a leader says. Returns what is wrong with it, where that shows only now. */
  private fromLeader(from: NodeId, message: AppendRequest | Heartbeat | SnapshotChunk): Refusal | undefined {
    const { state } = this;
    if (message.term < state.term) {
      this.refuseOldLeader(from, message);
      return undefined;
    }
    // Two leaders in one term cannot be (election safety); whoever says so is not believed.
    if (
      message.term === state.term &&
      (this.leadership !== undefined || (state.leader !== 0 && state.leader !== from))
    ) {
      return undefined;
    }
    if (message.term > state.term || state.leader !== from) this.becomeFollower(message.term, from);
    state.leaderHeardMs = state.nowMs;
    state.resetElectionTimer();
    if (message.type === 'snapshot') return refused(this.follower.snapshot(from, message));
    if (message.type === 'append') return this.follower.append(from, message);
    this.answerHeartbeat(from, message.round);
    return undefined;
  }

  private answerHeartbeat(to: NodeId, round: number): void {
    const { state } = this;
    const { term, commitIndex: commit } = state;
    state.reply(to, { type: 'heartbeat-reply', term, round, lastIndex: state.log.lastIndex, commit });
  }

  private refuseOldLeader(from: NodeId, message: AppendRequest | Heartbeat | SnapshotChunk): void {
    const { state } = this;
    const { term } = state;
    if (message.type === 'append') {
      state.reply(from, { type: 'append-reply', term, seq: message.seq, ok: false, index: 0 });
    } else if (message.type === 'snapshot') {
      const { seq, index } = message;
      state.reply(from, { type: 'snapshot-reply', term, seq, index, received: 0, installed: false });
    } else this.answerHeartbeat(from, message.round);
  }

  private becomeFollower(term: number, leader: NodeId): void {
    const { state } = this;
    if (term > state.term) state.enterTerm(term, 0);
    state.leader = leader;
    const { leadership } = this;
    const stood = leadership !== undefined || this.elections.standing;
    this.leadership = undefined;
    this.elections.withdraw();
    state.role = Role.Follower;
    state.refreshRole();
    if (stood) state.resetElectionTimer();
    leadership?.abandon();
    state.handover.ledBy(leader);
  }

  private becomeLeader(): void {
    const { state } = this;
    state.role = Role.Leader;
    state.leader = state.id;
    state.handover.ledBy(state.id);
    this.leadership = new Leadership(state, () => this.becomeFollower(state.term, 0));
  }

  private timeoutNow(from: NodeId, message: TimeoutNow): void {
    const { state } = this;
    if (message.term !== state.term || message.term >= TERM_MAX || state.leader !== from) return;
    if (!state.mayStand || state.diskStalled) return;
    this.elections.campaign(true);
  }
}

/** Whether the term in a message is its sender's own: requests for votes, and votes given, may name one that nobody took yet. */
function tellsTerm(message: HashicorpMessage): boolean {
  return message.type !== 'vote' && !(message.type === 'vote-reply' && message.granted);
}
