import type { EffectiveSettings, EngineInit, NodeId, Refusal } from '../contract.ts';
import { CoreEngine } from '../parts/coreEngine.ts';
import { readProofText } from '../parts/leaderLease.ts';
import { chunkFault } from '../parts/snapshotChunks.ts';
import { refused } from '../parts/untrusted.ts';
import { Election } from './election.ts';
import { appendFault, chunkOf, Follower } from './follower.ts';
import { Leader } from './leader.ts';
import { CATCH_UP_MESSAGES_MAX } from './limits.ts';
import type { GorumsMessage } from './messages.ts';
import { ServerState } from './state.ts';

/** Raft (Ongaro, Ousterhout 2014) in terms of quorum calls, with pre-election and follower-driven catch-up. */
export class GorumsEngine extends CoreEngine<GorumsMessage, ServerState, Leader> {
  protected readonly election: Election;
  private readonly follower: Follower;

  constructor(init: EngineInit) {
    super(new ServerState(init));
    this.follower = new Follower(this.state);
    this.election = new Election(this.state, {
      leader: () => this.leader,
      won: () => this.lead(),
      follow: (term, leader) => this.follow(term, leader),
    });
  }

  protected override get isActive(): boolean {
    return this.state.isVoter;
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
        return refused(this.follower.snapshot(from, message, this.heardFromLeader(message.term, message.leader)));
      case 'InstallSnapshotResponse':
        if (message.term > this.state.term) this.follow(message.term, 0);
        else if (message.term === this.state.term) this.leader?.snapshotInstalled(from, message.call);
        break;
      case 'SnapshotChunk':
        return refused(this.follower.chunk(from, message, this.heardFromLeader(message.term, message.leader)));
      case 'SnapshotChunkResponse':
        if (message.term > this.state.term) this.follow(message.term, 0);
        else if (message.term === this.state.term) this.leader?.chunkAnswered(from, message);
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
    const tooFar = 'term' in message ? this.refusalOfTerm(message.term, tellsTerm(message)) : undefined;
    if (tooFar !== undefined) return tooFar;
    if (message.type === 'AppendEntries') return refused(appendFault(message));
    if (message.type === 'SnapshotChunk') return refused(chunkFault(message, message.term));
    return message.type === 'InstallSnapshot' ? refused(chunkFault(chunkOf(message), message.term)) : undefined;
  }

  protected override flush(): void {
    this.leader?.pump();
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

  protected override follow(term: number, leader: NodeId): void {
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

  effectiveSettings(): EffectiveSettings {
    const { settings } = this.state;
    const { batch, entriesPerMessage, catchUpMultiplier, checkQuorum, electionTimeoutMs, heartbeatMs } = settings;
    const catchUpEntriesPerMessage = entriesPerMessage * catchUpMultiplier;
    return {
      batch,
      entriesPerMessage: batch ? entriesPerMessage : 1,
      catchUpEntriesPerMessage,
      catchUpEntriesMax: catchUpEntriesPerMessage * CATCH_UP_MESSAGES_MAX,
      maxMessageBytes: settings.maxMessageBytes,
      snapshotChunkBytes: settings.snapshotChunkBytes,
      checkQuorum,
      electionTimeoutMs,
      heartbeatMs,
      preVote: true,
      reads: readProofText(settings, 'quorum round'),
    };
  }
}

/** Whom a message names as its sender; responses name nobody. */
function speaker(message: GorumsMessage, from: NodeId): NodeId {
  switch (message.type) {
    case 'RequestVote':
      return message.candidate;
    case 'AppendEntries':
    case 'InstallSnapshot':
    case 'SnapshotChunk':
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
