import { ChangeType, type MembershipChange, type NodeId, type PeerStatus, type Snapshot } from '../contract.ts';
import { Entry, EntryType, noopEntry } from '../entry.ts';
import { configurationAfter } from '../membership/changes.ts';
import type { PeerView } from '../membership/leaderView.ts';
import { LeaderCore } from '../parts/leaderCore.ts';
import { encodeChange } from './membership.ts';
import type {
  AppendEntriesResponse,
  GorumsMessage,
  RequestVote,
  SnapshotChunkResponse,
  TimeoutNow,
} from './messages.ts';
import type { Peer } from './peer.ts';
import { isQuorum } from './quorum.ts';
import { Reads } from './reads.ts';
import { Replication } from './replication.ts';
import type { ServerState } from './state.ts';

/** Everything that a server is only while it leads: quorum functions turn the replies to its rounds into one answer. */
export class Leader extends LeaderCore<GorumsMessage, ServerState> {
  private readonly resign: () => void;
  private readonly reads = new Reads();
  private readonly replication: Replication;
  /** What was asked for, and is in the log at `index`, not committed yet. */
  private change: { readonly token: number; readonly index: number } | undefined;
  /** Start of the latest round that a quorum answered. */
  private quorumMs: number;

  /** Appends the Internal entry that lets this term commit (Raft §8). `resign` ends this leadership without a new term. */
  constructor(state: ServerState, resign: () => void) {
    super(state);
    this.resign = resign;
    this.quorumMs = state.nowMs;
    this.replication = new Replication(state, this.reads, this.startIndex);
    state.append([noopEntry(this.startIndex, state.term)]);
    this.refreshPeers();
  }

  protected override takeRead(token: number): void {
    this.reads.add(token);
  }

  protected override abandonReads(): readonly number[] {
    return this.reads.abandon();
  }

  catchMeUp(follower: NodeId, nextIndex: number): void {
    const peer = this.heardPeer(follower);
    if (peer === undefined) return;
    if (peer.behindUntil === 0) {
      peer.behindUntil = this.state.log.lastIndex;
      this.state.out.events.push('catchup');
    }
    this.replication.askedFor(peer, nextIndex);
  }

  /** A reply of this term. */
  answered(from: NodeId, reply: AppendEntriesResponse): void {
    const peer = this.heardPeer(from);
    if (peer === undefined) return;
    if (!reply.success) peer.refused(reply.call);
    this.recordReply(from, reply, reply.success ? this.replication.succeeded(peer, reply.call) : undefined);
  }

  /** The follower installed a snapshot that it got in one call; what it lacks beyond it follows. */
  snapshotInstalled(from: NodeId, call: number): void {
    const peer = this.heardPeer(from);
    if (peer !== undefined) this.replication.snapshotInstalled(peer, call);
  }

  chunkAnswered(from: NodeId, response: SnapshotChunkResponse): void {
    const peer = this.heardPeer(from);
    if (peer !== undefined) this.replication.chunkAnswered(peer, response);
  }

  private heardPeer(id: NodeId): Peer | undefined {
    const peer = this.replication.peer(id);
    if (peer === undefined) return undefined;
    peer.heardMs = this.state.nowMs;
    this.heard(id);
    return peer;
  }

  private recordReply(
    from: NodeId,
    { call, promisedMs = 0 }: AppendEntriesResponse,
    matchedIndex: number | undefined,
  ): void {
    const replied = this.replication.rounds.reply(from, call, matchedIndex);
    if (replied === undefined) return;
    this.lease.promised(from, replied.startMs, promisedMs);
    if (isQuorum(this.state.configurations.latest, replied.heard)) {
      this.quorumMs = Math.max(this.quorumMs, replied.startMs);
      this.confirmReads(call);
    }
    this.countRounds();
  }

  private confirmReads(call: number): void {
    for (const { token, index } of this.reads.confirm(call)) this.state.out.reads.push({ token, ok: true, index });
  }

  /** Commits what the rounds' answers allow: only entries of this term are committed by counting (Raft §5.4.2). */
  countRounds(): void {
    const { state } = this;
    const { rounds } = this.replication;
    const { latest } = state.configurations;
    const { index, answeredCall } = rounds.answer(latest, state.id, state.writes.durableIndex);
    if (answeredCall > 0) {
      this.confirmReads(answeredCall);
      rounds.close(answeredCall);
    }
    if (index > state.commitIndex && state.log.term(index) === state.term) {
      this.replication.committed();
      state.commitTo(index);
      this.committed();
    }
  }

  override ownWriteDurable(): void {
    this.countRounds();
  }

  private committed(): void {
    const { state, change } = this;
    if (change !== undefined && change.index <= state.commitIndex) {
      this.change = undefined;
      state.out.requests.push({ token: change.token, ok: true });
      // The last round to a removed server tells it that its removal is committed.
      this.replication.startRound();
      this.refreshPeers();
    }
    if (!state.isChangeInLog && !state.isVoter) {
      this.nameSuccessor();
      this.resign();
    }
  }

  override tick(): void {
    const { state } = this;
    const { electionTimeoutMs, checkQuorum } = state.settings;
    if (checkQuorum && state.nowMs - this.quorumMs > electionTimeoutMs && !this.alone) {
      this.resign();
      return;
    }
    this.countAudience();
    this.replication.tick();
  }

  /** A quorum gets a little time to answer, the rounds that are out count on. */
  override woke(graceMs: number): void {
    const { nowMs } = this.state;
    this.audience.woke(nowMs);
    this.lease.woke(nowMs);
    this.quorumMs = Math.max(this.quorumMs, nowMs + graceMs - this.state.settings.electionTimeoutMs);
  }

  private get alone(): boolean {
    const { voters } = this.state.configurations.latest;
    return voters.length === 1 && voters[0] === this.state.id;
  }

  override pump(): void {
    this.appendQueued();
    this.preparations.advance();
    this.handOver();
    this.ask();
    this.answerLeased();
    if (!this.isSilent) this.replication.pump();
    if (this.alone) {
      this.quorumMs = this.state.nowMs;
      this.confirmReads(Number.POSITIVE_INFINITY);
    }
    this.countRounds();
  }

  protected override question(): RequestVote {
    const { id: candidate, log, term } = this.state;
    const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = log;
    const call = this.state.nextCall();
    return { type: 'RequestVote', call, candidate, term: term + 1, lastLogIndex, lastLogTerm, preVote: true };
  }

  protected override order(): TimeoutNow {
    const { id: leader, term } = this.state;
    return { type: 'TimeoutNow', call: this.state.nextCall(), leader, term };
  }

  /** And on its way. */
  protected override get isIdle(): boolean {
    return super.isIdle && this.replication.isAllSent;
  }

  /** One change at a time, and only once this term has committed an entry (thesis §4.1 and its erratum). */
  override reconfigure(change: MembershipChange, token: number): void {
    const { latest } = this.state.configurations;
    const isVoters = change.type === ChangeType.AddVoter || change.type === ChangeType.Remove;
    const after = isVoters ? configurationAfter(latest, change) : undefined;
    this.preparations.change(change, token, after && [after]);
  }

  private refreshPeers(): void {
    this.replication.refreshPeers(this.preparations.newcomer);
  }

  override stage(): void {
    this.refreshPeers();
  }

  override unstage(): void {
    this.refreshPeers();
  }

  override appendChange(change: MembershipChange, token: number): void {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    this.change = { token, index };
    state.append([new Entry(index, state.term, EntryType.Reconf, encodeChange(change))]);
    this.refreshPeers();
  }

  protected override peer(id: NodeId): PeerView | undefined {
    return this.replication.peer(id);
  }

  override sending(): Snapshot[] {
    return this.replication.sending();
  }

  override peerStatus(): PeerStatus[] {
    return this.replication.peerStatus();
  }
}
