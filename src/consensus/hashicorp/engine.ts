import {
  type Configuration,
  type Engine,
  type EngineInit,
  type EngineStatus,
  type MembershipChange,
  type NodeId,
  type Output,
  type ProposalBatch,
  RejectReason,
  Role,
} from '../contract.ts';
import { FollowerLog } from './follower.ts';
import { Leadership } from './leadership.ts';
import type {
  AppendRequest,
  HashicorpMessage,
  Heartbeat,
  SnapshotChunk,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './messages.ts';
import { majority } from './quorum.ts';
import { ServerState } from './state.ts';

/** An election or pre-election that this server stands in. */
interface Candidacy {
  readonly preVote: boolean;
  readonly granted: Set<NodeId>;
  readonly refused: Set<NodeId>;
}

/** A transfer whose target was told to take over; it ends when the next leader is known. */
interface Takeover {
  readonly target: NodeId;
  readonly token: number;
  readonly deadlineMs: number;
}

/**
 * A consensus engine with the architecture of hashicorp/raft: a replicator per follower, heartbeats beside it, a commitment
 * tracker, group commit of an apply queue, a leader lease, VerifyLeader and Barrier, voters and non-voters.
 */
export class HashicorpEngine implements Engine<HashicorpMessage> {
  private readonly state: ServerState;
  private readonly follower: FollowerLog;
  private leadership: Leadership | undefined;
  private candidacy: Candidacy | undefined;
  private takeover: Takeover | undefined;

  constructor(init: EngineInit) {
    this.state = new ServerState(init);
    this.follower = new FollowerLog(this.state);
  }

  tick(nowMs: number): void {
    const { state, takeover } = this;
    state.nowMs = Math.max(state.nowMs, nowMs);
    if (takeover !== undefined && state.nowMs >= takeover.deadlineMs) {
      this.takeover = undefined;
      state.outbox.requestFailed(takeover.token, RejectReason.Timeout, state.leader);
    }
    if (this.leadership !== undefined) this.leadership.tick();
    else if (state.nowMs >= state.electionDueMs) this.electionTimedOut();
  }

  receive(from: NodeId, message: HashicorpMessage): void {
    if (from === this.state.id) return;
    switch (message.type) {
      case 'append':
      case 'heartbeat':
      case 'snapshot':
        this.fromLeader(from, message);
        break;
      case 'vote':
        this.voteRequested(from, message);
        break;
      case 'timeout-now':
        this.timeoutNow(from, message);
        break;
      case 'vote-reply':
        if (message.preVote && message.granted) this.preVoteGranted(from, message);
        else if (this.isCurrent(message.term)) this.voteReplied(from, message);
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

  /** A RequestOutcome follows once everything proposed before is applied on this server; as for `reconfigure` otherwise. */
  barrier(token: number): void {
    if (this.leadership !== undefined) this.leadership.barrier(token);
    else this.refuse(token);
  }

  /**
   * Replaces the state machine of every server by `snapshot`, which becomes one log entry and therefore fits in
   * `maxMessageBytes` (`overloaded` otherwise). The membership stays as it is. A RequestOutcome follows once it is applied.
   */
  restoreUserSnapshot(snapshot: Uint8Array, token: number): void {
    if (this.leadership !== undefined) this.leadership.restoreUserSnapshot(snapshot, token);
    else this.refuse(token);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.leadership !== undefined) this.leadership.reconfigure(change, token);
    else this.refuse(token);
  }

  transferLeadership(to: NodeId, token: number): void {
    if (this.leadership !== undefined) this.leadership.transferLeadership(to, token);
    else this.refuse(token);
  }

  durable(mark: number): void {
    const { state } = this;
    state.writes.durable(mark);
    if (this.leadership !== undefined) this.leadership.ownWriteDurable();
    else if (state.role === Role.Candidate && state.writes.durableTerm === state.term) {
      // A candidate counts its own vote when it is on disk, like everybody else's.
      this.candidacy?.granted.add(state.id);
      this.countVotes();
    }
  }

  applied(index: number): void {
    this.state.appliedIndex = Math.max(this.state.appliedIndex, index);
    this.state.requests.applied(this.state.appliedIndex);
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
    return state.outbox.take(persist, committed);
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
    };
  }

  effectiveSettings(): Readonly<Record<string, string | number | boolean>> {
    const { limits } = this.state;
    return {
      electionTimeoutMs: limits.electionTimeoutMs,
      heartbeatMs: limits.heartbeatMs,
      batch: limits.batch,
      entriesPerMessage: limits.entriesPerMessage,
      catchUpEntries: limits.windowEntries,
      maxMessageBytes: limits.messageBytes,
      // The leader lease is part of this architecture and has no switch.
      checkQuorum: true,
      preVote: true,
      leaderLeaseMs: limits.leaseMs,
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

  private fromLeader(from: NodeId, message: AppendRequest | Heartbeat | SnapshotChunk): void {
    const { state } = this;
    if (message.term < state.term) {
      this.refuseOldLeader(from, message);
      return;
    }
    // Two leaders in one term cannot be (election safety); whoever says so is not believed.
    if (
      message.term === state.term &&
      (this.leadership !== undefined || (state.leader !== 0 && state.leader !== from))
    ) {
      return;
    }
    if (message.term > state.term || state.leader !== from) this.becomeFollower(message.term, from);
    state.leaderHeardMs = state.nowMs;
    state.resetElectionTimer();
    if (message.type === 'append') this.follower.append(from, message);
    else if (message.type === 'snapshot') this.follower.snapshot(from, message);
    else {
      this.answerHeartbeat(from, message.round);
    }
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
    const stood = leadership !== undefined || this.candidacy !== undefined;
    this.leadership = undefined;
    this.candidacy = undefined;
    state.role = Role.Follower;
    state.refreshRole();
    if (stood) state.resetElectionTimer();
    const transfer = leadership?.abandon();
    if (transfer !== undefined) this.takeover = transfer;
    if (leader !== 0) this.takenOver(leader);
  }

  private takenOver(leader: NodeId): void {
    const { takeover, state } = this;
    if (takeover === undefined) return;
    this.takeover = undefined;
    if (leader === takeover.target) state.outbox.requests.push({ token: takeover.token, ok: true });
    else state.outbox.requestFailed(takeover.token, RejectReason.NotLeader, leader);
  }

  private electionTimedOut(): void {
    const { state } = this;
    state.resetElectionTimer();
    if (state.leader !== 0) state.outbox.event('failure');
    state.leader = 0;
    if (!state.isVoter || state.diskStalled) {
      this.candidacy = undefined;
      state.role = Role.Follower;
      state.refreshRole();
      return;
    }
    state.outbox.event('preelection');
    state.role = Role.PreCandidate;
    this.candidacy = { preVote: true, granted: new Set([state.id]), refused: new Set() };
    this.requestVotes(state.term + 1, false);
    this.countVotes();
  }

  /** Raft §5.2. The requests leave when the new term and this server's own vote are on disk. */
  private campaign(transfer: boolean): void {
    const { state } = this;
    state.outbox.event('election');
    state.role = Role.Candidate;
    state.leader = 0;
    state.enterTerm(state.term + 1, state.id);
    state.resetElectionTimer();
    this.candidacy = { preVote: false, granted: new Set(), refused: new Set() };
    this.requestVotes(state.term, transfer);
  }

  private requestVotes(term: number, transfer: boolean): void {
    const { state, candidacy } = this;
    const preVote = candidacy!.preVote;
    const { lastIndex, lastTerm } = state.log;
    for (const id of state.configuration.voters) {
      if (id === state.id) continue;
      const request: VoteRequest = { type: 'vote', term, preVote, transfer, lastIndex, lastTerm };
      if (preVote) state.outbox.send(id, request);
      else state.outbox.sendAfterPersist(id, request);
    }
  }

  private voteRequested(from: NodeId, request: VoteRequest): void {
    const { state } = this;
    const { term, preVote, transfer } = request;
    // A server that hears from a leader neither votes nor takes the newer term (thesis §4.2.3), unless that leader wants it.
    const hasLeader =
      this.leadership !== undefined ||
      (state.leader !== 0 && state.nowMs - state.leaderHeardMs < state.limits.electionTimeoutMs);
    const hears = !(hasLeader && !transfer);
    const upToDate = state.isUpToDate(request.lastTerm, request.lastIndex);
    if (preVote) {
      const granted = hears && upToDate && term > state.term;
      state.reply(from, { type: 'vote-reply', term: granted ? term : state.term, preVote, granted });
      return;
    }
    if (term > state.term && hears) this.becomeFollower(term, 0);
    const free = state.vote === 0 || state.vote === from;
    if (term === state.term && free && state.leader === 0 && upToDate) {
      state.vote = from;
      state.resetElectionTimer();
      state.outbox.sendAfterPersist(from, { type: 'vote-reply', term, preVote, granted: true });
    } else state.reply(from, { type: 'vote-reply', term: state.term, preVote, granted: false });
  }

  private preVoteGranted(from: NodeId, reply: VoteReply): void {
    if (this.candidacy?.preVote !== true || reply.term !== this.state.term + 1) return;
    this.candidacy.granted.add(from);
    this.countVotes();
  }

  private voteReplied(from: NodeId, reply: VoteReply): void {
    const { candidacy } = this;
    if (candidacy === undefined || candidacy.preVote !== reply.preVote) return;
    (reply.granted ? candidacy.granted : candidacy.refused).add(from);
    this.countVotes();
  }

  private countVotes(): void {
    const { state, candidacy } = this;
    if (candidacy === undefined) return;
    const { voters } = state.configuration;
    const needed = majority(voters.length);
    if (voters.filter((id) => candidacy.granted.has(id)).length >= needed) {
      if (candidacy.preVote) this.campaign(false);
      else this.becomeLeader();
    } else if (voters.filter((id) => candidacy.refused.has(id)).length >= needed) {
      this.candidacy = undefined;
      state.role = Role.Follower;
      state.refreshRole();
    }
  }

  private becomeLeader(): void {
    const { state } = this;
    this.candidacy = undefined;
    state.role = Role.Leader;
    state.leader = state.id;
    state.outbox.event('becomeleader');
    if (this.takeover !== undefined) this.takenOver(state.id);
    this.leadership = new Leadership(state, () => this.becomeFollower(state.term, 0));
  }

  private timeoutNow(from: NodeId, message: TimeoutNow): void {
    const { state } = this;
    if (message.term !== state.term || state.leader !== from || !state.isVoter || state.diskStalled) return;
    this.campaign(true);
  }
}
