import type { EffectiveSettings, EngineInit, NodeId, Refusal } from '../contract.ts';
import { CoreEngine } from '../parts/coreEngine.ts';
import { readProofText } from '../parts/leaderLease.ts';
import { chunkFault } from '../parts/snapshotChunks.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import { refused } from '../parts/untrusted.ts';
import { Election } from './election.ts';
import { appendFault, FollowerLog } from './follower.ts';
import { Leader } from './leader.ts';
import type { AppendRequest, HashicorpMessage, Heartbeat, SnapshotChunk, TimeoutNow } from './messages.ts';
import { ServerState } from './state.ts';

/**
 * A consensus engine with the architecture of hashicorp/raft: a replicator per follower, heartbeats beside it, a commitment
 * tracker, group commit of an apply queue, a leader lease, VerifyLeader, voters and non-voters.
 */
export class HashicorpEngine extends CoreEngine<HashicorpMessage, ServerState, Leader> {
  protected readonly election: Election;
  private readonly follower: FollowerLog;

  constructor(init: EngineInit) {
    super(new ServerState(init));
    this.follower = new FollowerLog(this.state);
    this.election = new Election(this.state, {
      leader: () => this.leader,
      won: () => this.lead(),
      follow: (term, leader) => this.follow(term, leader),
    });
  }

  protected override get isActive(): boolean {
    return this.state.mayStand;
  }

  receive(from: NodeId, message: HashicorpMessage): Refusal | undefined {
    const { state } = this;
    if (from === state.id) return refused(`a ${message.type} in the name of server ${from}`);
    const tooFar = this.refusalOfTerm(message.term, tellsTerm(message));
    if (tooFar !== undefined) return tooFar;
    switch (message.type) {
      case 'append':
      case 'snapshot': {
        const fault = message.type === 'append' ? appendFault(message) : chunkFault(message, message.term);
        return fault === undefined ? this.fromLeader(from, message) : refused(fault);
      }
      case 'heartbeat':
        this.fromLeader(from, message);
        break;
      case 'vote':
        this.election.voteRequested(from, message);
        break;
      case 'timeout-now':
        this.timeoutNow(from, message);
        break;
      case 'vote-reply':
        if (message.term <= state.term + 1) this.leader?.heard(from);
        if (message.preVote && message.granted) this.election.preVoteGranted(from, message);
        else if (this.isCurrent(message.term)) this.election.voteReplied(from, message);
        break;
      case 'append-reply':
        if (this.isCurrent(message.term)) this.leader?.appendReplied(from, message);
        break;
      case 'heartbeat-reply':
        if (this.isCurrent(message.term)) this.leader?.heartbeatReplied(from, message);
        break;
      case 'snapshot-reply':
        if (this.isCurrent(message.term)) this.leader?.snapshotReplied(from, message);
        break;
    }
    return undefined;
  }

  protected override flush(): void {
    this.leader?.pump();
    this.follower.flush();
  }

  effectiveSettings(): EffectiveSettings {
    const { limits, settings } = this.state;
    const { batch, checkQuorum, electionTimeoutMs, heartbeatMs } = settings;
    return {
      electionTimeoutMs,
      heartbeatMs,
      batch,
      entriesPerMessage: limits.entriesPerMessage,
      pipelineEntries: limits.pipelineEntries,
      catchUpEntriesMax: limits.catchUpEntries,
      maxMessageBytes: limits.messageBytes,
      checkQuorum,
      preVote: true,
      reads: readProofText(settings, 'heartbeats sent after the read'),
      // Without check of the quorum nothing ends with it.
      leaderLeaseMs: checkQuorum ? limits.leaseMs : 0,
      commitTimeoutMs: limits.commitTimeoutMs,
      diskStallMs: limits.diskStallMs,
      snapshotChunkBytes: settings.snapshotChunkBytes,
    };
  }

  /** Whether a reply is of this term. A newer term ends what this server was doing (Raft §5.1); an older one is void. */
  private isCurrent(term: number): boolean {
    if (term > this.state.term) this.follow(term, 0);
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
      (this.leader !== undefined || (state.leaderId !== 0 && state.leaderId !== from))
    ) {
      return undefined;
    }
    if (message.term > state.term || state.leaderId !== from) this.follow(message.term, from);
    state.leaderHeardMs = state.nowMs;
    state.promise.heard();
    state.restartElectionTimer();
    if (message.type === 'snapshot') return refused(this.follower.snapshot(from, message));
    if (message.type === 'append') return this.follower.append(from, message);
    this.answerHeartbeat(from, message.round, state.promise.toldMs);
    return undefined;
  }

  private answerHeartbeat(to: NodeId, round: number, promisedMs?: number): void {
    const { state } = this;
    const { term, commitIndex: commit } = state;
    state.reply(to, { type: 'heartbeat-reply', term, round, lastIndex: state.log.lastIndex, commit, promisedMs });
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

  protected override follow(term: number, leader: NodeId): void {
    const { state, election, leader: former } = this;
    if (term > state.term) state.enterTerm(term, 0);
    state.leaderId = leader;
    if (former !== undefined || election.role !== undefined) state.restartElectionTimer();
    this.leader = undefined;
    election.withdraw();
    former?.stop(leader);
    state.handover.ledBy(leader);
  }

  private lead(): void {
    const { state } = this;
    state.leaderId = state.id;
    state.handover.ledBy(state.id);
    this.leader = new Leader(state, () => this.follow(state.term, 0));
  }

  private timeoutNow(from: NodeId, message: TimeoutNow): void {
    const { state } = this;
    if (message.term !== state.term || message.term >= TERM_MAX || state.leaderId !== from) return;
    if (!state.mayStand || state.diskStalled) return;
    this.election.campaign(true);
  }
}

/** Whether the term in a message is its sender's own: requests for votes, and votes given, may name one that nobody took yet. */
function tellsTerm(message: HashicorpMessage): boolean {
  return message.type !== 'vote' && !(message.type === 'vote-reply' && message.granted);
}
